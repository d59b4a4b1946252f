"""check: what the history says of an idea, of the working tree, or of HEAD."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.conftest import Lab, Templates

FIELDS = {
    "classification", "probe_text", "threshold", "effective_threshold", "match_count", "counts", "top_matches", "mode",
    "policy", "why", "known", "stale", "claimed",
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
def busy(templates: Templates, tmp_path: Path) -> Lab:
    """A lab with a failure and a success behind it."""

    def tell(lab: Lab) -> None:
        lab.git("config", "core.hooksPath", "/dev/null")
        lab.experiment("set WARMDOWN_RATIO to 0.2", 1.9, "--status", "discard", knob="WARMDOWN_RATIO", to=0.2)
        lab.git("reset", "-q", "--hard", "HEAD~1")
        lab.experiment("raise matrix LR to 0.05", 1.5, "--status", "keep", "--family", "lr", knob="MATRIX_LR", to=0.05)

    return templates.told("a failure and a success", tell, tmp_path)


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
    assert result.stderr.startswith("error: ")


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


# --- many ideas at once ---------------------------------------------------------------------------------------------


def _ranked(lab: Lab, *lines: object, options: tuple[str, ...] = (), rc: int = 0) -> list[dict]:
    text = "\n".join(json.dumps(line) for line in lines)
    return list(json.loads(lab.run("check", "--stdin", "--json", *options, stdin=text, rc=rc).stdout)["candidates"])


@pytest.mark.usefixtures("refs")
def test_candidates_are_ranked_by_novelty(busy: Lab) -> None:
    found = _ranked(
        busy,
        {"description": "raise matrix LR to 0.05", "id": "a"},
        "use GELU instead of ReLU squared",
        {"description": "matrix LR 0.07", "family": "lr", "tags": ["x"], "hypothesis": "y"},
        {"description": "replace ReLU^2 with GELU", "tags": "x,y"},
    )
    assert [(c["line"], c["id"], c["repeats"], c["classification"]) for c in found] == [
        (2, None, None, "novel"), (3, None, None, "incremental_followup"), (1, "a", None, "duplicate_run"),
        (4, None, 2, "novel"),
    ]  # fmt: skip
    assert found[0]["novelty"] == 1 > found[1]["novelty"] > found[2]["novelty"] < 0.04
    assert [len(c["top_matches"]) for c in found] == [0, 1, 1, 0]
    alone = _judged(busy, "--description", "raise matrix LR to 0.05")
    assert (found[2]["why"], found[2]["decision"]) == (alone["why"], alone["policy"]["decision"])


def test_candidates_as_text(busy: Lab) -> None:
    text = busy.run("check", "--stdin", stdin='"use GELU"\n\n"depth 12"\n"GELU activation"\n').stdout
    assert text.splitlines()[:2] == ["  1. 1.00 novel -> caution: use GELU", "  2. 1.00 novel -> caution: depth 12"]
    assert "repeats line 1" in text


def test_candidates_fail_only_if_all_are_blocked(busy: Lab) -> None:
    _ranked(busy, "raise matrix LR to 0.05", options=("--fail-on-similar",), rc=1)
    _ranked(busy, "raise matrix LR to 0.05", "depth 12", options=("--fail-on-similar",))
    found = _ranked(busy, "depth 12", options=("--fail-on-similar", "--mode", "replicate"), rc=1)
    assert found[0]["decision"] == "block"


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("depth 12", "line 1 is no candidate"), ("", "no candidates"), ("\n \n", "no candidates"),
        ('"depth 12"\n{"text": "depth"}', "line 2 is no candidate"), ('{"description": 3}', "line 1 is no candidate"),
        ('{"description": " "}', "line 1 has an empty description"), ("[" * 10_000, "line 1 is no candidate"),
        (b'"\xff"', "line 1 is no candidate"), ('"' + "x" * 200_000 + '"', "line 1 is too long"),
        ('"x"\n' * 1_001, "more than 1,000 candidates"), ('{"description":"a","typo":1}', "typo"),
    ],
)  # fmt: skip
def test_candidates_that_cannot_be_read(lab: Lab, stdin: str | bytes, said: str) -> None:
    result = lab.run("check", "--stdin", stdin=stdin, rc=3)
    assert said in result.stderr
    assert result.stdout == ""


def test_candidates_take_no_other_description(lab: Lab) -> None:
    for option in (["--description", "x"], ["--record"], ["--tags", "a"]):
        assert "--stdin takes the ideas" in lab.run("check", "--stdin", *option, stdin='"x"', rc=2).stderr


# --- evidence -------------------------------------------------------------------------------------------------------


def test_what_is_known_of_the_knob_is_shown(busy: Lab) -> None:
    text = busy.run("check", "--description", "matrix LR 0.08").stdout
    assert text.splitlines()[-1] == "  MATRIX_LR before: 0.05 keep 1.500000"
    (knob,) = _judged(busy, "--description", "matrix LR 0.08")["known"]
    assert (knob["knob"], [trial["value"] for trial in knob["trials"]]) == ("MATRIX_LR", ["0.05"])


def test_a_failure_on_a_base_that_moved_cautions(busy: Lab) -> None:
    busy.experiment("depth 4 -> 6", 1.6, "--status", "discard", knob="DEPTH", to=6)
    busy.git("reset", "-q", "--hard", "HEAD~1")
    assert _judged(busy, "--description", "depth 6")["policy"]["decision"] == "block"
    busy.experiment("warmdown 0.6", 1.4, "--status", "keep", knob="WARMDOWN_RATIO", to=0.6)
    judged = _judged(busy, "--description", "depth 6", "--fail-on-similar")
    assert (judged["classification"], judged["policy"]["decision"]) == ("duplicate_run", "caution")
    assert judged["stale"] == "since that failure the champion moved from 1.5 to 1.4"
    busy.edit("DEPTH", 6)
    busy.git("commit", "-qam", "deeper again")
    busy.run("check", "--record")
    busy.result(1.39)
    busy.run("log", "--log", "run.log", "--mode", "explore")
    guard = busy.memory.runs[-1].novelty_guard
    assert guard is not None
    assert (guard.mode, guard.policy.decision, guard.stale) == ("explore", "caution", judged["stale"])


def test_a_lab_can_teach_the_guard_its_words(busy: Lab) -> None:
    assert _judged(busy, "--description", "peak rate of the muons 0.05")["classification"] == "novel"
    (busy.path / ".memorylab.toml").write_text('[aliases]\n"peak rate of the muon" = "Muon learning rate"\n')
    assert _judged(busy, "--description", "peak rate of the muons 0.05")["classification"] == "duplicate_run"
    (busy.path / ".memorylab.toml").write_text('[aliases]\n"peak rate" = "->"\n')
    assert "An alias cannot be used" in busy.run("check", "--description", "x", rc=3).stderr
