"""Looking back through the index: the runs from the newest on, what each was built on, and which run it grew from."""

import json
from collections.abc import Iterator

from msgspec import Struct

from memorylab import rewrites, turns
from memorylab.core.group import pooled
from memorylab.core.record import Run
from memorylab.timeline import Timeline


class Narrow(Struct, frozen=True, kw_only=True):
    """Where to look: at places from `first` to before `end`, and at runs of this status, on commits whose names begin
    so, that turned one of these knobs. What is None narrows nothing."""

    first: int = 0
    end: int | None = None
    status: str | None = None
    commit: str | None = None
    knobs: tuple[str, ...] | None = None


class Base(Struct, frozen=True):
    """The program that a run was built on, as it was measured in the run's comparison group: by the mean of its runs.
    `run_id` is the first of them, `commit` the one that was built on."""

    run_id: str
    commit: str
    value: float
    runs: int


def newest(timeline: Timeline, narrow: Narrow) -> Iterator[tuple[int, Run]]:
    """The runs where to look, the newest first, each with its place; without their verdicts, amended. One is read when
    it is asked for."""
    tests: list[tuple[str, list[object]]] = [
        ("at >= ? AND at < ?", [narrow.first, timeline.size if narrow.end is None else narrow.end])
    ]
    if narrow.status is not None:
        tests.append(("status = ?", [narrow.status]))
    if narrow.commit is not None:
        begins = "at IN (SELECT at FROM places WHERE commit_id >= ? AND commit_id < ?)"
        tests.append((begins, [narrow.commit, f"{narrow.commit}\U0010ffff"]))
    if narrow.knobs is not None:
        among = "at IN (SELECT at FROM turns WHERE knob IN (SELECT value FROM json_each(?)))"
        tests.append((among, [json.dumps(narrow.knobs)]))
    where = " AND ".join(test for test, _ in tests)
    asked = f"SELECT at, number, line(packed) FROM places JOIN entries USING (number) WHERE {where} ORDER BY at DESC"
    for at, number, line in timeline.database.execute(asked, [value for _, values in tests for value in values]):
        yield at, timeline.run(number, line)


class Looking:
    """What is asked of many runs, one after another."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline, self._database = timeline, timeline.database
        self._programs = timeline.programs
        self._known: dict[tuple[str, int], tuple[str, float, int] | None] = {}

    def base(self, at: int) -> Base | None:
        """What the run at a place was built on. None where that is not known, was not measured in its group, or is the
        same program, as when only something else was committed."""
        asked = "SELECT parent, program, circle FROM places WHERE at = ?"
        parent, own, circle = self._database.execute(asked, (at,)).fetchone()
        program = self._programs.get(parent or "")
        if program is None or program == own:
            return None
        if (program, circle) not in self._known:
            self._known[program, circle] = self._measured(program, circle)
        found = self._known[program, circle]
        return None if found is None else Base(found[0], parent, *found[1:])

    def _measured(self, program: str, circle: int) -> tuple[str, float, int] | None:
        """The first run of a program in a group, the mean of its runs, and how many they are."""
        metric = self._timeline.way.metric
        asked = """SELECT id, status, value, seed FROM places JOIN records USING (number)
            WHERE program = ? AND circle = ? AND value IS NOT NULL ORDER BY at"""
        rows = self._database.execute(asked, (program, circle)).fetchall()
        if not rows:
            return None
        sample = pooled(program, [turns.measured(metric, *row[1:]) for row in rows], metric)
        return rows[0][0], sample.mean, len(sample.values)

    def grown_from(self, at: int) -> tuple[int | None, bool]:
        """The place of the run that the one at a place grew from, None without one: the first of its own commit if it
        runs that again, which the second value says; else the first on the nearest commit before it that was run."""
        asked = "SELECT commit_id, parent, root FROM places WHERE at = ?"
        commit, parent, root = self._database.execute(asked, (at,)).fetchone()
        first = self._first_on(commit)
        if first is not None and first < at:
            return first, True
        if root == commit:
            return None, False
        for before in (parent, *(() if self._first_on(parent) is not None else self._timeline.way.ancestors(commit))):
            found = self._first_on(before)
            if found is None and before is not None:
                found = self._first_on(rewrites.former(self._database, before, self._timeline.order(at)))
            if found is not None:
                return (found if found < at else None), False
        return None, False

    def _first_on(self, commit: str | None) -> int | None:
        asked = "SELECT MIN(at) FROM places WHERE commit_id = ?"
        (found,) = self._database.execute(asked, (commit,)).fetchone()
        return None if found is None else int(found)
