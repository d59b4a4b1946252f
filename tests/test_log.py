"""log: what the user does not say comes from the commit, its plan and the run's output."""

import json
import os
from collections.abc import Callable

import pytest

from memorylab.core.record import Run
from tests.conftest import Lab, is_refusal

MESSAGE = """raise matrix LR

Why not.

Family: lr
Hypothesis: it converges sooner
Tags: LR, matrix
Mode: explore
"""


def last(lab: Lab) -> Run:
    return lab.memory.runs[-1]


def summary(lab: Lab, **found: object) -> str:
    path = lab.path / "summary.json"
    path.write_text(json.dumps(found))
    return str(path)


def test_the_commit_says_what_the_user_does_not(lab: Lab) -> None:
    commit = lab.experiment(MESSAGE, 1.0, knob="MATRIX_LR", to=0.06)
    run = last(lab)
    assert (run.description, run.family, run.hypothesis, run.tags) == (
        "raise matrix LR", "lr", "it converges sooner", ["lr", "matrix"],
    )  # fmt: skip
    assert run.novelty_guard is not None and run.novelty_guard.mode == "explore"
    assert (run.commit, run.branch, run.parent_commit) == (commit, "main", lab.git("rev-parse", "HEAD~1"))
    assert run.change is not None and run.change.knobs["MATRIX_LR"].new == "0.06" and not run.change.dirty
    assert {"run.log", "train.patch", "decision_packet.json", "decision_packet.md"} == set(run.artifacts)


def test_the_user_outranks_the_commit(lab: Lab) -> None:
    lab.experiment(
        MESSAGE, 1.0, "--description", "mine", "--family", "f", "--hypothesis", "h", "--tags", "a,b", "--notes", "n",
        "--status", "discard", knob="MATRIX_LR", to=0.06,
    )  # fmt: skip
    run = last(lab)
    assert (run.description, run.family, run.hypothesis, run.tags, run.notes, run.status) == (
        "mine", "f", "h", ["a", "b"], "n", "discard",
    )  # fmt: skip


def test_the_verdict_is_the_plans(lab: Lab) -> None:
    """What the guard had said before the run is kept, not what it would say of it now."""
    commit = lab.experiment("raise matrix LR", 1.0, knob="MATRIX_LR", to=0.06)
    plan = lab.memory.plans[commit]
    assert last(lab).novelty_guard == plan.novelty_guard
    lab.run("log", "--log", "run.log", "--description", "again", "--mode", "replicate")
    guard = last(lab).novelty_guard
    assert guard is not None and guard.classification == "duplicate_run", "a plan speaks of the first run alone"


def test_another_mode_reads_the_plan_in_its_own_way(lab: Lab) -> None:
    lab.edit("MATRIX_LR", 0.06)
    commit = lab.commit("raise matrix LR")
    plan = lab.memory.plans[commit]
    lab.result(1.0)
    lab.run("log", "--log", "run.log", "--mode", "explore")
    guard = last(lab).novelty_guard
    assert guard is not None and (guard.mode, guard.policy.decision) == ("explore", "allow")
    assert guard.classification == plan.novelty_guard.classification
    lab.run("log", "--log", "run.log", "--threshold", "0.9")
    guard = last(lab).novelty_guard
    assert guard is not None and guard.threshold == 0.9 and guard.classification != plan.novelty_guard.classification


def test_two_runs_of_one_commit_are_two_runs(lab: Lab) -> None:
    lab.experiment("baseline", 1.0)
    lab.result(0.9)
    lab.run("log", "--log", "run.log")
    one, two = lab.memory.runs
    assert one.commit == two.commit and one.run_id != two.run_id
    assert [run.value("val_bpb") for run in (one, two)] == [1.0, 0.9]
    assert len((lab.path / "results.tsv").read_text().splitlines()) == 3


@pytest.mark.parametrize(("value", "status"), [(0.9, "keep"), (1.0, "discard"), (1.1, "discard")])
def test_the_status_is_judged(lab: Lab, value: float, status: str) -> None:
    lab.experiment("baseline", 1.0)
    assert last(lab).status == "keep"
    lab.experiment("other", value, knob="DEPTH", to=9)
    assert last(lab).status == status


def test_a_subject_that_is_not_the_commits_is_refused(lab: Lab) -> None:
    lab.experiment("baseline", 1.0)
    before = lab.store.tips()
    lab.edit("DEPTH", 12)
    said = lab.run("log", "--log", "run.log", rc=3)
    assert "differs from the commit" in said.stderr and "--allow-dirty" in said.stderr and not said.stdout
    assert lab.store.tips() == before
    lab.run("log", "--log", "run.log", "--allow-dirty")
    run = last(lab)
    assert run.change is not None and run.change.dirty
    patch = lab.store.blob(run.artifacts["train.patch"].blob) or b""
    assert b"-DEPTH = 8\n+DEPTH = 12\n" in patch


def test_a_malformed_summary_falls_back_to_the_log(lab: Lab) -> None:
    lab.commit("baseline")
    lab.result(1.25)
    (lab.path / "summary.json").write_text('{"val_bpb": 1.0')
    said = lab.run("log", "--summary", "summary.json", "--log", "run.log")
    assert "note: " in said.stderr and "the log was read instead" in said.stderr
    assert last(lab).value("val_bpb") == 1.25
    assert lab.store.blob(last(lab).artifacts["summary.json"].blob) == b'{"val_bpb": 1.0'
    lab.run("log", "--summary", "summary.json", rc=3)


def test_the_summary_outranks_the_log(lab: Lab) -> None:
    lab.commit("baseline")
    lab.result(1.25)
    lab.run("log", "--summary", summary(lab, val_bpb="1.5e0", extra="3", seed=7), "--log", "run.log")
    run = last(lab)
    assert run.value("val_bpb") == 1.5 and run.metrics["extra"] == 3 and run.metrics["depth"] == 8
    assert run.environment is not None and run.environment.seed == 7


@pytest.mark.parametrize("value", ["nan", float("nan"), "inf", float("inf"), "high", None, [1], True, "1" * 400])
def test_a_value_that_is_no_number_is_no_result(lab: Lab, value: object) -> None:
    lab.commit("baseline")
    before = lab.store.tips()
    for status in ([], ["--status", "keep"]):
        said = lab.run("log", "--summary", summary(lab, val_bpb=value, depth=8), *status, rc=3)
        assert "val_bpb" in said.stderr
    assert lab.store.tips() == before
    lab.run("log", "--summary", summary(lab, val_bpb=value, depth=8), "--status", "crash")
    assert last(lab).metrics["val_bpb"] is None


def test_a_crash_stores_nulls(lab: Lab) -> None:
    lab.commit("baseline")
    (lab.path / "run.log").write_text("step 1\nTraceback (most recent call last):\n  File\nMemoryError: oops\n")
    lab.run("log", "--log", "run.log", "--status", "crash")
    run = last(lab)
    assert run.error is not None and run.error.summary == "MemoryError: oops" and run.error.source == "run.log"
    assert run.metrics["val_bpb"] is None and set(run.metrics.values()) == {None}
    assert run.decision_packet is not None and run.decision_packet.next_action == "fix_and_retry"
    lab.run("log", "--error", "the power went")
    assert last(lab).status == "crash" and last(lab).error.summary == "the power went"  # type: ignore[union-attr]


def test_text_from_anywhere_is_stored_on_one_safe_line(lab: Lab) -> None:
    lab.commit("baseline")
    lab.result(1.0)
    hostile = os.fsdecode(b"a\tb\nc\x1b[31m caf\xe9 | <b>")
    lab.run(
        "log", "--log", "run.log", "--description", hostile, "--family", hostile, "--hypothesis", hostile,
        "--tags", hostile, "--notes", hostile,
    )  # fmt: skip
    run = last(lab)
    assert run.description == run.family == run.hypothesis == "a b c\ufffd[31m caf\ufffd | <b>"
    assert run.notes.split("\n")[0] == "a b" and "\x1b" not in run.notes
    assert (lab.path / "results.tsv").read_text().splitlines()[1].count("\t") == 4


@pytest.mark.parametrize("empty", ["", "  ", "\n\t", "\u2028"])
def test_an_empty_description_is_wrong_usage(lab: Lab, empty: str) -> None:
    """It was stored as an empty one where it held blanks alone."""
    lab.commit("baseline")
    lab.result(1.0)
    assert "description" in lab.run("log", "--log", "run.log", "--description", empty, rc=2).stderr
    assert "description" in lab.run("check", "--description", empty, rc=2).stderr
    assert not lab.memory.runs


def test_a_commit_without_a_message_needs_a_description(lab: Lab) -> None:
    lab.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    lab.result(1.0)
    assert "--description" in lab.run("log", "--log", "run.log", rc=3).stderr
    lab.run("log", "--log", "run.log", "--description", "said now")


def test_run_log_is_found_unless_it_is_older_than_the_commit(lab: Lab) -> None:
    lab.commit("baseline")
    path = lab.result(1.0)
    assert "run.log" in lab.run("log").stderr
    os.utime(path, (1, 1))
    assert "older than the commit" in lab.run("log", "--status", "crash").stderr
    assert last(lab).error is not None and last(lab).error.source == "no log"  # type: ignore[union-attr]
    path.unlink()
    assert "no val_bpb" in lab.run("log", rc=3).stderr


@pytest.mark.parametrize(
    "arguments",
    [["--log", "missing"], ["--log", "."], ["--summary", "missing"], ["--commit", "nothing"],
     ["--commit", "HEAD^{tree}"], ["--description", "x" * 20_001], ["--tags", ",".join(map(str, range(101)))]],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_and_nothing_is_written(lab: Lab, arguments: list[str]) -> None:
    lab.commit("baseline")
    lab.result(1.0)
    before = lab.store.tips()
    said = lab.run("log", "--log", "run.log", *arguments, rc=3)
    assert is_refusal(said.stderr)
    assert lab.store.tips() == before


def test_a_metric_of_another_name_and_direction(lab: Lab) -> None:
    lab.git("config", "memorylab.metric", "accuracy")
    lab.git("config", "memorylab.direction", "maximize")
    for value, status in ((0.5, "keep"), (0.4, "discard"), (0.6, "keep")):
        lab.edit("DEPTH", int(100 * value))
        lab.commit("another depth")
        lab.run("log", "--summary", summary(lab, accuracy=value))
        assert last(lab).status == status
    assert (lab.path / "results.tsv").read_text().startswith("commit\taccuracy\t")


def test_json_is_the_record(lab: Lab) -> None:
    lab.commit("baseline")
    lab.result(1.0)
    shown = json.loads(lab.run("log", "--log", "run.log", "--json").stdout)
    assert shown == json.loads(lab.memory.lines[shown["run_id"]])


def test_log_without_init_remembers_too(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    lab.result(1.0)
    lab.run("log", "--log", "run.log")
    assert last(lab).description == "baseline" and (lab.path / "results.tsv").exists()


def test_a_ledger_of_the_predecessor_is_set_aside_before_init(make_lab: Callable[..., Lab]) -> None:
    """A first `log` without `init` overwrote results/memorylab/experiments.jsonl, which held another's runs."""
    lab = make_lab(init=False)
    old = lab.path / "results" / "memorylab" / "experiments.jsonl"
    old.parent.mkdir(parents=True)
    old.write_text('{"run_id": "old", "commit": "abc1234", "status": "keep", "description": "old", "metrics": {}}\n')
    before = old.read_bytes()
    lab.result(1.0)
    result = lab.run("log", "--log", "run.log", "--description", "first")
    kept = lab.path / "results" / "memorylab.before-memorylab" / "experiments.jsonl"
    assert kept.read_bytes() == before
    assert "results/memorylab was another's and is results/memorylab.before-memorylab now" in result.stderr
    lab.run("import", str(kept))
    assert {run.description for run in lab.memory.runs} == {"first", "old"}


def test_run_refuses_what_could_not_be_logged_before_it_trains(lab: Lab) -> None:
    """A hundred tags too many were found out after the training run."""
    marker = lab.path / "trained"
    (lab.path / "train.py").write_text(f"open({str(marker)!r}, 'w')\n")
    lab.commit("a subject that leaves a mark")
    lab.run("run", "--tags", ",".join(f"t{n}" for n in range(101)), rc=3)
    lab.run("run", "--description", " ", rc=2)
    assert not marker.exists()


def test_another_commits_result_is_not_taken(lab: Lab) -> None:
    """run.log is newer than any older commit, and was taken for its result."""
    lab.experiment("first", 1.0, knob="DEPTH", to=9)
    lab.commit("second")
    result = lab.run("log", "--commit", "HEAD~1", rc=3)
    assert "There is no val_bpb to log" in result.stderr


@pytest.mark.parametrize("sidecar", ['{"val_bpb": NaN}', '{"val_bpb": null}'])
def test_a_sidecar_without_a_result_is_not_overruled_by_the_log(lab: Lab, sidecar: str) -> None:
    (lab.path / "summary.json").write_text(sidecar)
    lab.result(0.5)
    lab.commit("x")
    assert "There is no val_bpb" in lab.run("log", "--summary", "summary.json", "--log", "run.log", rc=3).stderr


def test_why_a_summary_was_of_no_use_is_said(lab: Lab) -> None:
    (lab.path / "summary.json").write_text("{")
    error = lab.run("log", "--summary", "summary.json", rc=3).stderr
    assert "summary.json cannot be read" in error and "log was read instead" not in error


def test_a_run_log_that_is_another_runs_is_left_alone(lab: Lab) -> None:
    """After a reset, run.log is newer than the commit, and is the result of the one that was reset away."""
    lab.experiment("first", 0.9, knob="DEPTH", to=9)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    os.utime(lab.path / "run.log")
    error = lab.run("log", rc=3).stderr
    assert f"run.log is that of {lab.memory.runs[0].run_id} and was left alone" in error
