"""check: what the history says of an idea, of the working tree, or of HEAD."""

import json
from collections.abc import Iterator

import pytest
from click.testing import Result

from tests.conftest import Lab

FIELDS = {
    "classification", "probe_text", "threshold", "effective_threshold", "match_count", "counts", "top_matches", "mode",
    "policy", "why", "known", "stale",
}  # fmt: skip
# The ideas below, classified, and what each mode makes of that.
POLICY = {
    "novel": {"explore": "allow", "exploit": "caution", "replicate": "block"},
    "duplicate_run": {"explore": "block", "exploit": "block", "replicate": "allow"},
    "repeat_failure": {"explore": "block", "exploit": "block", "replicate": "block"},
    "incremental_followup": {"explore": "block", "exploit": "allow", "replicate": "allow"},
    "known_success": {"explore": "block", "exploit": "allow", "replicate": "allow"},
}
IDEAS = {
    "novel": ["--description", "use GELU instead of ReLU squared"],
    "duplicate_run": ["--description", "raise matrix LR to 0.05", "--family", "lr"],
    "repeat_failure": ["--description", "lower the warmdown ratio", "--threshold", "0.3"],
    "incremental_followup": ["--description", "raise matrix LR to 0.06", "--family", "lr"],
    "known_success": ["--description", "raise matrix LR to 0.06"],
}


@pytest.fixture
def busy(lab: Lab) -> Lab:
    """A lab with a failure and a success behind it."""
    lab.git("config", "core.hooksPath", "/dev/null")
    lab.experiment("set WARMDOWN_RATIO to 0.2", 1.9, "--status", "discard", knob="WARMDOWN_RATIO", to=0.2)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.experiment("raise matrix LR to 0.05", 1.5, "--status", "keep", "--family", "lr", knob="MATRIX_LR", to=0.05)
    return lab


def _judged(lab: Lab, *arguments: str, rc: int = 0) -> dict:
    result: Result = lab.run("check", "--json", *arguments, rc=rc)
    assert result.stdout.count("\n") == 1
    found: dict = json.loads(result.stdout)
    assert set(found) == FIELDS
    return found


@pytest.fixture
def refs(busy: Lab) -> Iterator[None]:
    """A check writes nothing into the memory."""
    before = busy.git("for-each-ref")
    yield
    assert busy.git("for-each-ref") == before


@pytest.mark.usefixtures("refs")
@pytest.mark.parametrize("idea", ["novel", "duplicate_run", "repeat_failure"])
def test_classification_policy_and_exit_code(busy: Lab, idea: str) -> None:
    for mode, decision in POLICY[idea].items():
        judged = _judged(busy, *IDEAS[idea], "--mode", mode)
        assert (judged["classification"], judged["mode"]) == (idea, mode)
        assert (judged["policy"]["decision"], judged["policy"]["mode"]) == (decision, mode)
        blocked = 1 if decision == "block" else 0
        assert _judged(busy, *IDEAS[idea], "--mode", mode, "--fail-on-similar", rc=blocked) == judged


@pytest.mark.parametrize("idea", ["incremental_followup", "known_success"])
def test_policy_of_what_builds_on_a_success(busy: Lab, idea: str) -> None:
    for mode, decision in POLICY[idea].items():
        judged = _judged(busy, *IDEAS[idea], "--mode", mode, "--threshold", "0.3")
        assert (judged["classification"], judged["policy"]["decision"]) == (idea, decision)


@pytest.mark.usefixtures("refs")
def test_the_evidence_is_named(busy: Lab) -> None:
    judged = _judged(busy, *IDEAS["repeat_failure"])
    failed = next(run for run in busy.memory.runs if run.status == "discard")
    assert judged["top_matches"][0]["run_id"] == failed.run_id
    assert judged["match_count"] == sum(judged["counts"].values()) >= 1
    text = busy.run("check", *IDEAS["repeat_failure"]).stdout
    assert text.startswith("repeat_failure -> block (exploit): ")
    assert failed.run_id in text
    assert "No earlier run comes close." in busy.run("check", *IDEAS["novel"]).stdout


def test_options_reach_the_guard(busy: Lab) -> None:
    judged = _judged(busy, *IDEAS["novel"], "--hypothesis", "smoother", "--tags", "A b,c", "--threshold", "0.9")
    assert judged["probe_text"] == "use GELU instead of ReLU squared smoother a-b c"
    assert (judged["threshold"], judged["effective_threshold"]) == (0.9, 0.9)
    assert _judged(busy, *IDEAS["novel"], "--mode", "explore")["effective_threshold"] < 0.6
    assert _judged(busy, *IDEAS["repeat_failure"], "--limit", "0")["top_matches"] == []
    everything = _judged(busy, *IDEAS["repeat_failure"], "--threshold", "0", "--limit", "1")
    assert len(everything["top_matches"]) == 1 <= everything["match_count"]
    busy.git("config", "memorylab.mode", "replicate")
    assert _judged(busy, *IDEAS["novel"])["mode"] == "replicate"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--description", ""], ["--description", " \t"], ["--description", "\x00"[:0] + "\n"], ["--mode", "guess"],
        ["--threshold", "1.5"], ["--threshold", "-0.1"], ["--threshold", "nan"], ["--threshold", "high"],
        ["--limit", "-1"], ["--limit", "many"], ["--nonsense"], ["word"],
    ],
)  # fmt: skip
def test_wrong_usage(lab: Lab, arguments: list[str]) -> None:
    result = lab.run("check", *arguments, rc=2)
    assert result.stdout == ""
    assert "Error: " in result.stderr


def test_without_a_description_the_change_is_judged(busy: Lab) -> None:
    busy.edit("WARMDOWN_RATIO", 0.2)
    working = _judged(busy)
    assert working["classification"] in ("repeat_failure", "duplicate_run")
    assert working["policy"]["decision"] == "block"
    assert "WARMDOWN_RATIO" in working["probe_text"]
    busy.git("commit", "-qam", "try again, in other words\n\nMode: explore\nFamily: schedule")
    head = _judged(busy)
    assert head["classification"] == working["classification"]
    assert head["mode"] == "explore"
    assert head["probe_text"] == "try again, in other words schedule"
    assert _judged(busy, "--mode", "exploit", "--family", "lr")["probe_text"] == "try again, in other words lr"
    busy.edit("WARMDOWN_RATIO", 0.9)
    assert _judged(busy)["probe_text"] != head["probe_text"]


def test_record_keeps_the_verdict_on_head(busy: Lab) -> None:
    busy.edit("DEPTH", 12)
    busy.git("commit", "-qam", "deeper")
    busy.edit("DEPTH", 13)
    head = busy.git("rev-parse", "HEAD")
    judged = _judged(busy, "--record", "--hypothesis", "more layers help", "--tags", "depth")
    plan = busy.memory.plans[head]
    assert (plan.description, plan.hypothesis, plan.tags) == ("deeper", "more layers help", ["depth"])
    assert plan.change is not None
    assert plan.change.knobs["DEPTH"].new == "12"
    assert plan.novelty_guard.classification == judged["classification"]
    assert f"planned {head[:7]} deeper" in busy.run("status").output
    said = ["--description", "deeper by half", "--mode", "replicate"]
    judged = _judged(busy, "--record", *said, "--fail-on-similar", rc=1)
    plan = busy.memory.plans[head]
    assert (plan.description, plan.novelty_guard.mode) == ("deeper by half", "replicate")
    assert judged["policy"]["decision"] == "block"


def test_without_init_nothing_is_written(make_lab) -> None:
    lab = make_lab(init=False)
    before = sorted(lab.path.rglob("*"))
    assert _judged(lab, "--description", "anything")["classification"] == "novel"
    assert _judged(lab)["classification"] == "novel"
    assert sorted(lab.path.rglob("*")) == before


def test_in_a_bare_repository_words_can_be_judged(busy: Lab) -> None:
    busy.git("clone", "-q", "--mirror", ".", "../bare.git")
    bare = Lab(busy.path.parent / "bare.git")
    assert _judged(bare, *IDEAS["repeat_failure"])["classification"] == "repeat_failure"
    assert "Give --description" in bare.run("check", rc=3).stderr


def test_hostile_text_is_made_safe(busy: Lab) -> None:
    judged = _judged(busy, "--description", "raise \x1b[31mLR\u202e \udce9 to\n0.5", "--family", "a\tb")
    assert judged["probe_text"] == "raise \ufffd[31mLR\ufffd \ufffd to 0.5 a b"
