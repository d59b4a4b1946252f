"""What the index tells of the knobs is what all runs tell, read from the first on."""

import random
import sqlite3
from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from memorylab import index, turns
from memorylab.core import knobs
from memorylab.core.aliases import BUILT_IN
from memorylab.core.knobs import Study
from memorylab.core.race import Rules
from memorylab.core.record import Amend, Change, Environment, Knob, Record, Run, amended, encode, to_json
from memorylab.store.refs import Entry
from memorylab.timeline import Timeline, Way
from tests.core import turning
from tests.core.conftest import build

CONSTANTS = {"LR": "2", "DEPTH": "8", "WARMUP": "0"}
RULES = Rules()
CPU = Environment(device="cpu", budget=15, budget_kind="cpu_seconds")
PLACES = [
    None, CPU, replace(CPU, seed=1), replace(CPU, seed=2**53), replace(CPU, budget=15.0),
    Environment(device="cuda:0"), Environment(seed=3),
]  # fmt: skip


class Team:
    """Two writers, what they wrote, and the index of what of that has come here."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.database = chance, index.in_memory([])
        self.records: list[Record] = []
        self.numbers = {"ana": 0, "bob": 0}

    def act(self) -> None:
        chance, runs = self.chance, [one for one in self.records if isinstance(one, Run)]
        kind = chance.choice(["run"] * 6 + ["late", "late", "undated", "import", "amend", "amend", "twin", "twin"])
        writer = chance.choice(sorted(self.numbers))
        self.numbers[writer] += 1
        number, at = self.numbers[writer], len(self.records)
        said: dict[str, Any] = {"writer": writer, "seq": number}
        if kind == "amend" and runs:
            run, status = chance.choice(runs), chance.choice(["keep", "discard", "crash"])
            said |= {"id": f"{writer}-{number}", "timestamp_utc": stamp(at), "commit": run.commit, "run_id": run.run_id}
            self.records.append(Amend(status=status, **said))
        elif kind == "twin" and runs:
            self.records.append(replace(chance.choice(runs), change=self.change(), **said))
        else:
            at -= chance.randrange(min(at, chance.choice([3, 9, at])) + 1) if kind == "late" else 0
            said |= {"timestamp_utc": None if kind == "undated" else stamp(at), "change": self.change()}
            said["run_id"] = f"{'imported-' if kind == 'import' else ''}{writer}-{number}"
            said["metrics"] = {"val_bpb": chance.choice([None, 1e60, 1.0, 1.1, round(chance.uniform(0.9, 1.1), 4)])}
            for name in ("commit", "parent_commit"):
                said[name] = f"c{chance.randrange(9)}"
            said["status"] = chance.choice(["keep", "discard", "discard", "crash"])
            self.records.append(build(environment=chance.choice(PLACES), **said))

    def change(self) -> Change | None:
        chance = self.chance
        if chance.random() < 0.2:
            return None
        turned = {
            name: Knob(old=chance.choice(["1", "2", None]), new=chance.choice(["1", "2", "3", None]))
            for name in ("LR", "DEPTH", "")
            if chance.random() < 0.5
        }
        return Change(
            subject="train.py", blob=chance.choice([None, *"pqrstuv"]), fingerprint=chance.choice([None, "f"]),
            knobs=turned, statements=chance.choice([0, 0, 1]), dirty=chance.random() < 0.1,
        )  # fmt: skip

    def told(self) -> Study:
        """What the index tells, when all that was written has come."""
        take_in(self.database, self.records)
        return told(self.database)


def stamp(minute: int) -> str:
    return f"2026-01-01T{minute // 60:02}:{minute % 60:02}:00Z"


def way() -> Way:
    return Way(
        RULES.metric, RULES.direction, RULES.promote, RULES.noise, BUILT_IN, "train.py", lambda *_: None,
        lambda _: iter(()),
    )  # fmt: skip


def take_in(database: sqlite3.Connection, records: Iterable[Record]) -> None:
    index._insert(database, [Entry(one.writer, one.commit, encode(one)) for one in records])
    Timeline(database, way()).update()


def told(database: sqlite3.Connection) -> Study:
    """What the index tells of all knobs; of each alone it tells the same."""
    turned = turns.turned(Timeline(database, way()))
    whole = knobs.study(turned, CONSTANTS, RULES)
    for knob in whole.knobs:
        assert knobs.study(turned, CONSTANTS, RULES, knob.name).knobs == [knob]
    return whole


def from_scratch(records: Iterable[Record]) -> Study:
    """The same from all records: of one id the smallest line counts; runs and amendments are in their order."""
    winners: dict[str, Record] = {}
    for one in sorted(records, key=encode, reverse=True):
        winners[one.id] = one
    ordered = sorted(winners.values(), key=lambda one: (one.timestamp_utc or "", one.writer, one.seq, one.id))
    runs = {one.run_id: one for one in ordered if isinstance(one, Run)}
    for one in ordered:
        if isinstance(one, Amend) and one.run_id in runs:
            runs[one.run_id] = amended(runs[one.run_id], one)
    return turning.study(list(runs.values()), CONSTANTS, RULES)


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8, 200))])
def test_whatever_comes_in_whichever_order_it_is_the_study_of_all_runs(seed: int) -> None:
    team = Team(random.Random(seed))
    for _ in range(12):
        for _ in range(team.chance.randrange(1, 9)):
            team.act()
        assert to_json(team.told()) == to_json(from_scratch(team.records))


def turn(number: int, new: str, value: float, **said: Any) -> Run:
    """A run of a program of its own, built on that of the first."""
    change = Change(subject="train.py", blob=f"b{number}", fingerprint="f", knobs={"LR": Knob(old="1", new=new)})
    fields = {"commit": f"c{number}", "parent_commit": "c0", "change": change, "status": "discard"} | said
    return build(seq=number + 1, value=value, run_id=f"r{number}", timestamp_utc=stamp(number), **fields)


FIRST = turn(0, "1", 1.0, parent_commit=None, change=None, status="keep")


def values(study: Study) -> dict[str | None, tuple[int, int, float | None]]:
    """How many runs each value had, how many of them were kept, and its effect."""
    return {one.value: (one.runs, one.kept, one.effect) for one in study.knobs[0].groups[0].tried}


def test_an_amended_run_counts_as_what_it_is_said_to_be_now() -> None:
    """What nobody knows the base of counts from the best that was kept before it: an amendment takes that away."""
    records: list[Record] = [
        FIRST, turn(1, "2", 0.9, status="keep"), turn(2, "3", 0.95, parent_commit="lost"), turn(3, "2", 0.8),
    ]  # fmt: skip
    database = index.in_memory([])
    take_in(database, records)
    assert values(told(database)) == {"2": (2, 1, -0.15), "3": (1, 0, 0.05)}
    said = {"writer": "w", "timestamp_utc": stamp(9), "commit": "c1", "run_id": "r1"}
    take_in(database, [Amend(seq=9, id="a1", status="discard", **said)])
    assert values(told(database)) == {"2": (2, 0, -0.15), "3": (1, 0, -0.05)}
    take_in(database, [Amend(seq=10, id="a2", status="keep", **said)])
    assert values(told(database)) == {"2": (2, 1, -0.15), "3": (1, 0, 0.05)}


def test_of_two_runs_of_one_id_one_counts_and_moves_from_one_value_to_the_other() -> None:
    database, losing = index.in_memory([]), turn(1, "3", 0.9)
    take_in(database, [FIRST, losing, turn(2, "2", 0.8)])
    assert values(told(database)) == {"2": (1, 0, -0.2), "3": (1, 0, -0.1)}
    winning = turn(1, "2", 0.9)
    assert encode(winning) < encode(losing)
    take_in(database, [winning])
    assert values(told(database)) == {"2": (2, 0, -0.15)}


def test_the_largest_numbers_that_a_record_may_have() -> None:
    huge = Change(subject="train.py", statements=2**53, knobs={"LR": Knob(old="1", new="2")})
    records = [FIRST, turn(1, "2", 0.9, status="crash", change=huge, environment=Environment(seed=-(2**53)))]
    database = index.in_memory([])
    take_in(database, records)
    assert told(database).knobs[0].groups[0].tried[0].others == 2**53
    assert to_json(told(database)) == to_json(from_scratch(records))


def test_a_long_history_is_studied_as_a_whole_one() -> None:
    """Races keep the latest programs; what is usual in a knob's group is told by all. What comes late undoes some."""
    chance, runs = random.Random(3), [FIRST]
    for number in range(1, 600):
        again = {"commit": f"c{number // 2}", "change": runs[number // 2].change} if chance.random() < 0.2 else {}
        value, on = round(chance.gauss(1 + chance.choice([-0.01, 0.03]), 0.01), 4), f"c{chance.randrange(number)}"
        kept = chance.choice(["keep", "discard"])
        runs.append(turn(number, str(chance.randrange(6)), value, parent_commit=on, status=kept, **again))
    late = [runs.pop(at) for at in (550, 400)]
    database = index.in_memory([])
    for first, end in ((0, 300), (300, 301), (301, 600)):
        take_in(database, runs[first:end])
    assert to_json(told(database)) == to_json(from_scratch(runs))
    take_in(database, late)
    assert to_json(told(database)) == to_json(from_scratch([*runs, *late]))
