"""history, search: the runs from the newest on, those that a query asks for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice

from msgspec import Struct

from memorylab.commands.session import Session
from memorylab.console import Column, Output, Piece
from memorylab.core import query as asking
from memorylab.core.decision import signed
from memorylab.core.graph import Node, draw
from memorylab.core.query import Field, NotAQuery, Query
from memorylab.core.record import Direction, NextAction, Run, Status
from memorylab.core.text import number
from memorylab.errors import UsageError
from memorylab.looking import Looking, Narrow
from memorylab.store import git

MARKS = {"keep": "*", "discard": "o", "crash": "x"}
_WIDE = 110  # characters of a terminal that has room for times in full


class Entry(Struct, frozen=True, kw_only=True):
    """A run in a list. `value` is the metric, null after a crash or without it; `delta` is it minus that of what the
    run was built on, `base_commit`: the mean over the runs of that program in the same comparison group; null where
    that is not known or was not measured. `next_action` is null for an imported run."""

    run_id: str
    timestamp_utc: str | None
    status: Status
    value: float | None
    delta: float | None
    base_commit: str | None
    commit: str
    writer: str
    family: str
    description: str
    next_action: NextAction | None


class History(Struct, frozen=True, kw_only=True):
    """The runs that were asked for, in the order asked for, and what their values are: the metric's name, and whether
    less of it or more is better."""

    metric: str
    direction: Direction
    runs: list[Entry]


def parsed(text: str) -> Query:
    """A query as it was typed. Raises UsageError."""
    try:
        return asking.parse(text)
    except NotAQuery as problem:
        raise UsageError(problem.message, problem.hint) from None


def filtered(options: dict[str, str | None]) -> Query:
    """The query that the filters of `history` are."""
    return tuple(Field(key, value) for key, value in options.items() if value is not None)


def find(session: Session, query: Query, limit: int | None) -> Iterator[tuple[int, Entry]]:
    """The runs that a query asks for, the newest first, each with its place, up to a limit. They are read as they
    are asked for. Raises UsageError for a date that git does not understand."""
    metric = session.settings.metric
    moment = cache(lambda said: _moment(session, said))
    is_asked = asking.matcher(query, metric, moment)
    looking = session.recall.looking()
    most = None if limit is None else min(limit, sys.maxsize)
    runs = session.recall.newest(_narrow(session, query, moment))
    return islice(((at, _entry(at, run, metric, looking)) for at, run in runs if is_asked(run)), most)


def _entry(at: int, run: Run, metric: str, looking: Looking) -> Entry:
    value, packet = run.value(metric), run.decision_packet
    base = looking.base(at) if value is not None else None
    return Entry(
        run_id=run.run_id, timestamp_utc=run.timestamp_utc, status=run.status, value=value,
        delta=None if value is None or base is None else value - base.value,
        base_commit=base.commit if base else None, commit=run.commit, writer=run.writer, family=run.family,
        description=run.description, next_action=packet.next_action if packet else None,
    )  # fmt: skip


def _moment(session: Session, said: str) -> str:
    """The time that a date stands for, as records have times."""
    found = git.moment(session.place, said, session.now)
    if found is None:
        raise UsageError(
            f"git sees no date in {said!r}.", "Say it as in 2026-11-01, 2026-11-01T14:30, yesterday, 2 days ago."
        )
    return f"{found:%Y-%m-%dT%H:%M:%SZ}"


def _narrow(session: Session, query: Query, moment: Callable[[str], str]) -> Narrow:
    """Where to look for what a query asks for: there may be less in it, never more outside it."""
    recall = session.recall
    wanted = {part.key: part.value for part in query if isinstance(part, Field) and not part.no}
    knobs = end = None
    if "knob" in wanted:
        is_named = asking.pattern(wanted["knob"])
        knobs = tuple(name for name in recall.knobs() if is_named(name))
    if "until" in wanted:
        last = datetime.fromisoformat(moment(asking.bound("until", wanted["until"]))) + timedelta(seconds=1)
        end = recall.place_since(f"{last:%Y-%m-%dT%H:%M:%S}")
    first = 0
    if "since" in wanted:
        first = recall.place_since(moment(asking.bound("since", wanted["since"]))[: asking.SECONDS])
    return Narrow(
        first=first, end=end, status=wanted.get("status"), commit=wanted.get("commit"), knobs=knobs,
    )  # fmt: skip


def listed(session: Session, found: Iterable[tuple[int, Entry]]) -> History:
    """What --json prints."""
    settings = session.settings
    return History(metric=settings.metric, direction=settings.direction, runs=[one for _, one in found])


# -- as a table -----------------------------------------------------------------------------------------------------


def show(session: Session, found: Iterable[tuple[int, Entry]], graph: bool, out: Output) -> None:
    """Print runs as a table, with `graph` their lineages before them."""
    settings = session.settings
    is_lower, is_plain = settings.direction == "minimize", out.width is None
    is_wide = out.width is not None and out.width >= _WIDE
    is_narrow = not is_plain and not is_wide
    is_several = is_plain or session.recall.writers() > 1
    columns = [
        *([Column("")] if graph else []),
        Column("TIME (UTC)" if not is_narrow else "AGE", is_right=is_narrow),
        Column("STATUS"),
        Column(settings.metric.upper(), is_right=True),
        Column("DELTA", spare=1, is_right=True),
        Column("COMMIT"),
        *([Column("WRITER", spare=3)] if is_several else []),
        Column("FAMILY", spare=4),
        Column("NEXT", spare=2),
        Column("IDEA", yields=True),
    ]

    def row(one: Entry) -> list[Piece]:
        is_better = one.delta is not None and (one.delta < 0) == is_lower and one.delta != 0
        when = one.timestamp_utc or ""
        if not is_plain:
            when = age(session.now, when) if is_narrow else when[:16].replace("T", " ")
        return [
            when,
            (one.status, one.status),
            number(one.value) if one.value is not None else "",
            (signed(one.delta, one.value) if one.delta is not None else "", "better" if is_better else ""),
            (one.commit[:7], "commit"),
            *([one.writer] if is_several else []),
            one.family,
            (one.next_action or "").partition("_" if is_narrow else "\0")[0],
            one.description,
        ]

    def rows() -> Iterator[list[Piece]]:
        if not graph:
            yield from (row(one) for _, one in found)
            return
        listed = list(found)
        rest = iter(listed)
        for drawn, is_run in _graph(session.recall.looking(), listed):
            yield [drawn, *row(next(rest)[1])] if is_run else [drawn]

    out.table(columns, rows())


def _graph(looking: Looking, listed: Sequence[tuple[int, Entry]]) -> Iterator[tuple[str, bool]]:
    """The graph of some runs, the newest first. What is not among them is passed over; what lies before the oldest of
    them is led to, and not drawn."""
    places = {at for at, _ in listed}
    oldest = min(places, default=0)
    nodes = []
    for at, one in listed:
        parent, is_again = looking.grown_from(at)
        while parent is not None and parent > oldest and parent not in places:
            parent, _ = looking.grown_from(parent)
        nodes.append(Node(key=at, parent=parent, mark=MARKS[one.status], is_leaf=is_again or one.status != "keep"))
    return draw(nodes)


_AGES = ((365 * 86400, "y"), (7 * 86400, "w"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def age(now: datetime, stamp: str) -> str:
    """How long ago a time was, in the largest unit that it fills: `12h`, `3d`; empty where there is none."""
    if not stamp:
        return ""
    seconds = int((now - datetime.fromisoformat(stamp).astimezone(UTC)).total_seconds())
    return next((f"{seconds // size}{unit}" for size, unit in _AGES if seconds >= size), "0s")
