"""What a verdict needs of the memory, without reading all of it: the runs that an idea may be close to, who claims
what, what was planned. Out of the index, in one state of it; where that cannot tell, out of the whole memory."""

import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from memorylab import index, readings
from memorylab.core import claims, evidence, marks
from memorylab.core.evidence import Past
from memorylab.core.history import History, Idea, idea_of, name_of
from memorylab.core.record import Claim, Run, Unreadable, decode
from memorylab.ledger import Memory
from memorylab.store.repo import Store
from memorylab.timeline import Timeline, Way


class Recall:
    """The memory as the index has it. Raises sqlite3.Error where that cannot be read."""

    def __init__(self, database: sqlite3.Connection, way: Way) -> None:
        """`database` is in a read transaction, which ends with this object."""
        self._database, self._timeline = database, Timeline(database, way)
        weakref.finalize(self, database.close)

    def past(self, idea: Idea, latest: int = marks.LATEST) -> Past:
        """The past runs that an idea may be close to; at least the `latest` of each kind (core/marks.py)."""
        timeline = self._timeline
        state, results = timeline.state, timeline.results
        sought = marks.of_idea(idea, state.read(idea), state.terms, state.words, latest)
        places = marks.candidates(sought, self._under)
        rows = list(self._rows(places))
        traces = [timeline.trace(at) for at in places]
        runs = [timeline.run(number, line) for number, _, _, line in rows]
        history = History(places, [idea_of(run) for run in runs], [name_of(run) for run in runs], traces, state)
        kept = [results.kept - through for _, _, through, _ in rows]
        best = [before for _, before, _, _ in rows]
        way = timeline.way
        return Past(
            runs, history, way.metric, way.direction, best, results.leading, results.current, kept, self._run
        )  # fmt: skip

    def claims(self, now: datetime) -> list[Claim]:
        """The claims that may stand at a moment, and what ends them."""
        asked = """SELECT line FROM records JOIN entries USING (number)
            WHERE kind = 'Claim' AND wins AND stamp >= ?"""
        since = f"{now - claims.LONGEST - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}"
        found = (decode(line) for (line,) in self._database.execute(asked, (since,)))
        return [claim for claim in found if isinstance(claim, Claim)]

    def is_planned(self, commit: str) -> bool:
        """Whether a commit was judged already."""
        asked = "SELECT 1 FROM records WHERE kind = 'Plan' AND subject = ? AND wins LIMIT 1"
        return self._database.execute(asked, (commit,)).fetchone() is not None

    def first(self) -> tuple[str | None, str] | None:
        """The parent commit and the commit of the first run that is known by its commit."""
        return self._timeline.first()

    def _under(self, mark: str, most: int) -> Iterable[int]:
        asked = "SELECT rowid FROM marks WHERE marks MATCH ? ORDER BY rowid DESC LIMIT ?"
        return (at for (at,) in self._database.execute(asked, (f'"{mark}"', most)))

    def _rows(self, places: Iterable[int]) -> Iterator[tuple[int, float | None, int, bytes]]:
        asked = "SELECT number, best, kept, line FROM places JOIN entries USING (number) WHERE at = ?"
        for at in places:
            yield self._database.execute(asked, (at,)).fetchone()

    def _run(self, at: int) -> Run:
        ((number, _, _, line),) = self._rows([at])
        return self._timeline.run(number, line)


class Whole:
    """The same of a memory that was read."""

    def __init__(self, state: Path, memory: Memory, way: Way) -> None:
        """`state` is the clone's local state."""
        self._state, self._memory, self._way = state, memory, way

    def past(self, idea: Idea, latest: int = marks.LATEST) -> Past:
        return self._past

    @cached_property
    def _past(self) -> Past:
        way, first = self._way, self.first()
        start = way.constants(*first) if first else None
        with readings.remembered(self._state, way.vocabulary):
            return evidence.past(self._memory.runs, way.metric, way.direction, start, way.vocabulary)

    def claims(self, now: datetime) -> Sequence[Claim]:
        return self._memory.claims

    def is_planned(self, commit: str) -> bool:
        return commit in self._memory.plans

    def first(self) -> tuple[str | None, str] | None:
        memory = self._memory
        found = next((run for run in memory.runs if memory.anchors[run.run_id] == run.commit), None)
        return (found.parent_commit, found.commit) if found else None


def of(
    store: Store, way: Way, memory: Callable[[], Memory], progress: Callable[[int, int], None] | None = None
) -> Recall | Whole:
    """The memory as it is now; it stays so, whoever writes meanwhile. It is read (`memory`) only where the index cannot
    tell: without local state, with a ledger that is not whole here, or where the index cannot be used. `progress` is
    told how many runs of how many were read, if there are any to read."""
    database = _opened(store, way, progress)
    return Whole(store.state, memory(), way) if database is None else Recall(database, way)


def _opened(store: Store, way: Way, progress: Callable[[int, int], None] | None) -> sqlite3.Connection | None:
    """The index, up to date, in a read transaction."""
    if not store.state.is_dir():
        return None  # nobody has asked for a memory here: leave nothing behind
    for is_last in (False, True):
        database = None
        try:
            database = index.open_at(store.state)
            if not (index.is_fresh(database, store) and Timeline(database, way).is_fresh()):
                with index.writing(database):
                    index.update(database, store)
                    Timeline(database, way).update(progress)
            database.execute("BEGIN")
            if all(isinstance(decode(entry.line), Unreadable) for entry in index.missing(database, store)):
                return database
            database.close()
            return None
        except sqlite3.Error as problem:
            if database is not None:
                database.close()
            if is_last or not index.is_removed(store.state, problem):
                return None
    return None
