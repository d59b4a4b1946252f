"""The runs in the order of the ledger, each with what was made of it in its turn; kept in the index.

A run is read on the base that those before it had led to, so its place matters. A new run nearly always comes last, and
costs what it takes to read it. What comes in between, or amends an earlier run, undoes what comes after it, which is
then read again: everything that a run changes in the state is kept with its place. So the state is always that of
reading all runs from the first on.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from memorylab import index, intake, readings, rewrites
from memorylab.core import kinds, marks, similarity
from memorylab.core.aliases import STARTING_VALUES, Vocabulary
from memorylab.core.base import Base
from memorylab.core.evidence import Results
from memorylab.core.group import IMPORTED, Group, group_of, is_measured
from memorylab.core.history import State, Trace, idea_of
from memorylab.core.lineage import root_of
from memorylab.core.moves import Key
from memorylab.core.record import (
    AMENDABLE,
    Amend,
    Change,
    Direction,
    Run,
    amended,
    decode,
    decode_briefly,
    to_json,
)
from memorylab.core.replicates import Replicates
from memorylab.core.similarity import Counts
from memorylab.core.text import escaped
from memorylab.core.tokens import Value
from memorylab.core.versions import changed
from memorylab.intake import AFTER, IN_ORDER, NOWHERE, order_at
from memorylab.kept import Kept, Uses
from memorylab.rewrites import Order, order_of

if TYPE_CHECKING:  # a verdict needs nothing of the races
    from memorylab.core.races import Races

# The code that makes of a run what is kept here, besides that which reads its words.
_READ_BY = (
    "base", "effects", "entry", "evidence", "group", "history", "kinds", "lineage", "marks", "noise", "race", "races",
    "record", "replicates", "similarity",
)  # fmt: skip
_START = -1  # the place of what holds before the first run
_STRIDE = 256  # runs between two checkpoints

Started = tuple[tuple[str | None, str] | None, bool]  # the commits of the first run, whether its constants are known
_traces = msgspec.msgpack.Decoder(Trace)


class Way(Struct, frozen=True):
    """How runs are read and compared: fields as in the settings. `constants` gives those of the subject before a run,
    by its parent commit and its commit; None where they are not known. `ancestors` lists those of a commit, as far as
    they are here, the nearest first."""

    metric: str
    direction: Direction
    promote: float
    noise: float
    vocabulary: Vocabulary
    subject: str
    constants: Callable[[str | None, str], Mapping[str, str] | None]
    ancestors: Callable[[str], Iterator[str]]


class Timeline:
    """The state after the latest run that was read. Reading it takes no lock; `update` is for a transaction."""

    def __init__(self, database: sqlite3.Connection, way: Way, until: int = NOWHERE) -> None:
        """The state after the run at place `until`, by default after the last one."""
        self.database, self.way = database, way
        self._left_out = NOWHERE  # the place of a run that the races are to know nothing of
        self._begin(until)

    def _begin(self, until: int = NOWHERE) -> None:
        """Start from what is kept."""
        database, way = self.database, self.way
        asked = "SELECT at, kept, crashed, home FROM places WHERE at <= ? ORDER BY at DESC LIMIT 1"
        last = database.execute(asked, (until,)).fetchone() or (_START, 0, 0, None)
        self.crashed: int = last[2]
        self.home: int | None = last[3]  # the group of the latest run that was measured here
        self.clock = [last[0]]
        self._kept: list[Kept[Any, Any]] = []
        self._circles: dict[Group, int] = {}
        self._names = self._mapping("name", str, _key)
        self._values, self._moved = self._mapping("value", Value, _key), self._mapping("moved", int, _key)
        self._learned, self._named = self._mapping("learned", bool), self._mapping("named", int)
        self._best, self._current = self._mapping("best", float, to_json), self._mapping("current", Group)
        self._start = self._mapping("start", Started)
        self._programs, self._blobs = self._mapping("program", str), self._mapping("blob", bool)
        self._terms, self._words = Uses(database, "t"), Uses(database, "w")
        self.state = State(
            Base({}, self._values, self._moved, self._names, self._learned), Replicates(self._named),
            Counts(self._terms, last[0] + 1), Counts(self._words, last[0] + 1), self.trace, way.vocabulary,
        )  # fmt: skip
        self.results = Results(way.metric, way.direction, self._best, self._current.get(""), last[1])
        asked = "SELECT 1 FROM records WHERE kind = 'Amend' AND wins LIMIT 1"
        self._amended = database.execute(asked).fetchone() is not None
        asked = "SELECT 1 FROM records WHERE kind = 'Rewrite' AND wins LIMIT 1"
        self._rewritten = database.execute(asked).fetchone() is not None
        self.__dict__.pop("races", None)

    def _mapping(self, name: str, type: Any, write: Callable[[Any], Any] = str) -> Kept[Any, Any]:
        self._kept.append(Kept(self.database, name, type, self.clock, write))
        return self._kept[-1]

    @property
    def size(self) -> int:
        """How many runs there are."""
        return self.clock[0] + 1

    @cached_property
    def races(self) -> Races:
        """The races of all comparison groups."""
        from memorylab.core.group import Programs
        from memorylab.core.race import Rules
        from memorylab.core.races import Races

        way = self.way
        rules = Rules(metric=way.metric, direction=way.direction, promote=way.promote, noise=way.noise)
        programs = Programs(self._programs, self._blobs)
        kept = self.database.execute("SELECT value FROM checkpoints WHERE at = ?", (self.clock[0],)).fetchone()
        if kept is None:
            return Races(rules, programs=programs, earlier=self._earlier)
        return Races.load(kept[0], rules, programs, self._earlier)

    @property
    def programs(self) -> Mapping[str, str]:
        """The program that each commit holds."""
        return self._programs

    def races_before(self, place: int, later: bool = False) -> Races:
        """The races as they were before the run at a place; with `later` as they would be now without that run,
        though which program its commit holds is known."""
        asked = "SELECT MAX(at) FROM checkpoints WHERE at < ?"
        (start,) = self.database.execute(asked, (place,)).fetchone()
        then = Timeline(self.database, self.way, _START if start is None else start)
        asked = """SELECT at, number, line(packed) FROM places JOIN entries USING (number)
            WHERE at > ? AND at != ? AND at < ? ORDER BY at"""
        races = then.races
        then._left_out, end = place, NOWHERE if later else place
        for at, number, line in self.database.execute(asked, (then.clock[0], place, end)):
            then.clock[0] = at
            run = self.run(number, line)
            then._adopt(run)
            races.add(run)
        return races

    def _earlier(self, group: Group, program: str) -> list[Run]:
        """The former runs of a program in a group, in their order."""
        asked = """SELECT number, line(packed) FROM places JOIN entries USING (number) JOIN circles USING (circle)
            WHERE program = ? AND said = ? AND at < ? AND at != ? ORDER BY at"""
        rows = self.database.execute(asked, (program, to_json(group), self.clock[0], self._left_out))
        return [self.run(number, line) for number, line in rows]

    def trace(self, at: int) -> Trace:
        """What the run at a place was read as."""
        (found,) = self.database.execute("SELECT trace FROM places WHERE at = ?", (at,)).fetchone()
        return trace_of(found)

    def run(self, number: int, line: bytes, known: int | None = None) -> Run:
        """The run of an entry, without its verdict, amended; by the amendments among the first `known` entries, if that
        is given."""
        return self._amend(decode_briefly(line), known)

    def whole(self, line: bytes) -> tuple[Run, bytes]:
        """The run of an entry, amended, with its line, in which nothing is left that is not printable."""
        run = decode(line)
        assert isinstance(run, Run)
        found = self._amend(run)
        said = line if found is run else changed(line, **{name: getattr(found, name) for name in AMENDABLE})
        return found, said if said.isascii() else escaped(said.decode()).encode()

    def _amend(self, run: Run, known: int | None = None) -> Run:
        if not self._amended:
            return run
        asked = f"""SELECT line(packed) FROM records JOIN entries USING (number)
            WHERE kind = 'Amend' AND subject = ? AND wins AND number <= ? {IN_ORDER}"""
        for (one,) in self.database.execute(asked, (run.run_id, 1 << 62 if known is None else known)):
            amend = decode(one)
            assert isinstance(amend, Amend)
            run = amended(run, amend)
        return run

    def _adopt(self, run: Run) -> None:
        """Let the commit that a run was built on hold the program of its former self."""
        parent = run.parent_commit
        if self._rewritten and parent is not None and parent not in self._programs:
            former = rewrites.former(self.database, parent, order_of(run))
            program = self._programs.get(former or "")
            if program is not None:
                self._programs[parent] = program

    def order(self, at: int) -> Order:
        """Where the run at a place is in the order."""
        found = order_at(self.database, at)
        assert found is not None
        return found

    # -- bringing it up to date -------------------------------------------------------------------------------------

    def is_fresh(self) -> bool:
        """Whether all entries were taken in, this way."""
        return self._made() == (self._way(), self._latest()) and self._is_as_it_started()

    def update(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Take in what entries there are. Call it in a transaction."""
        database, way, (before, known) = self.database, self._way(), self._made()
        if before != way:
            index.start_over(database)
        self._undo(intake.take_in(database, known, self.clock[0]), known)
        if not self._is_as_it_started():
            index.start_over(database)
        self._begin()
        with readings.known(database, self.way.vocabulary) as texts:
            self._follow(texts, progress)
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
        asked = f"""SELECT line(packed) FROM records JOIN entries USING (number)
            WHERE wins AND own {IN_ORDER} LIMIT 1"""
        row = self.database.execute(asked).fetchone()
        run = decode(row[0]) if row else None
        return (run.parent_commit, run.commit) if isinstance(run, Run) else None

    def _way(self) -> bytes:
        """What everything kept here follows from, besides the entries."""
        of = self.way
        told = repr((of.metric, of.direction, of.promote, of.noise, of.subject)).encode("utf-8", "surrogatepass")
        return readings.digest(of.vocabulary, readings.READERS, _READ_BY) + told

    def _is_as_it_started(self) -> bool:
        """Whether the subject's constants before the first run are still those that all was read with. They are known
        by the commits; only where these are not here, as in a shallow clone, they may come later."""
        if not self.database.execute("SELECT 1 FROM places LIMIT 1").fetchone():
            return True
        commits, known = self._start[""]
        first = self.first()
        return first == commits and (known or first is None or self.way.constants(*first) is None)

    def _undo(self, first: int, known: int) -> None:
        """Take back what the runs from a place on did, and those before it down to a checkpoint; they were read with
        the first `known` entries."""
        if first > self.clock[0]:
            return
        database = self.database
        row = database.execute("SELECT MAX(at) FROM checkpoints WHERE at < ?", (first,)).fetchone()
        if row[0] is None:
            index.start_over(database)
            return
        first = row[0] + 1
        asked = """SELECT at, number, kept, trace, line(packed) FROM places JOIN entries USING (number)
            WHERE at >= ? ORDER BY at"""
        (kept,) = database.execute("SELECT kept FROM places WHERE at = ?", (first - 1,)).fetchone()
        for at, number, through, found, line in database.execute(asked, (first,)):
            trace, idea = trace_of(found), idea_of(self.run(number, line, known))
            text = " ".join(marks.of_run(idea, trace, through > kept))
            database.execute("INSERT INTO marks (marks, rowid, words) VALUES ('delete', ?, ?)", (at, text))
            for uses, spoken in (
                (self._terms, similarity.terms_of(trace.moves)),
                (self._words, similarity.words_of(idea.description)),
            ):
                for word in spoken:
                    uses[word] -= 1
            kept = through
        self._terms.save()
        self._words.save()
        for table in ("places", "turns", "state", "checkpoints"):
            database.execute(f"DELETE FROM {table} WHERE at >= ?", (first,))
        database.execute("INSERT INTO undone (at) VALUES (?)", (first,))

    def _follow(self, texts: readings.Known, progress: Callable[[int, int], None] | None) -> None:
        """Read the runs that come after the last one that was read."""
        database, at = self.database, self.clock[0]
        if at == _START:
            first = self.first()
            constants = self.way.constants(*first) if first else None
            self._start[""] = first, constants is not None
            start = STARTING_VALUES if constants is None else constants
            Base(start, self._values, self._moved, self._names, self._learned)
        order = order_at(database, at) or ("", "", 0, "")
        asked = f"SELECT number FROM records WHERE kind = 'Run' AND wins AND {AFTER} {IN_ORDER}"
        numbers = [number for (number,) in database.execute(asked, order)]
        if numbers:
            _ = self.races  # as they are before the first of these
        for done, number in enumerate(numbers, start=1):
            (line,) = database.execute("SELECT line(packed) FROM entries WHERE number = ?", (number,)).fetchone()
            self._read(number, self.run(number, line))
            left = len(numbers) - done
            # Closer by the end: it is the latest runs that a report looks back on, or that are undone.
            if (self.size % (_STRIDE if left > 2 * _STRIDE else _STRIDE // 8)) == 0 or not left:
                self._save()
                texts.keep()
                if progress is not None:
                    progress(done, len(numbers))

    def _read(self, number: int, run: Run) -> None:
        """Read the next run, and keep what it changes."""
        self.clock[0] = at = self.clock[0] + 1
        self._adopt(run)
        root = root_of(run, partial(self._root_of, order=order_of(run)), self.way.ancestors)
        idea, program = idea_of(run), self.races.add(run)
        trace = self.state.follow(at, idea, run.status)
        best = self.results.follow(run)
        self._current[""] = self.results.current
        sort, _ = kinds.kind_of(run, self.way.vocabulary)
        value = run.value(self.way.metric) if is_measured(run, self.way.metric) else None
        self.crashed += run.status == "crash"
        circle, is_here = self._circle(group_of(run)), not run.run_id.startswith(IMPORTED)
        if value is not None and is_here:
            self.home = circle
        row = (
            at, number, best, self.results.kept, self.crashed, msgspec.msgpack.encode(trace), run.status, value,
            circle, program, run.commit, root, sort, run.parent_commit,
            run.environment.seed if run.environment else None, self.home,
        )  # fmt: skip
        self.database.execute(f"INSERT INTO places VALUES ({', '.join('?' * len(row))})", row)
        text = " ".join(marks.of_run(idea, trace, run.status == "keep"))
        self.database.execute("INSERT INTO marks (rowid, words) VALUES (?, ?)", (at, text))
        if run.change is not None and is_here:
            self._note_turns(at, run.change)

    def _note_turns(self, at: int, change: Change) -> None:
        """Note which knobs a run turned; `whole` tells its change from others that turn one of them alike."""
        others = len(change.knobs) - 1 + change.statements
        said = msgspec.json.encode((change.statements, change.knobs))
        whole = hashlib.blake2b(said, digest_size=16).digest()
        rows = ((name, at, knob.old, knob.new, others, whole) for name, knob in change.knobs.items())
        self.database.executemany("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _circle(self, group: Group) -> int:
        if group not in self._circles:
            said = to_json(group)
            self.database.execute("INSERT OR IGNORE INTO circles (said) VALUES (?)", (said,))
            (found,) = self.database.execute("SELECT circle FROM circles WHERE said = ?", (said,)).fetchone()
            self._circles[group] = int(found)
        return self._circles[group]

    def _root_of(self, commit: str, order: Order) -> str | None:
        asked = "SELECT root FROM places WHERE commit_id = ? LIMIT 1"
        row = self.database.execute(asked, (commit,)).fetchone()
        if row is None and self._rewritten:
            row = self.database.execute(asked, (rewrites.former(self.database, commit, order),)).fetchone()
        return row[0] if row else None

    def _save(self) -> None:
        """Keep the state, and where to go on from; of former ones fewer the older they are."""
        database, at = self.database, self.clock[0]
        for kept in self._kept:
            kept.save()
        self._terms.save()
        self._words.save()
        database.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)", (at, self.races.dump()))
        for (one,) in database.execute("SELECT at FROM checkpoints").fetchall():
            # By the place itself, so that what is left as they age stays evenly spread.
            if (one + 1) % (1 << max(0, ((at - one) // 4).bit_length() - 1)):
                database.execute("DELETE FROM checkpoints WHERE at = ?", (one,))


def trace_of(kept: bytes) -> Trace:
    """What a run was read as, from what is kept of that."""
    return _traces.decode(kept)


def _key(key: Key) -> bytes:
    head, terms = key
    return to_json([head, sorted(terms)])
