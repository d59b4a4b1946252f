"""status, show, amend: what is remembered can be seen, and comes back."""

import json
from pathlib import Path

import pytest

from tests.conftest import Lab, Templates


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    """Two runs: one kept, one discarded and reset away."""

    def tell(lab: Lab) -> None:
        lab.git("config", "core.hooksPath", "/dev/null")
        lab.experiment("raise depth", 1.5, "--family", "depth", "--tags", "a,b", "--hypothesis", "more helps",
                       "--notes", "first\n\tsecond \x1b[31m", knob="DEPTH", to=9)  # fmt: skip
        lab.experiment("raise LR", 1.6, knob="MATRIX_LR", to=0.05)
        lab.git("reset", "-q", "--hard", "HEAD~1")

    return templates.told("one kept and one discarded", tell, tmp_path)


def _ids(lab: Lab) -> list[str]:
    return [run.run_id for run in lab.memory.runs]


def test_status_begins_with_what_is_to_be_done(told: Lab) -> None:
    told.edit("DEPTH", 12)
    told.git("commit", "-qam", "planned \u202e idea")
    told.run("check", "--record")
    next_, *steps = told.run("status").stdout.partition("\n\n")[0].splitlines()
    assert next_ == "Next:" and len(steps) == 3
    assert steps[0] == "  git memorylab run     # HEAD is an experiment that was not run yet"
    value = json.loads(told.run("status", "--json").stdout)
    fields = ["writer", "next", "registry", "unreadable", "waiting", "claims", "latest"]
    assert list(value) == sorted(fields)
    assert value["next"][0] == {"command": "git memorylab run", "why": "HEAD is an experiment that was not run yet"}
    assert value["latest"] == _ids(told)[::-1]
    assert value["unreadable"] == 0


def test_status_says_where_the_lab_stands(told: Lab) -> None:
    told.edit("DEPTH", 12)
    told.git("commit", "-qam", "planned \u202e idea")
    told.run("check", "--record")
    _, counts, leaders, ahead, latest = told.run("status").stdout.split("\n\n")
    assert counts.splitlines() == [f"writer {told.store.writer()}", "2 runs: 1 kept, 1 discarded, 0 crashed; 1 writer"]
    champion, group = leaders.splitlines()
    assert champion.startswith("champion 1.500000 ") and champion.endswith(")")
    assert group == "group not stated: noise of one run 0.0045 (assumed)"
    assert ahead.startswith("planned ") and "planned \ufffd idea (" in ahead
    rows = [line.split("\t") for line in latest.splitlines()]
    assert [row[1] for row in rows] == ["discard", "keep"]
    assert latest == told.run("history", "-n", "5").stdout


def test_status_where_nothing_is_yet(make_lab) -> None:
    lab = make_lab(init=False)
    said = lab.run("status").stdout
    assert said.splitlines()[:2] == [
        "Next:", "  git memorylab init  # make this repository remember",
    ]  # fmt: skip
    assert "(none yet: run `git memorylab init`)" in said
    assert not (lab.path / "results.tsv").exists()


def test_without_a_command_there_is_the_status_or_the_help(told: Lab, tmp_path: Path) -> None:
    assert told.run().stdout == told.run("status").stdout
    outside = Lab(tmp_path).run(rc=2)
    assert (outside.stdout, outside.stderr) == ("", Lab(tmp_path).run("--help").stdout)


def test_what_comes_next_follows_from_the_repository(told: Lab) -> None:
    def first() -> str:
        return json.loads(told.run("status", "--json").stdout)["next"][0]["command"]

    assert first() == "git memorylab knobs"  # HEAD is the champion
    told.edit("MATRIX_LR", 0.05)
    assert first() == "git memorylab check"
    commands = [step["command"] for step in json.loads(told.run("status", "--json").stdout)["next"]]
    assert commands[1] == "git commit -m 'MATRIX_LR 0.04 → 0.05' train.py"
    told.git("commit", "-qam", "again")
    assert first() == "git memorylab run"
    told.result(1.7)
    told.run("log", "--log", "run.log")
    assert first() == "git reset --keep HEAD~1"
    told.git("reset", "-q", "--keep", "HEAD~1")
    told.git("checkout", "-qb", "elsewhere", "HEAD~1")
    found = json.loads(told.run("status", "--json").stdout)["next"][0]["command"]
    assert found.startswith("git memorylab restore ") and " --branch on-" in found
    told.run(*found.split()[2:])
    (told.path / "train.py").unlink()
    assert first() == "git restore train.py"


def test_show_names_everything_safely(told: Lab) -> None:
    one = _ids(told)[0]
    said = told.run("show", one, "--diff").stdout
    for line in (
        f"run {one}", "Status:  keep, val_bpb 1.500000", "    raise depth", "Family:     depth",
        "Hypothesis: more helps", "Tags:       a, b", "Notes:      first", "            second \ufffd[31m",
        "Change:     DEPTH 8 → 9", "+DEPTH = 9", "  It is the champion of not stated, 1 run.",
    ):  # fmt: skip
        assert line in said.splitlines(), line
    assert "\n  run.log, " in said
    assert json.loads(told.run("show", one, "--json").stdout)["run_id"] == one
    order = [said.index(title) for title in ("raise depth", "Outcome", "Verdict", "Decision", "Artifacts", "+DEPTH")]
    assert order == sorted(order)


def test_show_sets_a_run_beside_its_base_and_the_champion(told: Lab) -> None:
    """The second run goes on from the first, which leads; the third from the second."""
    told.git("reset", "-q", "--hard", "HEAD@{1}")
    told.experiment("more depth", 1.7, knob="DEPTH", to=10)
    said = told.run("show").stdout.partition("Outcome\n")[2].splitlines()
    assert said[0].split() == ["THIS", "RUN", "BASE", "CHAMPION"]
    assert said[2].split() == ["val_bpb", "1.700000", "1.600000", "1.500000"]
    assert said[3].split() == ["delta", "+0.100000", "+0.200000"]
    assert said[-1] == "" or any("Better than the champion with probability" in line for line in said)
    second = told.run("show", _ids(told)[1]).stdout
    assert "BASE, CHAMPION" in second and "+0.100000" in second


def test_show_without_a_run_is_the_latest(told: Lab, make_lab) -> None:
    assert told.run("show").stdout.startswith(f"run {_ids(told)[-1]}\n")
    assert json.loads(told.run("show", "--json").stdout)["run_id"] == _ids(told)[-1]
    empty = make_lab(name="empty").run("show", rc=3)
    assert empty.stderr == "error: No run was recorded yet.\nhint: `git memorylab run` makes the first.\n"


def test_of_a_run_of_which_little_is_known_little_is_shown(told: Lab) -> None:
    (told.path / "other.tsv").write_text("commit\tval_bpb\tstatus\tdescription\nabc1234\t1.4\tkeep\tx\n")
    told.run("import", "other.tsv")
    said = told.run("show", "abc1234").stdout
    assert "\n    x\n\nOutcome\n" in said


@pytest.mark.parametrize("command", ["show", "diff", "restore", "amend"])
def test_a_name_that_is_nobodys_or_everybodys(told: Lab, command: str) -> None:
    assert "No run is called 'nobody'." in told.run(command, "nobody", rc=3).stderr
    common = _ids(told)[0][:6]
    assert f"'{common}' is part of 2 run ids.\nhint: Give more of it." in told.run(command, common, rc=3).stderr


def test_a_crash_says_why(lab: Lab) -> None:
    lab.commit("crashes")
    lab.run("log", "--status", "crash", "--error", "CUDA out of memory")
    assert "Error: CUDA out of memory" in lab.run("show", lab.memory.runs[0].commit).stdout


def test_amend_corrects_what_was_said_and_nothing_else(told: Lab) -> None:
    one = told.memory.runs[0]
    value = told.run("amend", one.run_id, "--status", "discard", "--description", " said \x07 better ", "--tags", "X,y",
                     "--notes", "a\nb", "--json").stdout  # fmt: skip
    assert json.loads(value)["run_id"] == one.run_id
    told.run("amend", one.commit, "--family", "size", "--hypothesis", "")
    run = told.memory.find(one.run_id)
    assert (run.status, run.description, run.tags, run.notes) == ("discard", "said \ufffd better", ["x", "y"], "a\nb")
    assert (run.family, run.hypothesis, run.metrics, run.seq) == ("size", "", one.metrics, one.seq)
    assert told.run("amend", one.run_id, rc=2).stderr.startswith("error: Nothing to amend.\nhint: Give --status")
    assert "said \ufffd better" in (told.path / "results.tsv").read_text()
    assert told.run("amend", one.run_id, "--description", "x" * 30_000, rc=3).stderr.startswith("error: This cannot be")
    assert told.memory.find(one.run_id).description == "said \ufffd better"
