"""The runs in the order of the ledger, each with what was made of it in its turn; kept in the index.

A run is read on the base that those before it had led to, so its place matters. A new run nearly always comes last, and
costs what it takes to read it. What comes in between, or amends an earlier run, undoes what comes after it, which is
then read again: everything that a run changes in the state is kept with its place. So the state is always that of
reading all runs from the first on.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from memorylab import index, readings
from memorylab.core import base, evidence, history, marks, replicates, similarity
from memorylab.core.aliases import STARTING_VALUES, Vocabulary
from memorylab.core.base import Base
from memorylab.core.evidence import Results
from memorylab.core.group import Group
from memorylab.core.history import State, Trace, idea_of
from memorylab.core.moves import Key
from memorylab.core.record import Amend, Direction, Record, Run, Unreadable, amended, decode, to_json
from memorylab.core.replicates import Replicates
from memorylab.core.similarity import Counts
from memorylab.core.tokens import Value

_MODULES = (*readings.READERS, base, evidence, history, marks, replicates, similarity)
_START = -1  # the place of what holds before the first run
_AFTER = "(stamp, records.writer, seq, id) > (?, ?, ?, ?)"
_ORDER = "ORDER BY stamp, records.writer, seq, id"

K = TypeVar("K")
V = TypeVar("V")
Order = tuple[str, str, int, str]
Started = tuple[tuple[str | None, str] | None, bool]  # the commits of the first run, whether its constants are known
_traces = msgspec.msgpack.Decoder(Trace)


class Way(Struct, frozen=True):
    """How runs are read. `constants` gives those of the subject before a run, by its parent commit and its commit; None
    where they are not known."""

    metric: str
    direction: Direction
    vocabulary: Vocabulary
    subject: str
    constants: Callable[[str | None, str], Mapping[str, str] | None]


class Kept(MutableMapping[K, V], Generic[K, V]):
    """A mapping of which each entry is kept with the place of the run that set it, so that it can be taken back."""

    def __init__(
        self, database: sqlite3.Connection, name: str, type: Any, clock: list[int], write: Callable[[K], Any] = str
    ) -> None:
        self._database, self._name, self._clock, self._write = database, name, clock, write
        self._decoder = msgspec.msgpack.Decoder(type)
        self._known: dict[K, V | None] = {}
        self._new: dict[tuple[str, int], V | None] = {}

    def __getitem__(self, key: K) -> V:
        if key not in self._known:
            asked = "SELECT value FROM state WHERE name = ? AND key = ? ORDER BY at DESC LIMIT 1"
            row = self._database.execute(asked, (self._name, self._write(key))).fetchone()
            self._known[key] = None if row is None or row[0] is None else self._decoder.decode(row[0])
        found = self._known[key]
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: K, value: V) -> None:
        self._set(key, value)

    def __delitem__(self, key: K) -> None:
        self[key]
        self._set(key, None)

    def _set(self, key: K, value: V | None) -> None:
        if key not in self._known or self._known[key] != value:
            self._known[key] = value
            self._new[self._write(key), self._clock[0]] = value

    def __iter__(self) -> Iterator[K]:
        raise NotImplementedError("nothing needs all of it")

    def __len__(self) -> int:
        raise NotImplementedError("nothing needs all of it")

    def save(self) -> None:
        rows = (
            (self._name, key, at, None if value is None else msgspec.msgpack.encode(value))
            for (key, at), value in self._new.items()
        )
        self._database.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)", rows)
        self._new.clear()


class Uses(MutableMapping[str, int]):
    """How many runs use each word; `kind` tells those of moves from those of descriptions."""

    def __init__(self, database: sqlite3.Connection, kind: str) -> None:
        self._database, self._kind = database, kind
        self._known: dict[str, int] = {}
        self._new: set[str] = set()

    def __getitem__(self, word: str) -> int:
        if word not in self._known:
            asked = "SELECT count FROM uses WHERE word = ?"
            row = self._database.execute(asked, (f"{self._kind}{word}",)).fetchone()
            self._known[word] = row[0] if row else 0
        return self._known[word]

    def __setitem__(self, word: str, count: int) -> None:
        self._known[word] = count
        self._new.add(word)

    def __delitem__(self, word: str) -> None:
        self[word] = 0

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError("nothing needs all of it")

    def __len__(self) -> int:
        raise NotImplementedError("nothing needs all of it")

    def save(self) -> None:
        rows = ((f"{self._kind}{word}", self._known[word]) for word in self._new)
        self._database.executemany("INSERT OR REPLACE INTO uses VALUES (?, ?)", rows)
        self._new.clear()


class Timeline:
    """The state after the latest run that was read. Reading it takes no lock; `update` is for a transaction."""

    def __init__(self, database: sqlite3.Connection, way: Way) -> None:
        self.database, self.way = database, way
        self._begin()

    def _begin(self) -> None:
        """Start from what is kept."""
        database = self.database
        last = database.execute("SELECT at, kept FROM places ORDER BY at DESC LIMIT 1").fetchone() or (_START, 0)
        self.clock = [last[0]]
        self._values: Kept[Key, Value] = Kept(database, "value", Value, self.clock, _key)
        self._moved: Kept[Key, int] = Kept(database, "moved", int, self.clock, _key)
        self._names: Kept[Key, str] = Kept(database, "name", str, self.clock, _key)
        self._learned: Kept[str, bool] = Kept(database, "learned", bool, self.clock)
        self._named: Kept[str, int] = Kept(database, "named", int, self.clock)
        self._best: Kept[Group, float] = Kept(database, "best", float, self.clock, to_json)
        self._current: Kept[str, Group] = Kept(database, "current", Group, self.clock)
        self._start: Kept[str, Started] = Kept(database, "start", Started, self.clock)
        self._kept = (
            self._values, self._moved, self._names, self._learned, self._named, self._best, self._current, self._start,
        )  # fmt: skip
        self._terms, self._words = Uses(database, "t"), Uses(database, "w")
        self.state = State(
            Base({}, self._values, self._moved, self._names, self._learned), Replicates(self._named),
            Counts(self._terms, last[0] + 1), Counts(self._words, last[0] + 1), self.trace, self.way.vocabulary,
        )  # fmt: skip
        self.results = Results(self.way.metric, self.way.direction, self._best, self._current.get(""), last[1])

    def trace(self, at: int) -> Trace:
        """What the run at a place was read as."""
        (found,) = self.database.execute("SELECT trace FROM places WHERE at = ?", (at,)).fetchone()
        return _traces.decode(found)

    def run(self, number: int, line: bytes, known: int | None = None) -> Run:
        """The run of an entry, amended; by the amendments among the first `known` entries, if that is given."""
        run = decode(line)
        assert isinstance(run, Run)
        asked = f"""SELECT line FROM records JOIN entries USING (number)
            WHERE kind = 'Amend' AND subject = ? AND wins AND number <= ? {_ORDER}"""
        for (one,) in self.database.execute(asked, (run.run_id, 1 << 62 if known is None else known)):
            amend = decode(one)
            assert isinstance(amend, Amend)
            run = amended(run, amend)
        return run

    # -- bringing it up to date -------------------------------------------------------------------------------------

    def is_fresh(self) -> bool:
        """Whether all entries were taken in, this way."""
        return self._made() == (self._way(), self._latest()) and self._is_as_it_started()

    def update(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Take in what entries there are. Call it in a transaction."""
        database, way, (before, known) = self.database, self._way(), self._made()
        if before != way:
            index.start_over(database)
        self._undo(self._take_in(known), known)
        if not self._is_as_it_started():
            index.start_over(database)
        self._begin()
        with readings.known(database, self.way.vocabulary) as texts:
            self._follow(progress)
            texts.keep()
        database.execute("DELETE FROM made")
        database.execute("INSERT INTO made VALUES (?, ?)", (way, self._latest()))

    def _made(self) -> tuple[bytes, int]:
        """The way in which the entries were taken in, and up to which number."""
        way, number = self.database.execute("SELECT way, number FROM made").fetchone() or (b"", 0)
        return way, number

    def _latest(self) -> int:
        (number,) = self.database.execute("SELECT MAX(number) FROM entries").fetchone()
        return number or 0

    def first(self) -> tuple[str | None, str] | None:
        """The parent commit and the commit of the first run that is known by its commit."""
        asked = f"""SELECT line FROM records JOIN entries USING (number)
            WHERE wins AND own {_ORDER} LIMIT 1"""
        row = self.database.execute(asked).fetchone()
        run = decode(row[0]) if row else None
        return (run.parent_commit, run.commit) if isinstance(run, Run) else None

    def _way(self) -> bytes:
        """What everything kept here follows from, besides the entries."""
        of = self.way
        told = repr((of.metric, of.direction, of.subject)).encode("utf-8", "surrogatepass")
        return readings.digest(of.vocabulary, _MODULES) + told

    def _is_as_it_started(self) -> bool:
        """Whether the subject's constants before the first run are still those that all was read with. They are known
        by the commits; only where these are not here, as in a shallow clone, they may come later."""
        if not self.database.execute("SELECT 1 FROM places LIMIT 1").fetchone():
            return True
        commits, known = self._start[""]
        first = self.first()
        return first == commits and (known or first is None or self.way.constants(*first) is None)

    def _take_in(self, known: int) -> int:
        """Note the records of the entries after number `known`; the first place that they touch."""
        database, touched = self.database, 1 << 62
        asked = "SELECT number, writer, anchor, line FROM entries WHERE number > ? ORDER BY number"
        for number, writer, anchor, line in database.execute(asked, (known,)):
            record = decode(line)
            if isinstance(record, Unreadable) or record.writer != writer:
                continue
            order = record.timestamp_utc or "", writer, record.seq, record.id
            own = isinstance(record, Run) and record.commit == anchor
            there = database.execute("SELECT 1 FROM records WHERE id = ? LIMIT 1", (record.id,)).fetchone()
            row = (number, record.id, type(record).__name__, *order[:3], _subject(record), own, there is None)
            database.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            if there is not None:
                # As the ledger has it: of two records of one id the smaller line, of one line the smaller commit.
                asked = "SELECT number FROM records JOIN entries USING (number) WHERE id = ? ORDER BY line, anchor"
                (winner,) = database.execute(asked, (record.id,)).fetchone()
                database.execute("UPDATE records SET wins = (number = ?) WHERE id = ?", (winner, record.id))
                touched = 0 if winner == number else touched
            elif isinstance(record, Run):
                touched = min(touched, self._place_after(order, known))
            elif isinstance(record, Amend):
                touched = min(touched, self._place_of(record.run_id))
        return touched

    def _place_after(self, order: Order, known: int) -> int:
        """The place of the first run that was read and comes after; that after the last one if there is none."""
        asked = f"SELECT at FROM records JOIN places USING (number) WHERE kind = 'Run' AND wins AND {_AFTER} {_ORDER}"
        row = self.database.execute(f"{asked} LIMIT 1", order).fetchone() if known else None
        return row[0] if row else 1 << 62

    def _place_of(self, run_id: str) -> int:
        asked = "SELECT at FROM records JOIN places USING (number) WHERE id = ? AND wins"
        row = self.database.execute(asked, (run_id,)).fetchone()
        return row[0] if row else 1 << 62

    def _undo(self, first: int, known: int) -> None:
        """Take back what the runs from a place on did; they were read with the first `known` entries."""
        if first == 0:
            index.start_over(self.database)
            return
        asked = "SELECT at, number, kept, trace, line FROM places JOIN entries USING (number) WHERE at >= ? ORDER BY at"
        (kept,) = self.database.execute("SELECT kept FROM places WHERE at = ?", (first - 1,)).fetchone() or (0,)
        terms, words = Uses(self.database, "t"), Uses(self.database, "w")
        for at, number, through, found, line in self.database.execute(asked, (first,)):
            trace, idea = _traces.decode(found), idea_of(self.run(number, line, known))
            text = " ".join(marks.of_run(idea, trace, through > kept))
            self.database.execute("INSERT INTO marks (marks, rowid, words) VALUES ('delete', ?, ?)", (at, text))
            for uses, spoken in (
                (terms, similarity.terms_of(trace.moves)),
                (words, similarity.words_of(idea.description)),
            ):
                for word in spoken:
                    uses[word] -= 1
            kept = through
        terms.save()
        words.save()
        for table in ("places", "state"):
            self.database.execute(f"DELETE FROM {table} WHERE at >= ?", (first,))

    def _follow(self, progress: Callable[[int, int], None] | None) -> None:
        """Read the runs that come after the last one that was read."""
        database, at = self.database, self.clock[0]
        if at == _START:
            first = self.first()
            constants = self.way.constants(*first) if first else None
            self._start[""] = first, constants is not None
            start = STARTING_VALUES if constants is None else constants
            Base(start, self._values, self._moved, self._names, self._learned)
        row = database.execute(
            "SELECT stamp, records.writer, seq, id FROM places JOIN records USING (number) WHERE at = ?", (at,)
        ).fetchone()
        order = row or ("", "", 0, "")
        asked = f"SELECT number FROM records WHERE kind = 'Run' AND wins AND {_AFTER} {_ORDER}"
        numbers = [number for (number,) in database.execute(asked, order)]
        for done, number in enumerate(numbers):
            (line,) = database.execute("SELECT line FROM entries WHERE number = ?", (number,)).fetchone()
            self._read(number, self.run(number, line))
            if progress is not None and done % 100 == 0:
                progress(done, len(numbers))
        for kept in self._kept:
            kept.save()
        self._terms.save()
        self._words.save()

    def _read(self, number: int, run: Run) -> None:
        """Read the next run, and keep what it changes."""
        self.clock[0] = at = self.clock[0] + 1
        idea = idea_of(run)
        trace = self.state.follow(at, idea, run.status)
        best = self.results.follow(run)
        self._current[""] = self.results.current
        row = (at, number, best, self.results.kept, msgspec.msgpack.encode(trace))
        self.database.execute("INSERT INTO places VALUES (?, ?, ?, ?, ?)", row)
        text = " ".join(marks.of_run(idea, trace, run.status == "keep"))
        self.database.execute("INSERT INTO marks (rowid, words) VALUES (?, ?)", (at, text))


def _subject(record: Record) -> str | None:
    """What a record speaks of: the run of an amendment, the commit of a plan."""
    return record.run_id if isinstance(record, Amend) else record.commit


def _key(key: Key) -> bytes:
    head, terms = key
    return to_json([head, sorted(terms)])
