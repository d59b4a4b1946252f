"""Who leads a comparison group on all evidence: the champion is sure, the leader only likely."""

import math
import random
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memorylab.core import race
from memorylab.core.entry import Entry
from memorylab.core.group import Group
from memorylab.core.race import Race, Rules
from memorylab.core.races import Races
from memorylab.core.record import Change, Direction, Environment, Run

from .conftest import build

RULES = Rules()
LUCK = Rules(noise=0.003)  # a share of the first value, which is 1 here
STATUSES = st.sampled_from(["keep", "keep", "discard", "crash"])


def of(name: str, value: float | None, on: Run | None = None, status: str = "keep", **said: Any) -> Run:
    """The first run of a program of its own, built on that of another run."""
    change = Change(subject="train.py", blob=name, fingerprint=name)
    return build(name, value, parent_commit=on and on.commit, status=status, change=change, **said)


def line(*values: float, status: str = "keep", start: str = "p") -> list[Run]:
    """Programs p0, p1, ..., each built on the one before."""
    runs: list[Run] = []
    for at, value in enumerate(values):
        runs.append(of(f"{start}{at}", value, runs[-1] if runs else None, status))
    return runs


def again(run: Run, *values: float, status: str = "keep") -> list[Run]:
    """Further runs of a program."""
    return [replace(run, run_id=f"{run.run_id}x{value}", metrics={"val_bpb": value}, status=status) for value in values]


def tried(on: Run, *values: float, status: str = "discard") -> list[Run]:
    """Changes on a program."""
    return [of(f"{on.run_id}t{at}", value, on, status) for at, value in enumerate(values)]


def run_race(runs: Sequence[Run], rules: Rules = RULES) -> Race:
    return Races.of(runs, rules).race(Group())


def names(found: Race) -> tuple[str | None, str | None]:
    """The champion and the leader."""
    champion, leader = (one.sample.runs[0].run_id if one else None for one in (found.champion, found.leader))
    return champion, leader


def test_the_first_that_was_kept_is_champion() -> None:
    runs = [*line(0.5, status="discard"), *line(2.0, start="q"), *line(1.0, status="discard", start="r")]
    found = run_race(runs)
    assert names(found) == ("q0", "q0")
    champion = found.champion
    assert champion is not None and champion.led and champion.promoted and champion.met is None
    assert found.probability(champion) is None


def test_a_lucky_run_leads_but_is_not_promoted() -> None:
    found = run_race(line(1.0, 0.99), LUCK)
    assert names(found) == ("p0", "p1")
    entry = list(found.entries.values())[1]
    assert entry.led and not entry.promoted and found.met(entry) is found.champion
    probability = found.probability(entry)
    assert probability is not None and 0.5 < probability < 0.95


def test_a_large_gain_is_promoted_at_once() -> None:
    assert names(run_race(line(1.0, 0.95), LUCK)) == ("p1", "p1")


def test_replicates_promote() -> None:
    runs = line(1.0, 0.992)
    runs += again(runs[0], 1.003, 0.998)
    assert names(run_race(runs, LUCK)) == ("p0", "p1")
    assert names(run_race([*runs, *again(runs[1], 0.99, 0.993, 0.989), *again(runs[0], 0.999)], LUCK)) == ("p1", "p1")


def test_small_gains_add_up_to_a_promotion() -> None:
    """No single one can be told from luck, all together can."""
    values = [1.0 - 0.005 * at for at in range(9)]
    found = run_race(line(*values), LUCK)
    champions = [names(run_race(line(*values[: at + 1]), LUCK))[0] for at in range(len(values))]
    assert champions[:4] == ["p0"] * 4 and champions[-1] not in ("p0", "p1")
    assert found.leader is not None and found.leader.sample.runs[0].run_id == "p8"
    assert found.effects.probability(-0.005, 2 * found.noise.sd**2) < 0.95


def test_what_was_reset_away_is_not_eligible() -> None:
    runs = [*line(1.0), *line(0.5, status="discard", start="q")]
    found = run_race(runs)
    assert names(found) == ("p0", "p0")
    # Its latest run decides: taken up again it is promoted.
    assert names(run_race([*runs, *again(runs[1], 0.501)])) == ("q0", "q0")
    assert names(run_race([*line(1.0, 0.5), *again(line(1.0, 0.5)[1], 0.501, status="discard")])) == ("p0", "p0")


def test_the_best_leads_where_nothing_was_kept() -> None:
    runs = line(1.0, 0.9, 1.1, status="discard")
    assert names(run_race(runs)) == ("p1", "p1")
    assert names(run_race(runs, Rules(direction="maximize"))) == ("p2", "p2")
    assert names(run_race([*runs, *line(5.0, start="q")])) == ("q0", "q0")


def test_no_runs_no_race() -> None:
    assert names(Race([], RULES)) == (None, None)
    assert names(run_race([build("a", None, status="crash")])) == (None, None)
    assert Races.of([build("a", None, status="crash")], RULES).groups() == ()


def test_the_best_of_many_equal_programs_is_known_to_have_been_lucky() -> None:
    """The winner's curse."""
    dice, excess = random.Random(3), []
    for _ in range(30):
        start = of("p0", 1.0 + dice.gauss(0, 0.003))
        others = [1.0 + dice.gauss(0, 0.003) for _ in range(12)]
        found = run_race([start, *tried(start, *others, status="keep")], LUCK)
        best = found.leader
        assert best is not None and best.estimate is not None
        if best.sample.mean < 0.997:
            assert best.estimate.mean > best.sample.mean
            excess.append(best.estimate.mean - best.sample.mean)
    assert len(excess) > 10 and sum(excess) / len(excess) > 0.001


def test_a_leader_whose_children_all_lose_was_lucky() -> None:
    runs = line(1.0, 0.994)
    means = []
    for losing in range(4):
        found = run_race([*runs, *tried(runs[1], *[1.006] * losing)], LUCK)
        if estimate := found.entries[runs[1].run_id].estimate:
            means.append(estimate.mean)
    assert len(means) == 4 and means == sorted(means) and means[0] < means[1] < means[-1]
    # Not so what was built on another program: it says nothing of this one.
    other = run_race([*runs, *tried(runs[0], *[1.006] * 3)], LUCK).entries[runs[1].run_id].estimate
    assert other is not None and other.mean == pytest.approx(means[0])


def test_a_leader_that_was_lucky_falls_back_to_the_champion() -> None:
    runs = line(1.0, 0.995)
    runs += again(runs[0], 1.003, 0.998, 1.001, 0.997)
    assert names(run_race(runs, LUCK)) == ("p0", "p1")
    assert names(run_race([*runs, *tried(runs[1], *[1.004] * 8)], LUCK)) == ("p0", "p0")


def test_a_change_that_is_hopeless_is_no_news() -> None:
    runs = line(1.0, 0.985)
    before, after = (run_race(rows, LUCK).leader for rows in (runs, [*runs, *tried(runs[1], 100.0)]))
    assert before is not None and after is not None and before.estimate == after.estimate


def test_later_evidence_gives_the_lead_back() -> None:
    """The race is computed afresh from all evidence, so nobody keeps what a lucky first run had won."""
    runs = line(1.0, 0.95)
    assert names(run_race(runs, LUCK)) == ("p1", "p1")
    assert names(run_race([*runs, *again(runs[1], 1.0, 1.01, 0.999)], LUCK)) == ("p0", "p0")
    # Nor does a champion lose to what it was only behind for its own bad luck.
    assert names(run_race([*runs, *again(runs[0], 0.948, 0.952, 0.947)], LUCK))[0] == "p0"


def test_the_wanted_probability() -> None:
    runs = line(1.0, 0.99)
    probability = run_race(runs, LUCK).probability(run_race(runs, LUCK).entries["p1"]) or 0.0
    for promote, champion in ((probability - 0.01, "p1"), (probability + 0.01, "p0")):
        assert names(run_race(runs, Rules(noise=0.003, promote=promote)))[0] == champion


def test_the_noise_of_a_group() -> None:
    """Of the value while results are few, of their differences then, of the settings where they say."""
    assert run_race(line(2.0, 1.9)).noise.sd == pytest.approx(2 * 0.003)
    assert run_race(line(2.0, 1.9), LUCK).noise.sd == pytest.approx(0.006)
    many = [*line(2.0), *tried(line(2.0)[0], 2.01, 2.02, 2.03, 2.04, 2.05)]
    found = run_race(many)
    assert found.noise.assumed and 0.005 < found.noise.sd < 0.03
    assert run_race(many, Rules(noise=0.01)).noise.sd == pytest.approx(0.02)
    told = run_race([*many, *again(many[0], *(2.0 + 0.0005 * (-1) ** at * at for at in range(1, 9)))])
    assert told._variance(told.entries["p0"].sample) == pytest.approx(told.noise.sd**2 / 9)
    assert not told.noise.assumed and told.noise.replicates == 8 and told.noise.sd < found.noise.sd


def entry_and_champion(found: Race) -> tuple[Entry, Entry]:
    assert found.champion is not None
    return next(entry for entry in found.entries.values() if entry is not found.champion), found.champion


def test_seeds_that_should_decide() -> None:
    def seeds(value: float, noise: float) -> int | None:
        found = run_race([*line(1.0), *line(value, status="discard", start="q")], Rules(noise=noise))
        return found.seeds(*entry_and_champion(found))

    counts = [seeds(0.98, noise) for noise in (0.0025, 0.003, 0.004)]
    assert all(one is not None for one in counts)
    known = [one or 0 for one in counts]
    assert known == sorted(known) and 1 <= known[0] < known[-1] <= race.MOST_SEEDS
    assert seeds(0.9, 0.003) is None and seeds(1.1, 0.003) is None  # decided
    assert seeds(0.999, 0.01) is None  # too many
    assert seeds(1.01, 0.003) is not None  # that it is worse is a decision too


def test_more_runs_as_expected_make_it_surer() -> None:
    found = run_race([*line(1.0), *line(0.98, status="discard", start="q")], LUCK)
    entry, champion = entry_and_champion(found)
    asked = [found.probability(entry, champion, more, more) or 0.0 for more in range(6)]
    assert asked == sorted(asked)
    assert found.decided(0.95) and found.decided(0.05) and not found.decided(0.9) and not found.decided(0.1)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(
    "values",
    [(1e200, 1e-200, 0.0), (0.0,), (0.0,) * 3, (1.0,) * 12, (1e49, -1e49), (1e-200, 1e-201) * 4, (5e-324,) * 7],
)  # fmt: skip
def test_odd_values(values: tuple[float, ...], direction: Direction) -> None:
    runs = line(*values)
    for rules in (Rules(direction=direction), Rules(direction=direction, noise=0.01)):
        found = run_race(runs, rules)
        assert found.champion is not None and found.leader is not None
        for entry in found.entries.values():
            assert 0 <= (found.probability(entry) or 0) <= 1 and math.isfinite(
                found.posterior(entry, found.champion).mean
            )


def made(rows: Sequence[tuple[str, float | None, int, int]], prefix: str = "r", **said: object) -> list[Run]:
    runs = []
    for at, (status, value, program, parent) in enumerate(rows):
        run = of(f"{prefix}{program}", value, build(f"{prefix}{parent}"), status, **said)
        runs.append(replace(run, run_id=f"{prefix}{program}x{at}"))
    return runs


def outcome(found: Race) -> list[object]:
    """All that a race says, for comparison."""
    entries = [
        (key, one.led, one.promoted, one.estimate, found.probability(one, found.champion))
        for key, one in found.entries.items()
    ]
    return [*names(found), found.noise, found.effects, entries]


def rows(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[tuple[str, float | None, int, int]]]:
    return st.lists(st.tuples(STATUSES, st.none() | values, st.integers(0, 5), st.integers(0, 5)), max_size=14)


@given(rows(st.floats(allow_nan=False, allow_infinity=False)), st.sampled_from(["minimize", "maximize"]))
def test_it_never_raises(found: list[tuple[str, float | None, int, int]], direction: Direction) -> None:
    runs = made(found)
    for rules in (Rules(direction=direction), Rules(direction=direction, noise=0.05)):
        made_race = run_race(runs, rules)
        for entry in made_race.entries.values():
            assert 0 <= (made_race.probability(entry, made_race.champion) or 0.0) <= 1
        if made_race.entries:
            assert made_race.champion is not None and made_race.leader is not None


@given(rows(st.floats(-5, 5)))
def test_maximize_is_minimize_in_the_mirror(found: list[tuple[str, float | None, int, int]]) -> None:
    mirrored = [(status, None if value is None else -value, at, on) for status, value, at, on in found]
    one, other = run_race(made(found)), run_race(made(mirrored), Rules(direction="maximize"))
    assert outcome(one) == outcome(other)


@given(rows(st.floats(-5, 5)), rows(st.floats(-5, 5)))
def test_another_group_changes_nothing(
    here: list[tuple[str, float | None, int, int]], there: list[tuple[str, float | None, int, int]]
) -> None:
    ours, theirs = made(here), made(there, "s", environment=Environment(device="cpu"))
    mixed = [run for pair in zip_longest(ours, theirs) for run in pair if run is not None]
    assert outcome(run_race(ours)) == outcome(run_race(mixed))
    both, one, other = (set(Races.of(runs, RULES).groups()) for runs in (mixed, ours, theirs))
    assert both == one | other


@pytest.mark.long
def test_luck_alone_is_promoted_once_in_twenty_at_the_most() -> None:
    """Loops whose changes do nothing or harm: the loop keeps what leads, and no promotion is a true one."""
    dice, loops, promoted = random.Random(20), 120, 0
    for _ in range(loops):
        runs, base, true = line(1.0 + dice.gauss(0, 0.003)), "p0", {"p0": 1.0}
        for at in range(1, 15):
            name, effect = f"p{at}", dice.choice((0.0, abs(dice.gauss(0, 0.006))))
            true[name] = true[base] + effect
            runs.append(of(name, true[name] + dice.gauss(0, 0.003), build(base)))
            entry = run_race(runs, LUCK).entries[name]
            promoted += entry.promoted
            if entry.led:
                base = name
            else:
                runs[-1] = replace(runs[-1], status="discard")
    assert promoted <= 0.05 * loops
