"""Evidence before verdicts, as a user sees it: luck is not taken for progress, and devices do not mix."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memorylab.core.text import short_id
from tests.conftest import Lab, Templates


def log(lab: Lab, value: float, *options: str, device: str = "cpu", seed: int = 42) -> dict[str, Any]:
    """Log HEAD with a sidecar; the record."""
    sidecar = {
        "val_bpb": value, "training_seconds": 15.0, "device": device, "seed": seed, "budget_kind": "cpu_seconds",
        "budget": 15.0, "evaluator": "e" * 12,
    }  # fmt: skip
    path = lab.path.parent / "summary.json"
    path.write_text(json.dumps(sidecar))
    found: dict[str, Any] = json.loads(lab.run("log", "--summary", str(path), "--json", *options).stdout)
    return found


def turn(lab: Lab, knob: str, to: object) -> str:
    lab.edit(knob, to)
    return lab.commit(f"{knob} to {to}")


def registry(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((lab.path / "results/memorylab/champion_challenger.json").read_text())
    return found


@pytest.fixture
def measured(templates: Templates, tmp_path: Path) -> Lab:
    """A champion with four runs, whose luck is known: a standard deviation of about 0.01."""

    def tell(lab: Lab) -> None:
        lab.commit("baseline")
        for seed, value in enumerate((1.5, 1.51, 1.492, 1.503)):
            log(lab, value, seed=seed)

    return templates.told("a champion with four runs", tell, tmp_path)


def test_a_lucky_run_is_no_win(measured: Lab) -> None:
    turn(measured, "DEPTH", 9)
    packet = log(measured, 1.493, "--hypothesis", "deeper is better")["decision_packet"]
    assert packet["next_action"] == "replicate" and packet["hypothesis_status"] == "inconclusive"
    compared = packet["comparison"]
    assert not compared["is_new_champion"]
    assert compared["delta_to_prior_champion"] == pytest.approx(1.493 - 1.50125)
    assert 0.2 < compared["probability"] < 0.95
    assert (compared["replicates"], compared["champion_replicates"], compared["noise_replicates"]) == (1, 4, 3)
    assert 0.004 < compared["noise"] < 0.02
    assert compared["group"] == "cpu, 15 cpu_seconds, evaluator eeeeeeeeeeee"
    assert registry(measured)["champion"]["value"] == pytest.approx(1.50125)


def test_a_real_gain_is_promoted_with_its_probability(measured: Lab) -> None:
    commit = turn(measured, "DEPTH", 9)
    run = log(measured, 1.40, "--hypothesis", "deeper is better")
    packet = run["decision_packet"]
    assert (run["status"], packet["next_action"], packet["hypothesis_status"]) == ("keep", "promote", "supported")
    assert packet["comparison"]["probability"] > 0.99
    said = measured.run("show", commit).stdout
    assert "better with probability >0.99 (1 run against 4, noise 0.0" in said
    assert "from 3 replicates), in the group cpu, 15 cpu_seconds, evaluator eeeeeeeeeeee" in said
    board = registry(measured)
    assert board["champion"]["commit"] == board["leader"]["commit"] == commit
    assert board["champion"]["probability"] > 0.99


def test_more_evidence_takes_a_lead_back(measured: Lab) -> None:
    turn(measured, "DEPTH", 9)
    first = log(measured, 1.478)
    assert first["status"] == "keep" and first["decision_packet"]["next_action"] in ("promote", "replicate")
    for seed, value in enumerate((1.53, 1.52, 1.51, 1.515)):
        last = log(measured, value, seed=seed)
    assert last["status"] == "discard"
    assert last["decision_packet"]["next_action"] == "abandon"
    assert "Build on" not in last["decision_packet"]["rationale"], "a reset goes there"
    assert registry(measured)["champion"]["value"] == pytest.approx(1.50125)
    # What was decided at the time stands as it was decided.
    assert (
        json.loads(measured.run("show", first["run_id"], "--json").stdout)["decision_packet"]
        == first["decision_packet"]
    )


def test_another_device_takes_the_lead_from_nobody(measured: Lab) -> None:
    here = registry(measured)["champion"]["run_id"]
    turn(measured, "DEPTH", 9)
    far = log(measured, 0.9, device="cuda:0 (NVIDIA H100)")
    assert far["decision_packet"]["comparison"]["prior_champion_run_id"] is None
    board = registry(measured)
    assert board["label"].startswith("cuda (NVIDIA H100), ")
    assert board["champion"]["run_id"] == far["run_id"]
    assert [other["champion"]["run_id"] for other in board["other_groups"]] == [here]
    assert "another group, cpu, 15 cpu_seconds, evaluator eeeeeeeeeeee: champion 1.50" in measured.run("status").stdout
    measured.run("report")
    report = (measured.path / "results/memorylab/reports/latest.md").read_text()
    assert "Others have champions of their own" in report and here in report
    # Back on the first device it is its own champion that counts.
    turn(measured, "DEPTH", 10)
    near = log(measured, 1.6)
    assert near["status"] == "discard"
    assert near["decision_packet"]["comparison"]["prior_champion_run_id"] == here
    assert registry(measured)["champion"]["run_id"] == here


def test_a_result_that_does_not_say_where_leads_its_own_group(measured: Lab) -> None:
    here = registry(measured)["champion"]["run_id"]
    table = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t0.9\t44.0\tkeep\tbaseline of an H100\n"
    (measured.path.parent / "theirs.tsv").write_text(table)
    measured.run("import", "../theirs.tsv")
    turn(measured, "DEPTH", 9)
    log(measured, 1.6)
    board = registry(measured)
    assert board["champion"]["run_id"] == here
    assert [other["label"] for other in board["other_groups"]] == ["not stated"]


def test_status_shows_the_group_of_this_clone(measured: Lab, make_lab: Callable[..., Lab]) -> None:
    measured.git("init", "-q", "--bare", "../remote.git")
    measured.git("remote", "add", "origin", "../remote.git")
    measured.git("push", "-q", "origin", "main")
    measured.run("sync")
    measured.git("clone", "-q", "../remote.git", "../other")
    other = Lab(measured.path.parent / "other")
    other.run("init")
    turn(other, "DEPTH", 9)
    log(other, 0.9, device="cuda (NVIDIA H100)")
    other.run("sync")
    measured.run("sync")
    assert registry(measured) == registry(other), "the file is the same in every clone"
    ours = json.loads(measured.run("status", "--json").stdout)["registry"]
    theirs = json.loads(other.run("status", "--json").stdout)["registry"]
    assert (ours["group"]["device"], theirs["group"]["device"]) == ("cpu", "cuda (NVIDIA H100)")


def test_the_report_says_what_luck_is(lab: Lab) -> None:
    lab.experiment("baseline", 1.5)
    lab.run("report")
    path = lab.path / "results/memorylab/reports/latest.md"
    assert "- Noise of one run: 0.0045 (assumed: nothing was run twice; 90 % within " in path.read_text()
    lab.result(1.52)
    lab.run("log", "--log", "run.log")
    lab.run("report")
    assert "(from 1 replicate; 90 % within " in path.read_text()
    assert "2 runs." in path.read_text()


def test_the_report_lists_dead_ends_worth_reopening(measured: Lab) -> None:
    turn(measured, "DEPTH", 9)
    dead = log(measured, 1.503)
    assert dead["status"] == "discard"
    measured.git("reset", "-q", "--hard", "HEAD~1")
    kept = turn(measured, "DEPTH", 12)
    log(measured, 1.3)
    measured.run("report")
    report = (measured.path / "results/memorylab/reports/latest.md").read_text()
    section = report.partition("## Dead ends worth reopening")[2].partition("\n## ")[0]
    assert short_id(dead["run_id"]) in section and f"DEPTH 8 → 12 was kept in {kept[:7]}" in section
    assert registry(measured)["reopen"][0]["run_id"] == dead["run_id"]
    said = measured.run("check", "--description", "DEPTH to 9").stdout
    assert "; strength 0." in said and " after 1 run against 4" in said


def test_the_queue_asks_once_for_each_program(measured: Lab) -> None:
    """What is known of a program is in the packet of its latest run; the earlier ones ask for what was done since."""
    turn(measured, "DEPTH", 9)
    first, second = log(measured, 1.495, seed=1), log(measured, 1.497, seed=2)
    measured.run("report")
    report = (measured.path / "results/memorylab/reports/latest.md").read_text()
    queue = report.partition("## Decision queue")[2].partition("\n## ")[0]
    assert short_id(second["run_id"]) in queue and short_id(first["run_id"]) not in queue
    assert queue.count("] baseline  \n") == 1


def test_the_settings_rule(lab: Lab) -> None:
    lab.commit("baseline")
    log(lab, 1.5)
    lab.git("config", "memorylab.noise", "0.1")
    turn(lab, "DEPTH", 9)
    assert log(lab, 1.40)["decision_packet"]["next_action"] != "promote"
    lab.git("config", "memorylab.noise", "0.0001")
    turn(lab, "DEPTH", 10)
    found = log(lab, 1.38)["decision_packet"]
    assert found["next_action"] == "promote" and found["comparison"]["noise"] == pytest.approx(0.00015, rel=0.01)
    lab.git("config", "memorylab.promote", "0.999999")
    turn(lab, "DEPTH", 11)
    assert log(lab, 1.379)["decision_packet"]["next_action"] != "promote"
    for name, value in (("promote", "0.5"), ("promote", "1"), ("noise", "-1"), ("noise", "nan")):
        lab.git("config", f"memorylab.{name}", value)
        result = lab.run("status", rc=3)
        assert result.stderr.startswith("error: A setting cannot be used: ") and name in result.stderr
        lab.git("config", "--unset", f"memorylab.{name}")


def test_two_results_that_are_the_same_are_one(lab: Lab, tmp_path: Path) -> None:
    """With a budget of tokens a seed gives the same result again: that says nothing of luck."""
    lab.commit("baseline")
    for _ in range(3):
        log(lab, 1.5)
    assert registry(lab)["noise"]["replicates"] == 0
    log(lab, 1.51, seed=43)
    assert registry(lab)["noise"]["replicates"] == 1
