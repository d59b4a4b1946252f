"""What the board counts over all runs, counted by the index."""

import sqlite3
from typing import get_args

import msgspec

from memorylab.core import ranking
from memorylab.core.group import Group
from memorylab.core.kinds import kind_of
from memorylab.core.ranking import Cluster, Lineage, Tally
from memorylab.core.record import Run, Status
from memorylab.core.text import shorten
from memorylab.timeline import Timeline

_AMONG = 4  # times as many as are shown are looked at, for what counts second


def tally(timeline: Timeline, writer: str | None) -> Tally:
    """What all runs come to, as `writer` sees it; without one as everybody does."""
    database, size = timeline.database, timeline.size
    crashed, kept = timeline.crashed, timeline.results.kept
    row = database.execute(
        "SELECT stamp FROM places JOIN records USING (number) ORDER BY at DESC LIMIT 1"
    ).fetchone() or ("",)
    current = _group(database, writer)
    return Tally(
        updated_at=row[0] or None,
        statuses={"crash": crashed, "discard": size - crashed - kept, "keep": kept},
        current=current[1] if current else None,
        root=lambda run_id: _root(database, run_id),
        lineages=tuple(_lineages(timeline, current[0])) if current else (),
        clusters=tuple(_clusters(timeline)),
    )


def _group(database: sqlite3.Connection, writer: str | None) -> tuple[int, Group] | None:
    """The current group: that of the latest measured run, of a writer if that has one."""
    asked = "SELECT circle, said FROM places JOIN circles USING (circle) {} value IS NOT NULL ORDER BY at DESC LIMIT 1"
    row = None
    if writer is not None:
        own = asked.format("JOIN records USING (number) WHERE writer = ? AND")
        row = database.execute(own, (writer,)).fetchone()
    row = row or database.execute(asked.format("WHERE")).fetchone()
    return (row[0], msgspec.json.decode(row[1], type=Group)) if row else None


def _root(database: sqlite3.Connection, run_id: str) -> str:
    asked = "SELECT root FROM places JOIN records USING (number) WHERE id = ? AND wins"
    return str(database.execute(asked, (run_id,)).fetchone()[0])


def _lineages(timeline: Timeline, circle: int) -> list[Lineage]:
    database, best, order = timeline.database, *_best(timeline)
    asked = f"SELECT root, {best}, runs, kept FROM roots WHERE circle = ? ORDER BY {best} {order} LIMIT ?"
    found = []
    for root, value, runs, kept in database.execute(asked, (circle, _AMONG * ranking.LINEAGES)):
        asked = """SELECT at, number, line(packed) FROM places JOIN entries USING (number)
            WHERE circle = ? AND root = ? AND value = ? ORDER BY at LIMIT 1"""
        at, *row = database.execute(asked, (circle, root, value)).fetchone()
        asked = "SELECT COUNT(DISTINCT commit_id) FROM places WHERE circle = ? AND root = ? AND value IS NOT NULL"
        (commits,) = database.execute(asked, (circle, root)).fetchone()
        first = timeline.run(*row)
        found.append((-value if order else value, at, Lineage(
            lineage_root=root, best_run_id=first.run_id, best_commit=first.commit, best_value=value, num_runs=runs,
            num_unique_commits=commits, kept_runs=kept,
        )))  # fmt: skip
    return [lineage for _, _, lineage in sorted(found, key=lambda one: one[:2])[: ranking.LINEAGES]]


def _clusters(timeline: Timeline) -> list[Cluster]:
    asked = "SELECT sort, size, crashes FROM sorts ORDER BY size DESC, crashes DESC LIMIT ?"
    rows = timeline.database.execute(asked, (_AMONG * ranking.CLUSTERS,)).fetchall()
    named = [(-size, -crashes, _label(timeline, sort), sort) for sort, size, crashes in rows]
    found = []
    for size, crashes, label, sort in sorted(named)[: ranking.CLUSTERS]:
        first, latest = _failures(timeline, sort, ranking.EXAMINED), _failures(timeline, sort, -ranking.NAMED)
        examples = dict.fromkeys(run.description for run in first)
        found.append(Cluster(
            label=label, size=-size, crashes=-crashes, best_value=_best_of(timeline, sort),
            examples=tuple(examples)[: ranking.EXAMPLES], run_ids=tuple(run.run_id for run in latest),
        ))  # fmt: skip
    return found


def _label(timeline: Timeline, sort: str) -> str:
    (first,) = _failures(timeline, sort, 1)
    return shorten(kind_of(first, timeline.way.vocabulary)[1], 60) or "unnamed"


def _failures(timeline: Timeline, sort: str, number: int) -> list[Run]:
    """The first runs of a kind that failed, or the latest if the number is below 0; in their order."""
    order = "ASC" if number > 0 else "DESC"
    asked = f"""SELECT number, line(packed) FROM places JOIN entries USING (number)
        WHERE sort = ? AND status != 'keep' ORDER BY at {order} LIMIT ?"""
    rows = timeline.database.execute(asked, (sort, abs(number))).fetchall()
    return [timeline.run(*row) for row in (rows if number > 0 else reversed(rows))]


def _best_of(timeline: Timeline, sort: str) -> float | None:
    """The best value among the runs of a kind that failed."""
    _, order = _best(timeline)
    asked = f"""SELECT value FROM places
        WHERE sort = ? AND status = ? AND status != 'keep' AND value IS NOT NULL ORDER BY value {order} LIMIT 1"""
    rows = (timeline.database.execute(asked, (sort, status)).fetchall() for status in get_args(Status))
    found = [value for row in rows for (value,) in row]
    return (max if order else min)(found, default=None)


def _best(timeline: Timeline) -> tuple[str, str]:
    """Which of a lineage's values is the best, and the order that has it first."""
    return ("low", "") if timeline.way.direction == "minimize" else ("high", "DESC")
