"""How firmly a failure is closed: by the guard, and in the report's list of what is worth another try."""
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core import deadends, decision
from memorylab.core.group import Group
from memorylab.core.race import Rules
from memorylab.core.races import Races
from memorylab.core.record import Change, Environment, Knob, Run, decode, encode
from tests.core import ideas

Make = Callable[..., Run]
RULES = Rules(noise=0.001)


def turn(name: str, old: str, new: str) -> Change:
    return Change(
        subject="train.py", blob=f"{name}{new}", fingerprint=f"{name}{new}", knobs={name: Knob(old=old, new=new)}
    )


def settled(*runs: Run) -> list[Run]:
    """The runs with their packets, as log makes them."""
    done: list[Run] = []
    for run in runs:
        done.append(decision.settle(run, Races.of(done, RULES), run.status)[0])
    return done


def reopened(*runs: Run) -> list[deadends.DeadEnd]:
    return list(deadends.worth_reopening(Races.of(runs, RULES).race(Group())))


@given(st.none() | st.floats(0, 1), st.integers(0, 300), st.booleans(), st.booleans())
def test_strength_only_falls(probability: float | None, kept: int, moved: bool, elsewhere: bool) -> None:
    found = deadends.strength(probability, kept, moved, elsewhere)
    assert 0 <= found <= 1 - (probability or 0.0) + 1e-4
    assert deadends.strength(probability, kept + 1, moved, elsewhere) <= found
    assert deadends.strength(probability, kept, True, elsewhere) <= found
    assert deadends.strength(probability, kept, moved, True) <= found


def test_strength() -> None:
    assert deadends.strength(None, 0, False, False) == 1.0
    assert deadends.strength(0.2, 0, False, False) == 0.8
    assert deadends.strength(None, deadends.HALF_LIFE, False, False) == 0.5
    assert deadends.strength(None, 0, True, True) == 0.25


def test_a_match_says_what_the_failure_was_tested_against(make_run: Make) -> None:
    # The champion with three runs, the failure with two.
    first = [make_run(f"a{n}", 1.0 + n / 1000, n, commit="a" * 40) for n in range(3)]
    change = turn("MATRIX_LR", "0.04", "0.06")
    failed = [
        make_run(f"b{n}", 1.002 + n / 1000, 3 + n, commit="b" * 40, parent_commit="a" * 40, status="discard",
                 description="matrix LR 0.06", change=change)
        for n in range(2)
    ]  # fmt: skip
    closed = ideas.verdict("matrix LR 0.06", *settled(*first, *failed)).top_matches[0].tested
    assert closed is not None
    assert (closed.base, closed.group, closed.replicates, closed.champion_replicates) == ("a" * 40, "not stated", 2, 3)
    assert closed.probability is not None and closed.strength == round(1 - closed.probability, 4)


def test_a_kept_run_has_no_such_thing() -> None:
    found = ideas.verdict("matrix LR 0.06", ideas.run(1, "matrix LR 0.06", "keep"))
    assert found.top_matches[0].tested is None


def test_twelve_kept_runs_weaken_a_failure() -> None:
    failure = ideas.run(2, "matrix LR 0.06", value=1.0005)
    kept = [ideas.run(3 + n, f"idea {word}", "keep", value=0.9999) for n, word in enumerate("abcdefghijkl")]
    fresh = ideas.verdict("matrix LR 0.06", ideas.run(1, "baseline", "keep"), failure, *kept[:5])
    assert (fresh.policy.decision, fresh.stale) == ("block", "")
    old = ideas.verdict("matrix LR 0.06", ideas.run(1, "baseline", "keep"), failure, *kept)
    assert (old.policy.decision, old.stale) == ("caution", "12 runs kept since that failure")


def test_a_failure_in_another_group_cautions() -> None:
    here, there = Environment(device="cuda (H100)"), Environment(device="cpu")
    failure = msgspec.structs.replace(ideas.run(1, "matrix LR 0.06"), environment=there)
    now = msgspec.structs.replace(ideas.run(2, "baseline", "keep"), environment=here)
    found = ideas.verdict("matrix LR 0.06", failure, now)
    assert (found.policy.decision, found.stale) == ("caution", "it failed in another group (cpu)")
    closed = found.top_matches[0].tested
    assert closed is not None and closed.group == "cpu"
    assert closed.strength == deadends.strength(None, kept_since=1, moved=False, elsewhere=True)
    # Where it was measured is not stated: no reason to doubt it.
    assert ideas.verdict("matrix LR 0.06", ideas.run(1, "matrix LR 0.06"), now).policy.decision == "block"


def test_what_was_tested_survives_the_ledger(make_run: Make) -> None:
    verdict = ideas.verdict("matrix LR 0.06", ideas.run(1, "matrix LR 0.06"))
    run = make_run("x", novelty_guard=verdict)
    assert decode(encode(run)) == run


def test_the_report_lists_what_has_weakened(make_run: Make) -> None:
    base = make_run("a", 1.0, 0)
    close = make_run("b", 1.0002, 1, status="discard", description="lr 0.06", change=turn("LR", "0.04", "0.06"))
    hopeless = make_run("c", 1.2, 2, status="discard", description="lr 0.5", change=turn("LR", "0.04", "0.5"))
    assert reopened(base, close, hopeless) == []
    moved = make_run("d", 0.95, 3, description="lr 0.05", change=turn("LR", "0.04", "0.05"))
    (found,) = reopened(base, close, hopeless, moved)
    assert found.run_id == "b" and found.strength <= deadends.WEAK and found.runs == 1
    assert found.why.startswith("1 kept since; LR 0.04 → 0.05 was kept in ")
    assert found.why.endswith("the champion moved from 1 to 0.95")
    # It was tried again on the new base, which is another program, and kept.
    change = msgspec.structs.replace(turn("LR", "0.05", "0.06"), blob="another")
    again = make_run("e", 0.94, 4, description="lr 0.06", change=change)
    assert reopened(base, close, hopeless, moved, again) == []


def test_not_more_than_a_few_are_listed(make_run: Make) -> None:
    base, better = make_run("a", 1.0, 0), make_run("z", 0.9, 30)
    many = [make_run(f"b{n}", 1.0001 + n / 1e5, 1 + n, status="discard") for n in range(20)]
    found = reopened(base, *many, better)
    assert len(found) == deadends.SHOWN
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)


def test_all_that_failed_is_weighed_whether_it_has_weakened_or_not(make_run: Make) -> None:
    base = make_run("a", 1.0, 0)
    close = make_run("b", 1.0002, 1, status="discard", change=turn("LR", "0.04", "0.06"))
    hopeless = make_run("c", 1.2, 2, status="discard", change=turn("WD", "0.1", "0.5"))
    moved = make_run("d", 0.999, 3, change=turn("LR", "0.04", "0.05"))
    race = Races.of([base, close, hopeless, moved], Rules()).race(Group())
    found = {one.run_id: one.strength for _, one in deadends.weighed(race)}
    assert list(found) == ["c", "b"]  # the latest first
    assert found["b"] < deadends.WEAK < 0.9 < found["c"]
    assert [one.run_id for _, one in deadends.weighed(race, deadends.PROMISING)] == ["b"]
