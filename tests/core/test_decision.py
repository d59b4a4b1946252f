"""What happened, what it means, what to do next."""

import json
from collections.abc import Callable
from typing import get_args

import msgspec
import pytest

from memorylab.core import decision
from memorylab.core.record import Environment, Error, Match, NextAction, Packet, Run, Verdict, encode
from memorylab.core.verdict import evaluate_policy

Make = Callable[..., Run]
OOM = Error(summary="torch.OutOfMemoryError: CUDA out of memory.", source="run.log")
BUG = Error(summary="NameError: name 'x' is not defined", source="run.log")


def judged(classification: str) -> Verdict:
    policy = evaluate_policy(classification, "exploit")  # type: ignore[arg-type]
    return Verdict(
        classification=classification, probe_text="", threshold=0.6, effective_threshold=0.6, match_count=0, counts={},
        top_matches=[], mode="exploit", policy=policy,
    )  # type: ignore[arg-type]  # fmt: skip


CASES = [
    # status, value (the champion has 1.0), verdict, error -> action, priority
    ("keep", 0.99, "novel", None, "promote", "high"),
    ("keep", 0.99, "duplicate_run", None, "promote", "high"),
    ("keep", 1.01, "novel", None, "replicate", "medium"),
    ("keep", 1.01, None, None, "replicate", "medium"),
    ("keep", 1.01, "duplicate_run", None, "replicate", "medium"),
    ("keep", 1.01, "incremental_followup", None, "branch_followup", "medium"),
    ("keep", 1.01, "repeat_failure", None, "branch_followup", "medium"),
    ("keep", 1.001, "known_success", None, "branch_followup", "high"),
    ("discard", 1.001, "novel", None, "retry", "medium"),
    ("discard", 1.001, None, None, "retry", "medium"),
    ("discard", 0.999, "incremental_followup", None, "retry", "medium"),
    ("discard", 1.001, "repeat_failure", None, "abandon", "low"),
    ("discard", 1.001, "duplicate_run", None, "abandon", "low"),
    ("discard", 1.2, "incremental_followup", None, "branch_followup", "medium"),
    ("discard", 1.2, "known_success", None, "branch_followup", "medium"),
    ("discard", 1.2, "novel", None, "abandon", "low"),
    ("crash", None, "novel", OOM, "fix_and_retry", "high"),
    ("crash", None, "novel", BUG, "investigate_crash", "high"),
    ("crash", None, "novel", None, "investigate_crash", "high"),
    ("crash", 0.5, "known_success", BUG, "investigate_crash", "high"),
]


def decide(
    make_run: Make, status: str, value: float | None, known: str | None, error: Error | None, **said: object
) -> Packet:
    guard = judged(known) if known else None
    run = make_run("b", value, at=1, status=status, novelty_guard=guard, error=error, **said)
    return decision.decide(run, [make_run("a", 1.0)], "val_bpb", "minimize")


@pytest.mark.parametrize(("status", "value", "known", "error", "action", "priority"), CASES)
def test_next_action(
    make_run: Make, status: str, value: float | None, known: str | None, error: Error | None, action: str, priority: str
) -> None:
    packet = decide(make_run, status, value, known, error)
    assert (packet.next_action, packet.priority) == (action, priority)
    assert packet.summary and packet.rationale and packet.error == error


def test_every_next_action_can_be_reached() -> None:
    """`retry` never was in the predecessor: it looked for the champion's value one level too deep."""
    assert {case[4] for case in CASES} == set(get_args(NextAction))


def test_deltas(make_run: Make) -> None:
    better = decide(make_run, "keep", 0.9, "novel", None).comparison
    assert better.is_new_champion
    assert (better.prior_champion_run_id, better.prior_champion_value) == ("a", 1.0)
    assert (better.current_champion_run_id, better.current_champion_value) == ("b", 0.9)
    assert better.delta_to_prior_champion == pytest.approx(-0.1)
    assert better.delta_to_current_champion == 0.0
    worse = decide(make_run, "discard", 1.25, "novel", None).comparison
    assert not worse.is_new_champion and worse.current_champion_run_id == worse.prior_champion_run_id == "a"
    assert worse.delta_to_prior_champion == worse.delta_to_current_champion == 0.25
    crash = decide(make_run, "crash", None, "novel", BUG).comparison
    assert (crash.delta_to_prior_champion, crash.delta_to_current_champion) == (None, None)
    assert crash.current_champion_value == 1.0


def test_the_first_run_has_no_champion_before_it(make_run: Make) -> None:
    packet = decision.decide(make_run(), [], "val_bpb", "minimize")
    assert packet.next_action == "promote" and packet.comparison.prior_champion_run_id is None
    assert packet.comparison.delta_to_prior_champion is None and "first champion" in packet.summary
    crash = decision.decide(make_run(value=None, status="crash", error=BUG), [], "val_bpb", "minimize")
    assert crash.comparison.current_champion_run_id is None and not crash.comparison.is_new_champion


@pytest.mark.parametrize(
    ("status", "value", "status_of_hypothesis"),
    [
        ("keep", 0.9, "supported"),
        ("keep", 1.1, "mixed"),
        ("discard", 1.001, "mixed"),
        ("discard", 1.2, "unsupported"),
        ("crash", None, "inconclusive"),
    ],
)
def test_hypothesis_status(make_run: Make, status: str, value: float | None, status_of_hypothesis: str) -> None:
    stated = decide(make_run, status, value, "novel", None, hypothesis="it converges sooner")
    assert stated.hypothesis_status == status_of_hypothesis
    assert decide(make_run, status, value, "novel", None).hypothesis_status == "not_stated"


@pytest.mark.parametrize(
    ("value", "action"), [(1.1, "promote"), (0.999, "retry"), (0.5, "abandon")]
)  # fmt: skip
def test_maximize(make_run: Make, value: float, action: str) -> None:
    history = [make_run("a", 1.0)]
    run = make_run("b", value, at=1)
    status = decision.judge(run, history, "val_bpb", "maximize")
    assert status == ("keep" if value > 1 else "discard")
    packet = decision.decide(make_run("b", value, at=1, status=status), history, "val_bpb", "maximize")
    assert packet.next_action == action
    assert packet.comparison.delta_to_prior_champion == pytest.approx(value - 1.0)


def test_judge(make_run: Make) -> None:
    def judge(value: float | None, *history: Run) -> str:
        return decision.judge(make_run("b", value, at=1), history, "val_bpb", "minimize")

    assert judge(1.0) == "keep"
    assert judge(None) == "crash"
    assert judge(1.0, make_run("a", 1.0)) == "discard"
    assert judge(0.99, make_run("a", 1.0)) == "keep"
    # A discarded run is no bar: where nothing was kept, anything measured is a start.
    assert judge(1.0, make_run("a", 0.5, status="discard")) == "keep"


def test_only_comparable_runs_are_compared(make_run: Make) -> None:
    gpu, cpu = Environment(device="cuda:0"), Environment(device="cpu")
    history = [make_run("a", 0.5, environment=gpu)]
    run = make_run("b", 2.0, at=1, environment=cpu)
    assert decision.judge(run, history, "val_bpb", "minimize") == "keep"
    packet = decision.decide(run, history, "val_bpb", "minimize")
    assert packet.next_action == "promote" and packet.comparison.prior_champion_run_id is None


def test_close_depends_on_the_size_of_the_value(make_run: Make) -> None:
    def action(best: float, value: float) -> str:
        run = make_run("b", value, at=1, status="discard")
        return decision.decide(run, [make_run("a", best)], "val_bpb", "minimize").next_action

    assert (action(100.0, 100.1), action(1.0, 1.1)) == ("retry", "abandon")
    assert (action(0.0, 0.001), action(-1.0, -0.999)) == ("abandon", "retry")


def test_another_metric_is_compared_by_its_own_name(make_run: Make) -> None:
    history = [make_run("a", metrics={"accuracy": 0.5, "val_bpb": 1.0})]
    run = make_run("b", at=1, metrics={"accuracy": 0.75, "val_bpb": 2.0})
    packet = decision.decide(run, history, "accuracy", "maximize")
    assert packet.comparison.metric == "accuracy" and packet.comparison.delta_to_prior_champion == 0.25
    assert packet.run.value == 0.75


def test_the_packet_holds_the_published_fields(make_run: Make) -> None:
    packet = decide(make_run, "keep", 0.9, "novel", None)
    shown = json.loads(encode(make_run("b", 0.9, decision_packet=packet)))["decision_packet"]
    assert set(shown) == {
        "summary", "next_action", "priority", "rationale", "hypothesis_status", "run", "novelty", "comparison", "error",
    }  # fmt: skip
    assert shown["run"]["run_id"] == "b" and shown["novelty"]["classification"] == "novel"


def test_markdown_is_safe_and_whole(make_run: Make) -> None:
    match = Match(
        category="known_success", score=0.7, run_id="x", commit="c", status="keep", value=1.0, description="a|b <i>"
    )
    run = make_run(
        "b", None, status="crash", error=Error(summary="<b>x</b>|", source="run.log"), family="lr|x", hypothesis="*y*",
        description="[x](y)",
    )  # fmt: skip
    packet = decision.decide(run, [], "val_bpb", "minimize")
    guard = decide(make_run, "keep", 0.9, "novel", None).novelty
    assert guard is not None
    shown = decision.markdown(msgspec.structs.replace(packet, novelty=msgspec.structs.replace(guard, top_match=match)))
    for said in (r"\<b>x\</b>\|", r"lr\|x", r"\*y\*", r"\[x\](y)", r"a\|b \<i>", "Result: val_bpb -"):
        assert said in shown
    assert shown.startswith("# Decision packet\n\n**investigate_crash** (high): ") and shown.endswith("\n")


def test_numbers() -> None:
    assert (decision.number(None), decision.number(0), decision.number(1.23456789)) == ("-", "0.000000", "1.234568")
    assert (decision.signed(None), decision.signed(0.5), decision.signed(-0.5)) == ("-", "+0.500000", "-0.500000")
