"""What happened, what it means, what to do next: on the evidence of all runs of a comparison group."""

from collections.abc import Callable
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memorylab.core import decision
from memorylab.core.race import Rules
from memorylab.core.races import Races
from memorylab.core.record import Change, Classification, Environment, Error, NextAction, Packet, Run, Verdict
from memorylab.core.verdict import evaluate_policy

from .conftest import build

Make = Callable[..., Run]
RULES = Rules()
HELD = Rules(noise=0.003)  # what the assumption is too while results are few and the first value is 1
OOM = Error(summary="torch.OutOfMemoryError: CUDA out of memory.", source="run.log")
BUG = Error(summary="NameError: name 'x' is not defined", source="run.log")
CPU = Environment(device="cpu", budget_kind="wall", budget=30, evaluator="e")


def judged(known: str) -> Verdict:
    classification = cast(Classification, known)
    policy = evaluate_policy(classification, "exploit")
    return Verdict(
        classification=classification, probe_text="", threshold=0.6, effective_threshold=0.6, match_count=0, counts={},
        top_matches=[], mode="exploit", policy=policy,
    )  # fmt: skip


CASES = [
    # status, value (the champion has 1.0, luck is taken to be 0.003), verdict, error -> action, priority
    ("keep", 0.95, "novel", None, "promote", "high"),
    ("keep", 0.95, "duplicate_run", None, "promote", "high"),
    # Ahead, but the first run may have been lucky.
    ("keep", 0.992, "novel", None, "replicate", "medium"),
    ("keep", 0.992, "incremental_followup", None, "replicate", "medium"),
    ("keep", 0.992, "duplicate_run", None, "replicate", "medium"),
    # Kept by the agent although it is not ahead.
    ("keep", 1.02, "novel", None, "replicate", "medium"),
    ("keep", 1.02, None, None, "replicate", "medium"),
    ("keep", 1.02, "duplicate_run", None, "replicate", "medium"),
    ("keep", 1.02, "incremental_followup", None, "branch_followup", "medium"),
    ("keep", 1.02, "repeat_failure", None, "branch_followup", "medium"),
    ("keep", 0.9995, "known_success", None, "branch_followup", "high"),
    ("discard", 0.95, "novel", None, "retry", "high"),
    ("discard", 0.95, "repeat_failure", None, "retry", "high"),
    ("discard", 1.0005, "novel", None, "retry", "medium"),
    ("discard", 1.0005, None, None, "retry", "medium"),
    ("discard", 0.999, "novel", None, "replicate", "medium"),
    ("discard", 0.999, "incremental_followup", None, "replicate", "medium"),
    ("discard", 1.0005, "repeat_failure", None, "abandon", "low"),
    ("discard", 0.999, "duplicate_run", None, "abandon", "low"),
    ("discard", 1.2, "incremental_followup", None, "branch_followup", "medium"),
    ("discard", 1.2, "known_success", None, "branch_followup", "medium"),
    ("discard", 1.2, "novel", None, "abandon", "low"),
    ("crash", None, "novel", OOM, "fix_and_retry", "high"),
    ("crash", None, "novel", BUG, "investigate_crash", "high"),
    ("crash", None, "novel", None, "investigate_crash", "high"),
    ("crash", 0.5, "known_success", BUG, "investigate_crash", "high"),
]


def of(name: str, value: float | None, on: Run | None = None, status: str = "keep", **said: Any) -> Run:
    """A run of a program of its own, built on that of another run."""
    change = Change(subject="train.py", blob=name, fingerprint=name)
    return build(name, value, parent_commit=on and on.commit, status=status, change=change, **said)


def again(run: Run, *values: float) -> list[Run]:
    """Further runs of a program."""
    return [replace(run, run_id=f"{run.run_id}-{value}", metrics={"val_bpb": value}) for value in values]


def decide(
    make_run: Make, status: str, value: float | None, known: str | None, error: Error | None, **said: object
) -> Packet:
    guard = judged(known) if known else None
    run = make_run("b", value, at=1, status=status, novelty_guard=guard, error=error, **said)
    return decision.decide(run, Races.of([make_run("a", 1.0)], RULES))


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


def test_a_gain_within_the_noise_is_replicated_at_once_only_where_luck_was_hardly_measured() -> None:
    """One replicate for so many programs; before that many the gains are to add up."""
    first = of("first", 1.0)
    tried = [of(f"t{n}", 1.003 + n / 4000, first, "discard") for n in range(decision.PER_REPLICATE - 2)]
    leading = of("leading", 0.9955, first)

    def asked(*history: Run) -> tuple[str, str]:
        packet = decision.decide(leading, Races.of(history, HELD))
        assert packet.comparison.leader_run_id == "leading" and not packet.comparison.is_new_champion
        return packet.next_action, packet.priority

    assert asked(first, *tried) == ("replicate", "high")
    assert asked(first, *tried[1:]) == ("replicate", "medium")
    assert asked(first, *tried, *again(tried[0], 1.004)) == ("replicate", "medium")


def test_a_replicate_of_the_champion() -> None:
    first = of("first", 1.0)
    run, _ = decision.settle(again(first, 1.004)[0], Races.of([first], RULES))
    packet = run.decision_packet
    assert packet is not None and run.status == "keep"
    assert (packet.next_action, packet.priority) == ("branch_followup", "high")
    found = packet.comparison
    assert not found.is_new_champion and found.prior_champion_run_id == found.current_champion_run_id == "first"
    assert found.prior_champion_value == 1.0 and found.current_champion_value == pytest.approx(1.002)
    # This run is set against those before it; there is no other program to be better than.
    assert found.delta_to_prior_champion == pytest.approx(0.004) and found.delta_to_current_champion == 0.0
    assert (found.replicates, found.champion_replicates, found.probability, found.seeds_needed) == (2, None, None, None)
    assert (found.noise_replicates, found.leader_run_id) == (1, "first")


def test_a_replicate_of_a_promoted_champion_is_set_against_the_one_before() -> None:
    first = of("first", 1.0)
    second = of("second", 0.95, first)
    packet = decision.decide(again(second, 0.951)[0], Races.of([first, second], RULES))
    found = packet.comparison
    assert packet.next_action == "branch_followup" and found.current_champion_run_id == "second"
    assert found.probability is not None and found.probability > 0.95
    assert (found.replicates, found.champion_replicates) == (2, 1)


def test_more_evidence_takes_the_lead_back() -> None:
    first = of("first", 1.0)
    second = of("second", 0.95, first)
    history = [first, second]
    run, _ = decision.settle(again(second, 1.01)[0], Races.of(history, RULES))
    packet = run.decision_packet
    assert packet is not None and (packet.next_action, packet.priority) == ("abandon", "medium")
    assert run.status == "discard" and packet.comparison.current_champion_run_id == "first"
    assert not packet.comparison.is_new_champion and packet.comparison.leader_run_id == "first"
    # So it is where the agent insists.
    assert decision.decide(again(second, 1.01)[0], Races.of(history, RULES)).next_action == "abandon"


def test_the_only_program_leads_though_it_is_discarded_at_last() -> None:
    """It was told to go back to what came before, and nothing came before."""
    first = of("first", 1.0)
    packet = decision.decide(replace(again(first, 1.01)[0], status="discard"), Races.of([first], RULES))
    assert packet.comparison.current_champion_run_id == "first"
    assert "go back" not in packet.rationale


def test_a_kept_program_stays_kept_whatever_its_luck() -> None:
    """Its commit is not to be reset away; the same by somebody who never was ahead too."""
    first = of("first", 1.0)
    kept = of("kept", 1.02, first)
    assert decision.judge(again(first, 1.01)[0], Races.of([first], RULES)) == "keep"
    assert decision.judge(again(kept, 1.03)[0], Races.of([first, kept], RULES)) == "keep"
    dropped = replace(kept, status="discard")
    assert decision.judge(again(dropped, 1.03)[0], Races.of([first, dropped], RULES)) == "discard"
    assert decision.judge(again(dropped, 0.9)[0], Races.of([first, again(dropped, 0.91)[0]], RULES)) == "keep"


def test_what_to_build_on_is_said_where_it_is_something_else() -> None:
    first = of("first", 1.0)
    leading = of("leading", 0.992, first)
    astray = decision.decide(of("astray", 1.1, first, "discard"), Races.of([first, leading], RULES))
    assert astray.rationale.endswith(f" Build on {leading.commit[:7]}, which leads.")
    assert astray.comparison.leader_commit == leading.commit
    on_it = decision.decide(of("on it", 1.1, leading, "discard"), Races.of([first, leading], RULES))
    assert "Build on" not in on_it.rationale


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
    assert crash.current_champion_value == 1.0 and crash.probability is None and crash.replicates is None


def test_what_a_decision_rests_on() -> None:
    first = of("first", 1.0, environment=CPU)
    history = [first, *again(first, 1.003, 0.998)]
    found = decision.decide(of("b", 0.99, first, environment=CPU), Races.of(history, HELD)).comparison
    assert found.group == "cpu, 30 wall, evaluator e"
    assert found.prior_champion_value == pytest.approx(1.0003333)
    assert (found.replicates, found.champion_replicates, found.noise_replicates) == (1, 3, 2)
    assert found.noise is not None and 0.002 < found.noise < 0.004
    assert found.probability is not None and 0.5 < found.probability < 0.95
    assert found.seeds_needed is not None and 1 <= found.seeds_needed <= 40
    assert (found.leader_run_id, found.leader_commit) == ("b", of("b", 0.0).commit)
    decided = decision.decide(of("b", 1.1, first, environment=CPU), Races.of(history, HELD)).comparison
    assert decided.seeds_needed is None and decided.leader_run_id == "first"


def test_the_first_run_has_no_champion_before_it(make_run: Make) -> None:
    packet = decision.decide(make_run(), Races.of([], RULES))
    assert packet.next_action == "promote" and packet.comparison.prior_champion_run_id is None
    assert packet.comparison.delta_to_prior_champion is None and "first champion" in packet.summary
    assert packet.comparison.probability is None and packet.comparison.noise == pytest.approx(0.003)
    crash = decision.decide(make_run(value=None, status="crash", error=BUG), Races.of([], RULES))
    assert crash.comparison.current_champion_run_id is None and not crash.comparison.is_new_champion
    assert crash.comparison.noise is None and crash.comparison.leader_run_id is None


@pytest.mark.parametrize(
    ("status", "value", "status_of_hypothesis"),
    [
        ("keep", 0.9, "supported"),
        ("discard", 0.9, "supported"),  # whatever was done about it
        ("keep", 0.992, "inconclusive"),
        ("discard", 1.001, "inconclusive"),
        ("keep", 1.2, "unsupported"),
        ("discard", 1.2, "unsupported"),
        ("crash", None, "inconclusive"),
    ],
)
def test_hypothesis_status(make_run: Make, status: str, value: float | None, status_of_hypothesis: str) -> None:
    stated = decide(make_run, status, value, "novel", None, hypothesis="it converges sooner")
    assert stated.hypothesis_status == status_of_hypothesis
    assert decide(make_run, status, value, "novel", None).hypothesis_status == "not_stated"


def test_a_hypothesis_that_is_open_after_replicates_is_mixed() -> None:
    first, open_one = of("a", 1.0), of("b", 0.996, hypothesis="it helps")
    assert decision.decide(open_one, Races.of([first], RULES)).hypothesis_status == "inconclusive"
    assert decision.decide(again(open_one, 0.999)[0], Races.of([first, open_one], RULES)).hypothesis_status == "mixed"
    # Without anything to compare with nothing was tested.
    assert decision.decide(open_one, Races.of([], RULES)).hypothesis_status == "inconclusive"


@pytest.mark.parametrize(
    ("value", "action"), [(1.1, "promote"), (1.008, "replicate"), (0.9995, "retry"), (0.5, "abandon")]
)
def test_maximize(make_run: Make, value: float, action: str) -> None:
    rules = Rules(direction="maximize")
    run, _ = decision.settle(make_run("b", value, at=1), Races.of([make_run("a", 1.0)], rules))
    assert run.status == ("keep" if value > 1 else "discard")
    assert run.decision_packet is not None and run.decision_packet.next_action == action
    assert run.decision_packet.comparison.delta_to_prior_champion == pytest.approx(value - 1.0)


@pytest.mark.long
@given(st.lists(st.tuples(st.floats(-5, 5) | st.none(), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8))
def test_maximize_is_minimize_in_the_mirror(rows: list[tuple[float | None, int, int]]) -> None:
    one: list[Run] = []
    other: list[Run] = []
    for at, (value, program, parent) in enumerate(rows):
        run = replace(of(f"r{program}", value, of(f"r{parent}", None), hypothesis="h"), run_id=f"r{program}x{at}")
        turned = replace(run, metrics={"val_bpb": None if value is None else -value})
        one.append(decision.settle(run, Races.of(one, RULES))[0])
        other.append(decision.settle(turned, Races.of(other, Rules(direction="maximize")))[0])
    for ours, theirs in zip(one, other, strict=True):
        a, b = ours.decision_packet, theirs.decision_packet
        assert a is not None and b is not None
        assert (ours.status, a.next_action, a.priority, a.rationale, a.hypothesis_status) == (
            theirs.status, b.next_action, b.priority, b.rationale, b.hypothesis_status,
        )  # fmt: skip
        values = (
            "prior_champion_value",
            "current_champion_value",
            "delta_to_prior_champion",
            "delta_to_current_champion",
        )
        negated = {name: -found for name in values if (found := getattr(b.comparison, name)) is not None}
        assert a.comparison == replace(b.comparison, **negated)


def test_judge(make_run: Make) -> None:
    def judge(value: float | None, *history: Run) -> str:
        return decision.judge(make_run("b", value, at=1), Races.of(history, RULES))

    assert judge(1.0) == "keep"
    assert judge(None) == "crash"
    assert judge(1.0, make_run("a", 1.0)) == "discard"
    assert judge(0.992, make_run("a", 1.0)) == "keep"
    # Most changes lose: so small a gain was more likely luck.
    assert judge(0.9995, make_run("a", 1.0)) == "discard"
    # A discarded run is no bar: where nothing was kept, anything measured is a start.
    assert judge(1.0, make_run("a", 0.5, status="discard")) == "keep"


@pytest.mark.parametrize(
    "elsewhere",
    [
        None, replace(CPU, device="cuda"), replace(CPU, budget=60), replace(CPU, budget_kind="tokens"),
        replace(CPU, evaluator="f"), replace(CPU, device=None), replace(CPU, budget=None), replace(CPU, evaluator=None),
    ],
)  # fmt: skip
def test_a_result_of_another_group_is_nothing_here(make_run: Make, elsewhere: Environment | None) -> None:
    ours = [of("a", 2.0, environment=CPU), of("b", 1.9, environment=CPU)]
    run = of("c", 1.895, ours[1], environment=CPU)
    theirs = [of(f"x{n}", 0.5 + n, environment=elsewhere) for n in range(6)]
    alone, found = (
        decision.settle(run, Races.of(ours, RULES))[0],
        decision.settle(run, Races.of([*theirs, *ours, *theirs], RULES))[0],
    )
    assert alone == found
    first = decision.decide(theirs[0], Races.of([*ours, run], RULES))
    assert first.next_action == "promote" and first.comparison.prior_champion_run_id is None


def test_a_crash_is_of_the_group_of_the_latest_result(make_run: Make) -> None:
    """It may not get as far as to say where it ran."""
    history = [make_run("a", 1.0), make_run("b", 2.0, environment=CPU)]
    crash = make_run("c", None, status="crash", error=BUG)
    assert decision.decide(crash, Races.of(history, RULES)).comparison.current_champion_run_id == "b"
    said = make_run("c", None, status="crash", error=BUG, environment=Environment(device="tpu"))
    assert decision.decide(said, Races.of(history, RULES)).comparison.current_champion_run_id is None


def test_within_the_noise_depends_on_the_size_of_the_value(make_run: Make) -> None:
    def action(best: float, value: float) -> str:
        run = make_run("b", value, at=1, status="discard")
        return decision.decide(run, Races.of([make_run("a", best)], RULES)).next_action

    assert (action(100.0, 100.05), action(1.0, 1.05)) == ("retry", "abandon")
    assert (action(0.0, 0.001), action(-1.0, -0.9995)) == ("abandon", "retry")


def test_another_metric_is_compared_by_its_own_name(make_run: Make) -> None:
    history = [make_run("a", metrics={"accuracy": 0.5, "val_bpb": 1.0})]
    run = make_run("b", at=1, metrics={"accuracy": 0.75, "val_bpb": 2.0})
    packet = decision.decide(run, Races.of(history, Rules(metric="accuracy", direction="maximize")))
    assert packet.comparison.metric == "accuracy" and packet.comparison.delta_to_prior_champion == 0.25
    assert packet.run.value == 0.75
