"""What commands need of the memory, without reading all of it: the runs that an idea may be close to, who claims what,
what was planned, who leads. Out of the index, in one state of it."""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from memorylab import index, rewrites
from memorylab.core import claims, marks
from memorylab.core.evidence import Past
from memorylab.core.history import History, Idea, idea_of, name_of
from memorylab.core.record import Claim, Plan, Rewrite, Run, Unreadable, decode, same_but_for_writer
from memorylab.errors import NotFound
from memorylab.timeline import Timeline, Way, trace_of

if TYPE_CHECKING:  # while the index is fresh nothing of git is needed
    from memorylab.core.knobs import Turned
    from memorylab.core.races import Races
    from memorylab.core.ranking import Registry
    from memorylab.looking import Looking, Narrow
    from memorylab.store.repo import Store

_RECENT_PLANS = 500
_RECENT_REWRITES = 2_000
_MOST_LOST = 10_000  # each is read to see what it is
_ON, _LAST = "commit_id >= ? AND commit_id < ?", "\U0010ffff"  # the commits whose names begin so
_RUN = "id = ? AND +kind = 'Run' AND wins"  # without the plus SQLite looks through all that are of the kind


class Recall:
    """The memory as the index has it. Raises sqlite3.Error where that cannot be read."""

    def __init__(self, database: sqlite3.Connection, way: Way, lacking: Iterable[bytes] = ()) -> None:
        """`database` is in a read transaction, which ends with this object; `lacking` says what is not in it."""
        self._database, self._timeline, self._lacking = database, Timeline(database, way), set(lacking)
        weakref.finalize(self, database.close)

    def past(self, idea: Idea, latest: int = marks.LATEST) -> Past:
        """The past runs that an idea may be close to; at least the `latest` of each kind (core/marks.py)."""
        timeline = self._timeline
        state, results = timeline.state, timeline.results
        sought = marks.of_idea(idea, state.read(idea), state.terms, state.words, latest)
        places = marks.candidates(sought, self._under)
        rows = list(self._rows(places))
        traces = [trace_of(trace) for *_, trace, _ in rows]
        runs = [timeline.run(number, line) for number, *_, line in rows]
        history = History(places, [idea_of(run) for run in runs], [name_of(run) for run in runs], traces, state)
        kept = [results.kept - through for _, _, through, *_ in rows]
        best = [before for _, before, *_ in rows]
        way = timeline.way
        return Past(
            runs, history, way.metric, way.direction, best, results.leading, results.current, kept, self._run
        )  # fmt: skip

    def claims(self, now: datetime) -> list[Claim]:
        """The claims that may stand at a moment, and what ends them."""
        asked = """SELECT line(packed) FROM records JOIN entries USING (number)
            WHERE kind = 'Claim' AND wins AND stamp >= ?"""
        since = _text(now - claims.LONGEST - timedelta(seconds=1))
        found = (decode(line) for (line,) in self._database.execute(asked, (since,)))
        return [claim for claim in found if isinstance(claim, Claim)]

    def is_planned(self, commit: str) -> bool:
        """Whether a commit was judged already."""
        asked = "SELECT 1 FROM records WHERE kind = 'Plan' AND subject = ? AND wins LIMIT 1"
        return self._database.execute(asked, (commit,)).fetchone() is not None

    def first(self) -> tuple[str | None, str] | None:
        """The parent commit and the commit of the first run that is known by its commit."""
        return self._timeline.first()

    @property
    def races(self) -> Races:
        """The races of all comparison groups."""
        return self._timeline.races

    def races_before(self, place: int) -> Races:
        """The races as they were before the run at a place."""
        return self._timeline.races_before(place)

    def races_without(self, run_id: str) -> Races:
        """The races of all runs but one."""
        return self._timeline.races_before(self.place(run_id), later=True)

    def registry(self, writer: str | None = None) -> Registry:
        """The board of all runs, as `writer` sees it; without one everybody's."""
        from memorylab import board
        from memorylab.core import ranking

        return ranking.registry(board.tally(self._timeline, writer), self.races)

    def turned(self) -> Turned:
        """What was turned, to be read knob by knob."""
        from memorylab import turns

        return turns.turned(self._timeline)

    @property
    def size(self) -> int:
        """How many runs there are."""
        return self._timeline.size

    def runs(self, first: int = 0, end: int | None = None) -> Iterator[tuple[int, Run, bytes]]:
        """The runs from one place to before another, whole and amended: (place, run, canonical line)."""
        asked = "SELECT at, line(packed) FROM places JOIN entries USING (number) WHERE at >= ? AND at < ? ORDER BY at"
        for at, line in self._database.execute(asked, (first, self.size if end is None else end)):
            yield at, *self._timeline.whole(line)

    def newest(self, narrow: Narrow) -> Iterator[tuple[int, Run]]:
        """Runs from the newest on, each with its place, as `looking.newest` gives them."""
        from memorylab import looking

        return looking.newest(self._timeline, narrow)

    def looking(self) -> Looking:
        """What to ask of one run after another."""
        from memorylab import looking

        return looking.Looking(self._timeline)

    def place(self, run_id: str) -> int:
        """The place of a run that there is."""
        asked = f"SELECT at FROM places JOIN records USING (number) WHERE {_RUN}"
        (place,) = self._database.execute(asked, (run_id,)).fetchone()
        return int(place)

    def knobs(self) -> list[str]:
        """The knobs that were turned."""
        return [name for (name,) in self._database.execute("SELECT DISTINCT knob FROM turns")]

    def named(self, run_ids: Iterable[str]) -> Iterator[tuple[Run, bytes]]:
        """Those of some runs that there are, whole and amended, with their canonical lines."""
        asked = f"SELECT line(packed) FROM records JOIN entries USING (number) WHERE {_RUN}"
        for run_id in run_ids:
            for (line,) in self._database.execute(asked, (run_id,)):
                yield self._timeline.whole(line)

    def find(self, name: str) -> Run:
        """The run that a run id, a unique part of one, or a commit (the latest run on it) names. Raises NotFound."""
        wanted = name.strip().encode("utf-8", "replace").decode()  # SQLite takes no half of a character
        exact = [wanted] if self.has(wanted) else []
        partly: list[str] = []
        if len(wanted) >= 4 and not exact:
            asked = f"SELECT id FROM places JOIN records USING (number) WHERE {_ON} ORDER BY at DESC LIMIT 1"
            exact = [run_id for (run_id,) in self._database.execute(asked, (wanted, f"{wanted}{_LAST}"))]
            asked = "SELECT id FROM records WHERE kind = 'Run' AND wins AND instr(id, ?)"
            partly = [] if exact else [run_id for (run_id,) in self._database.execute(asked, (wanted,))]
        for run, _ in self.named(exact or partly[:1]):
            if len(partly) < 2:
                return run
        if partly:
            raise NotFound(f"{wanted!r} is part of {len(partly)} run ids.", "Give more of it.")
        raise NotFound(f"No run is called {wanted!r}.", "`git memorylab status` names the latest ones.")

    def anchor(self, run_id: str) -> str | None:
        """The commit that a run is a note on, None if there is no such run."""
        asked = f"SELECT entries.anchor FROM records JOIN entries USING (number) WHERE {_RUN}"
        row = self._database.execute(asked, (run_id,)).fetchone()
        return row[0] if row else None

    def of_program(self, program: str) -> Iterator[Run]:
        """The runs of a program, in their order, amended."""
        asked = "SELECT line(packed) FROM places JOIN entries USING (number) WHERE program = ? ORDER BY at"
        for (line,) in self._database.execute(asked, (program,)):
            yield self._timeline.whole(line)[0]

    def recorded(self, run_id: str) -> Run | None:
        """A run as it was before any amendment, None if there is none such."""
        asked = f"SELECT line(packed) FROM records JOIN entries USING (number) WHERE {_RUN}"
        row = self._database.execute(asked, (run_id,)).fetchone()
        found = decode(row[0]) if row else None
        return found if isinstance(found, Run) else None

    def on(self, commit: str) -> Iterator[tuple[Run, Run]]:
        """The runs on the commits whose names begin so, each as it was before any amendment and as it is."""
        asked = f"SELECT line(packed) FROM places JOIN entries USING (number) WHERE {_ON}"
        for (line,) in self._database.execute(asked, (commit, f"{commit}{_LAST}")):
            run = decode(line)
            assert isinstance(run, Run)
            yield run, self._timeline.whole(line)[0]

    def has(self, run_id: str) -> bool:
        """Whether there is a run of that id."""
        asked = f"SELECT 1 FROM records WHERE {_RUN}"
        return self._database.execute(asked, (run_id,)).fetchone() is not None

    @property
    def version(self) -> tuple[str, int]:
        """What `same_since` counts from."""
        asked = "SELECT id, (SELECT COALESCE(MAX(serial), 0) FROM undone) FROM identity"
        identity, serial = self._database.execute(asked).fetchone()
        return identity, serial

    def same_since(self, version: tuple[str, int]) -> int:
        """The place before which nothing has changed since a version: 0 if that is of another index."""
        identity, serial = version
        if identity != self.version[0]:
            return 0
        (first,) = self._database.execute("SELECT MIN(at) FROM undone WHERE serial > ?", (serial,)).fetchone()
        return self.size if first is None else first

    def place_since(self, stamp: str) -> int:
        """The place of the first run from a time on, that after the last one if there is none."""
        asked = """SELECT at FROM records JOIN places USING (number)
            WHERE kind = 'Run' AND wins AND stamp >= ? ORDER BY stamp, records.writer, seq, id LIMIT 1"""
        row = self._database.execute(asked, (stamp,)).fetchone()
        return row[0] if row else self.size

    def programs(self, first: int) -> dict[str, tuple[str, bool]]:
        """run id -> the program that the run is of, and whether it is the program's latest; from a place on."""
        asked = """SELECT id, program, at = (SELECT MAX(at) FROM places AS other WHERE other.program = places.program)
            FROM places JOIN records USING (number) WHERE at >= ?"""
        return {name: (program, bool(last)) for name, program, last in self._database.execute(asked, (first,))}

    def program(self, run_id: str) -> str | None:
        """The program that a run is of."""
        asked = "SELECT program FROM places JOIN records USING (number) WHERE id = ? AND wins"
        row = self._database.execute(asked, (run_id,)).fetchone()
        return row[0] if row else None

    def on_commit(self, commit: str) -> bool:
        """Whether a commit was run."""
        return rewrites.is_run(self._database, commit)

    def plan(self, commit: str) -> Plan | None:
        """What a commit was judged to be before it was run; the latest of several."""
        asked = """SELECT line(packed) FROM records JOIN entries USING (number)
            WHERE +kind = 'Plan' AND subject = ? AND wins ORDER BY stamp DESC, records.writer DESC, seq DESC, id DESC"""
        row = self._database.execute(asked, (commit,)).fetchone()
        found = decode(row[0]) if row else None
        return found if isinstance(found, Plan) else None

    def pending(self, most: int) -> list[Plan]:
        """The latest plans of commits that were not run, in their order; of the latest few hundred plans. One of a
        commit that was rewritten is that of what the commit has become."""
        asked = """SELECT line(packed) FROM records JOIN entries USING (number) WHERE kind = 'Plan' AND wins
            ORDER BY stamp DESC, records.writer DESC, seq DESC, id DESC LIMIT ?"""
        became: dict[str, str] = {}
        for rewrite in rewrites.latest(self._database, _RECENT_REWRITES):
            became.setdefault(rewrite.old_commit, rewrite.commit)
        found: dict[str, Plan] = {}
        for (line,) in self._database.execute(asked, (_RECENT_PLANS,)):
            plan = decode(line)
            if isinstance(plan, Plan) and len(found) < most:
                names = _followed(became, plan.commit)
                if not any(self.on_commit(name) for name in names) and self.measured(names[-1]) is None:
                    found.setdefault(names[-1], replace(plan, commit=names[-1]))
        return list(found.values())[::-1]

    def rewritten(self, commit: str) -> set[str]:
        """The commits that are known to have become this one."""
        asked = """SELECT line(packed) FROM records JOIN entries USING (number)
            WHERE kind = 'Rewrite' AND subject = ? AND wins"""
        found = (decode(line) for (line,) in self._database.execute(asked, (commit,)))
        return {one.old_commit for one in found if isinstance(one, Rewrite)}

    def measured(self, commit: str) -> str | None:
        """The commit whose runs tell of this one: itself, or what it was before it was rewritten with the same
        subject; None if neither was run."""
        return commit if self.on_commit(commit) else rewrites.former(self._database, commit)

    def later(self, commit: str) -> list[str]:
        """What a commit that was run has become since, with the same subject, the latest last."""
        return rewrites.later(self._database, commit)

    def latest_stamp(self, until: datetime) -> str | None:
        """The latest time, up to a moment, that a run, a plan or a claim has."""
        asked = "SELECT MAX(stamp) FROM records WHERE kind = ? AND wins AND stamp <= ?"
        rows = (self._database.execute(asked, (kind, f"{_text(until)}Z")) for kind in ("Run", "Plan", "Claim"))
        return max((stamp for row in rows for (stamp,) in row if stamp), default=None)

    def writers(self) -> int:
        """How many writers have runs."""
        asked = "SELECT COUNT(DISTINCT writer) FROM records WHERE kind = 'Run' AND wins"
        (number,) = self._database.execute(asked).fetchone()
        return int(number)

    @cached_property
    def unreadable(self) -> int:
        """How many lines are no records, or records of an id that another one has, of which not all are counted where
        there are more than anybody comes to have by mistake."""
        lines = set(self._lacking)
        asked = f"""SELECT line(lost.packed), line(won.packed) FROM records JOIN entries AS lost USING (number)
            JOIN records AS winner ON winner.id = records.id AND winner.wins
            JOIN entries AS won ON won.number = winner.number WHERE NOT records.wins LIMIT {_MOST_LOST}"""
        for lost, won in self._database.execute(asked):
            if lost != won and not same_but_for_writer(decode(lost), decode(won)):
                lines.add(lost)
        return index.unreadable(self._database, lines)

    def _under(self, mark: str, most: int) -> Iterable[int]:
        asked = "SELECT rowid FROM marks WHERE marks MATCH ? ORDER BY rowid DESC LIMIT ?"
        return (at for (at,) in self._database.execute(asked, (f'"{mark}"', most)))

    def _rows(self, places: Sequence[int]) -> Iterator[tuple[int, float | None, int, bytes, bytes]]:
        asked = """SELECT number, best, kept, trace, line(packed) FROM places JOIN entries USING (number)
            WHERE at IN (SELECT value FROM json_each(?)) ORDER BY at"""
        return self._database.execute(asked, (json.dumps(places),))

    def _run(self, at: int) -> Run:
        ((number, *_, line),) = self._rows([at])
        return self._timeline.run(number, line)


def _followed(became: dict[str, str], commit: str) -> list[str]:
    """A commit and what became of it, one after the other."""
    names = [commit]
    while (following := became.get(names[-1])) is not None and following not in names:
        names.append(following)
    return names


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


def of(
    state: Path,
    chains: Callable[[], Sequence[index.Chain]],
    way: Way,
    store: Callable[[], Store],
    progress: Callable[[int, int], None] | None = None,
) -> Recall:
    """The memory of a clone, given its local state and its ledgers, as it is now, whoever writes meanwhile.

    The store is opened only where the index lacks anything. Where that cannot tell, without local state, with a ledger
    that is not whole here, or because it cannot be used, all is read from git, into memory. `progress` is told how many
    runs of how many were read, if there are any to read."""
    found = _opened(state, chains, way, store, progress)
    if found is not None:
        return found
    database = index.in_memory(store().entries())
    Timeline(database, way).update(progress)
    return Recall(database, way)


def _opened(
    state: Path,
    chains: Callable[[], Sequence[index.Chain]],
    way: Way,
    store: Callable[[], Store],
    progress: Callable[[int, int], None] | None,
) -> Recall | None:
    """What the index has, if that is all."""
    if not state.is_dir():
        return None  # nobody has asked for a memory here: leave nothing behind
    for is_last in (False, True):
        database = None
        try:
            database = index.open_at(state)
            if not (index.is_fresh(database, chains()) and Timeline(database, way).is_fresh()):
                with index.writing(database):
                    index.update(database, store())
                    Timeline(database, way).update(progress)
            database.execute("BEGIN")
            lacking = index.lacking(database)
            lines = [entry.line for entry in store().entries_of(lacking)] if lacking else []
            if all(isinstance(decode(line), Unreadable) for line in lines):
                return Recall(database, way, lines)
            database.close()
            return None
        except sqlite3.Error as problem:
            if database is not None:
                database.close()
            if is_last or not index.is_removed(state, problem):
                return None
    return None
