"""Races told run by run: a window of the latest programs, and a start of bounded size for all before them."""

import random
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memorylab.core import decision, effects
from memorylab.core.entry import Estimate, both
from memorylab.core.group import MOST_RUNS, Group, Programs, group_of
from memorylab.core.race import CARRIED, Race, Rules
from memorylab.core.races import Races
from memorylab.core.record import Environment, Run

from .conftest import build
from .test_race import LUCK, RULES, again, line, made, names, of, outcome, tried
from .turning import samples

HERE = Group()
VALUES = st.none() | st.floats(-5, 5)
STATUSES = st.sampled_from(["keep", "keep", "discard", "crash"])
ROWS = st.lists(st.tuples(STATUSES, VALUES, st.integers(0, 9), st.integers(0, 9)), max_size=30)
SIZES = st.integers(1, 6)


class Archive:
    """What a database would hold beside the state: all runs by group and program, and what `Programs` has learned."""

    def __init__(self) -> None:
        self.programs = Programs()
        self.runs: dict[tuple[Group, str], list[Run]] = {}

    def earlier(self, group: Group, program: str) -> Sequence[Run]:
        return self.runs.get((group, program), ())

    def go_on(self, races: Races, runs: Sequence[Run]) -> Races:
        for run in runs:
            program = races.programs.ahead().add(run)
            races.add(run)
            self.runs.setdefault((group_of(run), program), []).append(run)
        return races


def after(runs: Sequence[Run], size: int, rules: Rules = RULES) -> Races:
    found = Races(rules, size=size)
    for run in runs:
        found.add(run)
    return found


def shown(found: Races) -> list[object]:
    """All that is said of any group."""
    return [(group, *outcome(found.race(group)), found.field(group).runs) for group in found.groups()]


def ledger(number: int, seed: int, again: float = 0.2) -> list[Run]:
    """A loop that keeps what is lower, and repeats a share of its programs."""
    dice, runs, on, best = random.Random(seed), [of("p0", 1.0)], 0, 1.0
    for at in range(1, number):
        if dice.random() < again:
            back = dice.choice(runs[-40:])
            runs.append(replace(back, run_id=f"r{at}", metrics={"val_bpb": best + dice.gauss(0, 0.003)}))
            continue
        value = best + dice.gauss(0.002, 0.004)
        runs.append(of(f"p{at}", value, runs[on], "keep" if value < best else "discard"))
        on, best = (at, value) if value < best else (on, best)
    return runs


@given(ROWS, st.sampled_from(["minimize", "maximize"]))
def test_within_the_window_it_is_one_race(rows: list[tuple[str, float | None, int, int]], direction: str) -> None:
    runs, rules = made(rows), msgspec.convert({"direction": direction}, Rules)
    cpu = [replace(run, run_id=f"c{run.run_id}", environment=Environment(device="cpu")) for run in runs[::2]]
    found = Races.of([*runs, *cpu], rules)
    pooled = samples([*runs, *cpu], "val_bpb")
    assert list(found.groups()) == list(pooled)
    for group, members in pooled.items():
        assert outcome(found.race(group)) == outcome(Race(list(members.values()), rules))
        counts = found.field(group)
        assert (counts.runs, counts.programs) == (sum(len(one.runs) for one in members.values()), len(members))


@given(ROWS, SIZES, st.integers(0, 30), st.integers(0, 30))
def test_a_state_that_was_kept_goes_on_as_if_it_had_not_been(
    rows: list[tuple[str, float | None, int, int]], size: int, one: int, other: int
) -> None:
    runs, archive = made(rows), Archive()
    races = Races(RULES, size=size, programs=archive.programs, earlier=archive.earlier)
    for start, end in pairwise([0, *sorted((one, other)), len(runs)]):
        archive.go_on(races, runs[start:end])
        races = Races.load(races.dump(), RULES, archive.programs, archive.earlier, size)
    whole = after(runs, size)
    assert races.dump() == whole.dump() and shown(races) == shown(whole) and races.latest == whole.latest


@given(ROWS, SIZES)
def test_looking_ahead_changes_nothing_and_is_what_comes(
    rows: list[tuple[str, float | None, int, int]], size: int
) -> None:
    *runs, last, other = [*made(rows), *line(1.0, 0.9)]
    races = after(runs, size)
    before = races.dump()
    races.also(other)
    ahead = races.also(last)
    assert races.dump() == before and shown(races) == shown(after(runs, size))
    races.add(last)
    assert ahead.dump() == races.dump() and shown(ahead) == shown(races)


@given(
    st.lists(
        st.tuples(STATUSES, st.none() | st.floats(allow_nan=False, allow_infinity=False), *(st.integers(0, 9),) * 2),
        max_size=20,
    ),
    SIZES,
    st.sampled_from(["minimize", "maximize"]),
)
def test_it_never_raises(rows: list[tuple[str, float | None, int, int]], size: int, direction: str) -> None:
    for noise in (0.0, 0.05):
        race = after(made(rows), size, msgspec.convert({"direction": direction, "noise": noise}, Rules)).race(HERE)
        for entry in race.entries.values():
            assert 0 <= (race.probability(entry, race.champion) or 0.0) <= 1


@given(ROWS, SIZES)
def test_maximize_is_minimize_in_the_mirror(rows: list[tuple[str, float | None, int, int]], size: int) -> None:
    mirrored = [(status, None if value is None else -value, at, on) for status, value, at, on in rows]
    one, other = after(made(rows), size), after(made(mirrored), size, Rules(direction="maximize"))
    assert outcome(one.race(HERE)) == outcome(other.race(HERE))


@given(ROWS, SIZES)
def test_asking_in_between_changes_nothing(rows: list[tuple[str, float | None, int, int]], size: int) -> None:
    asked = Races(RULES, size=size)
    for run in made(rows):
        asked.add(run)
        race = asked.race(HERE)
        assert asked.race(HERE) is race, "computed once"
        if race.entries:
            assert race.champion is not None and race.leader is not None
            for entry in race.entries.values():
                assert 0 <= (race.probability(entry, race.champion) or 0.0) <= 1
    assert shown(asked) == shown(after(made(rows), size))


def test_a_state_does_not_grow_with_the_ledger() -> None:
    runs = ledger(2000, 1)
    sizes = [len(after(runs[:number], 64).dump()) for number in (500, 1000, 2000)]
    assert max(sizes) < 1.3 * min(sizes)
    # Nor with the runs of one program, in the window or before it.
    first, *rest = line(*(1.0 - at / 1000 for at in range(8)))
    dice = random.Random(2)
    many = [replace(first, run_id=f"m{at}", metrics={"val_bpb": 1.0 + dice.gauss(0, 0.003)}) for at in range(600)]
    for runs in ([first, *many, *rest], [first, *rest, *many]):
        found = after(runs, 4)
        assert found.field(HERE).runs == 608 and found.field(HERE).programs == 8
        kept = [*found.field(HERE).start.entries.values()]
        assert all(len(entry.sample.runs) <= MOST_RUNS for entry in kept)
        assert len(found.dump()) < 6 * len(after([first, *rest], 4).dump()) + 40 * 1000


def test_what_no_race_asks_for_is_not_kept() -> None:
    settled, _ = decision.settle(replace(line(1.0)[0], notes="n" * 5000), Races(RULES))
    settled = replace(settled, metrics={"val_bpb": 1.0, "peak_vram_mb": 2048.0, "other": 1.0})
    (sample,) = after([settled], 4).field(HERE).window.values()
    (run,) = sample.runs
    assert (run.notes, run.decision_packet, run.metrics) == ("", None, {"val_bpb": 1.0, "peak_vram_mb": 2048.0})


@pytest.mark.parametrize("spoilt", ["rules", "size", "cut", "version"])
def test_a_state_of_other_rules_is_refused(spoilt: str) -> None:
    found = after(line(1.0, 0.9), 4)
    data = found.dump()
    if spoilt == "version":
        data = msgspec.msgpack.encode(msgspec.msgpack.decode(data) | {"version": 0})
    rules, size = Rules(noise=0.1) if spoilt == "rules" else RULES, 5 if spoilt == "size" else 4
    with pytest.raises(ValueError):
        Races.load(data[:-3] if spoilt == "cut" else data, rules, Programs(), lambda *_: (), size)


def test_champion_and_leader_are_carried_on() -> None:
    runs = line(1.0, 0.95, 0.945)
    far = tried(runs[2], *(0.97 + at / 1000 for at in range(12)))
    found = after([*runs, *far], 4, LUCK)
    race = found.race(HERE)
    assert names(race) == ("p1", "p2") and set(found.field(HERE).window) == {run.run_id for run in far[-3:]}
    champion, leader = race.champion, race.leader
    assert champion is not None and champion.promoted and leader is not None and leader.led
    before = race.met(champion)
    assert before is not None and before.sample.program == "p0" and race.met(leader) is champion
    assert (race.probability(champion) or 0) > 0.95
    # All of it, and of the others the closest alone.
    assert len(found.field(HERE).start.entries) == CARRIED + 2, "the leader is one of the eight"
    assert race.first == 1.0


def others(on: Run, number: int, least: float = 1.5) -> list[Run]:
    """Further changes that lose."""
    return [of(f"{on.run_id}-{least}-{at}", least + at / 100, on, "discard") for at in range(number)]


def frozen(*values: float) -> list[Run]:
    """A line, and enough bad changes on its end for it to leave a window of 4."""
    runs = line(*values)
    return [*runs, *others(runs[-1], 6)]


def test_further_runs_of_a_leader_that_was_carried_promote_it() -> None:
    runs = frozen(1.0, 0.99)
    assert names(after(runs, 4, LUCK).race(HERE)) == ("p0", "p1")
    more = [*again(runs[1], 0.9895, 0.9905, 0.9901), *again(runs[0], 1.0005, 0.9995)]
    sure = after([*runs, *more], 4, LUCK)
    assert names(sure.race(HERE)) == ("p1", "p1") and sure.field(HERE).programs == 8
    assert sure.race(HERE).entries["p1"].promoted and sure.race(HERE).noise.replicates == 5


def standing(runs: Sequence[Run]) -> tuple[str | None, str | None]:
    """Champion and leader after a window of 4; all at once gives the same."""
    found = names(after(runs, 4, LUCK).race(HERE))
    assert found == names(Races.of(runs, LUCK).race(HERE))
    return found


def test_further_runs_take_back_what_luck_had_won() -> None:
    runs = frozen(1.0, 0.95)
    assert standing(runs) == ("p1", "p1")
    assert standing([*runs, *again(runs[1], 1.01, 1.0, 1.02)]) == ("p0", "p1")
    lost = [*runs, *again(runs[1], 1.03, 1.02, 1.04)]
    assert standing(lost) == ("p0", "p0")
    entry = after(lost, 4, LUCK).race(HERE).entries["p1"]
    assert not entry.led and not entry.promoted
    # So do those of the champion before it, whose own luck was bad.
    assert standing([*runs, *again(runs[0], 0.948, 0.952, 0.947)]) == ("p0", "p1")
    leading = frozen(1.0, 0.99)
    assert standing([*leading, *again(leading[1], 1.01)]) == ("p0", "p0")


def test_what_is_discarded_at_last_does_not_lead_on() -> None:
    runs = frozen(1.0, 0.95, 0.945)
    gone = [again(run, 0.95, status="discard") for run in runs[:3]]
    assert standing(runs) == ("p1", "p2")
    assert standing([*runs, *gone[2]]) == ("p1", "p1")
    assert standing([*runs, *gone[1]]) == ("p2", "p2")
    assert standing([*runs, *gone[1], *gone[0]]) == ("p2", "p2")
    leading = frozen(1.0, 0.99)
    lower = of("lower", 0.5, leading[1], "discard")
    assert standing([*leading, lower, *again(leading[0], 1.0, status="discard")]) == ("p1", "p1")
    # Where nothing is left that was kept, the best leads; then the next that is.
    none = [*runs, *gone[1], *gone[0], *gone[2]]
    assert standing(none) == ("p2", "p2")
    assert standing([*none, *line(1.2, start="q")]) == ("q0", "q0")


def test_the_best_leads_where_nothing_was_ever_kept() -> None:
    values = [1.0, 0.8, *(1.0 + at / 100 for at in range(20))]
    runs = line(*values, status="discard")
    assert names(after(runs, 4).race(HERE)) == ("p1", "p1")
    kept = again(runs[1], 0.81)
    assert names(after([*runs, *kept], 4).race(HERE)) == ("p1", "p1")
    assert after([*runs, *kept], 4).field(HERE).programs == len(values)


def test_a_program_that_comes_back_brings_its_runs() -> None:
    runs = frozen(1.0, 0.9, 0.8)
    lost = runs[3]
    far = others(runs[2], 20, 1.2)
    found = after([*runs, *far, *again(lost, 1.4, 1.3)], 4, LUCK)
    assert lost.run_id not in found.field(HERE).start.entries
    assert found.field(HERE).window[lost.run_id].values == (lost.value("val_bpb"), 1.4, 1.3)
    assert found.field(HERE).programs == len(runs) + len(far) and found.race(HERE).noise.programs == 1
    # One that was carried as a challenger is in the race again: it may lead now.
    close = tried(runs[2], 0.805)
    back = after([*runs, *close, *far, *again(close[0], 0.7, 0.69, 0.71)], 4, LUCK)
    assert names(back.race(HERE))[1] == close[0].run_id and close[0].run_id not in back.field(HERE).start.entries


def test_a_look_that_goes_far_leaves_nothing_behind() -> None:
    runs = frozen(1.0, 0.9)
    races = after(runs, 4)
    lost = of("lost", 2.0, runs[0], "discard")
    ahead = races.also(lost)
    for run in others(runs[1], 8, 1.7):
        ahead.add(run)
    assert "lost" not in ahead.field(HERE).window
    comes = [*others(runs[1], 8, 1.3), *again(lost, 2.1)]
    for run in comes:
        races.add(run)
    assert races.dump() == after([*runs, *comes], 4).dump()
    assert races.programs.of_commit.keys() == {run.commit for run in (*runs, *comes)}


def test_replicates_of_the_past_tell_of_luck() -> None:
    dice = random.Random(4)
    runs = line(1.0, 0.9, 0.8)
    pairs = [run for one in tried(runs[2], *(1.0 + at / 50 for at in range(20))) for run in (one, *again(
        one, (one.value("val_bpb") or 0.0) + dice.gauss(0, 0.0005)))]  # fmt: skip
    found = after([*runs, *pairs, *others(runs[2], 4)], 4)
    assert found.race(HERE).noise.replicates == 20
    assert found.race(HERE).noise.sd == pytest.approx(Races.of([*runs, *pairs], RULES).race(HERE).noise.sd, rel=0.2)
    differences = after(ledger(300, 3), 64).field(HERE).start.differences
    assert len(differences) == effects.LATEST
    assert len(after(ledger(300, 3), 64).field(HERE).start.steps) == 128


def test_steps_without_a_leader_to_differ_from() -> None:
    """What led was discarded at last, and nothing was kept since."""
    first = line(1.0)
    runs = [*first, *others(first[0], 1), *again(first[0], 1.1, status="discard"), *others(first[0], 9, 1.2)]
    assert names(after(runs, 1).race(HERE)) == ("p0", "p0")


def test_two_estimates_together() -> None:
    found = both(Estimate(1.0, 1.0), Estimate(4.0, 0.5))
    assert (found.mean, found.variance) == (pytest.approx(3.0), pytest.approx(1 / 3))


def test_a_base_that_is_run_later_is_known_then() -> None:
    base, child = of("base", 1.0), of("child", 0.9, of("base", 1.0))
    found = after([child], 4)
    assert found.race(HERE).entries["child"].sample.base is None
    found.add(replace(base, environment=Environment(device="cpu")))
    assert found.race(HERE).entries["child"].sample.base == "base"


def test_a_kept_program_stays_kept_when_it_comes_back() -> None:
    """Its commit is not to be reset away, however long ago it was kept, and whatever leads now."""
    runs = frozen(1.0, 0.9, 0.8)
    old = of("old", 1.1, runs[0])
    races = after([runs[0], old, *runs[1:], *others(runs[2], 20, 1.0)], 4, LUCK)
    assert decision.judge(again(old, 1.11)[0], races) == "keep"
    assert decision.judge(again(runs[3], 1.6)[0], races) == "discard"
    found = decision.settle(again(old, 1.11)[0], races)[1]
    assert found.is_further and found.earlier is None and found.rival is not None


def test_a_packet_where_a_window_ends() -> None:
    """The champion before the run may not be carried on; the packet speaks of it all the same."""
    for seed in range(3):
        races = Races(LUCK, size=2)
        for run in ledger(30, seed):
            settled, found = decision.settle(run, races)
            races.add(settled)
            packet = settled.decision_packet
            assert packet is not None and (found.prior is None) == (packet.comparison.prior_champion_run_id is None)
            assert found.own is not None and found.current is not None


def test_the_latest_group() -> None:
    found = after([build("a", 1.0), build("b", 1.0, environment=Environment(device="cpu"))], 4)
    assert found.latest == Group(device="cpu") and found.groups() == (HERE, Group(device="cpu"))
    assert found.also(build("c", 1.0)).latest == HERE and found.latest == Group(device="cpu")
    assert found.also(build("d", None, status="crash")).latest == Group(device="cpu")
    assert found.race(Group(device="tpu")).champion is None and found.field(Group(device="tpu")).runs == 0
