"""The state that a lab is in, gathered for the choice of what to type next (core/nextsteps.py)."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from memorylab.commands import code, experiment
from memorylab.commands.session import Session
from memorylab.core.change import describe
from memorylab.core.nextsteps import Head, LabState, Step, Subject, Urgent, next_steps
from memorylab.core.ranking import Registry, Standing
from memorylab.core.record import NextAction, Priority, Run
from memorylab.core.text import inline, short_id
from memorylab.core.waiting import Decision
from memorylab.errors import NotFound
from memorylab.store import git


def steps(
    session: Session, registry: Registry, queue: Iterable[Decision], waiting: dict[str, int], most: int = 3
) -> list[Step]:
    """What to type next. `queue` is what waits for a decision (`morning.decisions`), `waiting` as `sync.waiting`."""
    return next_steps(state(session, registry, queue, waiting))[:most]


def state(session: Session, registry: Registry, queue: Iterable[Decision], waiting: dict[str, int]) -> LabState:
    """The facts that decide what comes next."""
    place = session.place
    best = registry.leader or registry.champion
    head = _head(session)
    at, change = _subject(session)
    return LabState(
        is_set_up=session.writer is not None or place.top is None and (place.common_dir / "hooks" / "update").exists(),
        is_bare=place.top is None,
        runs=session.recall.size,
        subject=inline(named(session)), at=at, change=change,
        head=head[0], head_run=head[1], has_parent=head[2],
        to_share=waiting,
        urgent=tuple(
            urgent(session, one.run, one.packet.next_action)
            for one in queue
            if one.packet.priority == "high"
        ),
        build_on=urgent(session, best, "promote") if best and code.has_code(session, best) else None,
    )  # fmt: skip


def urgent(session: Session, run: Run | Standing, action: NextAction, priority: Priority = "high") -> Urgent:
    """A decision as it is from where HEAD is."""
    may_be = action in ("promote", "branch_followup") and code.has_code(session, run)
    names = [run.commit, *session.recall.later(run.commit)] if may_be else []
    is_here = any(git.succeeds(session.place, "merge-base", "--is-ancestor", "--", one, "HEAD") for one in names)
    return Urgent(run=short_id(run.run_id), commit=run.commit, action=action, priority=priority, is_here=is_here)


def named(session: Session) -> str:
    """The subject as it is named from here."""
    top, subject = session.place.top, session.settings.subject
    return os.path.relpath(top / subject, Path.cwd()) if top is not None else subject


def _subject(session: Session) -> tuple[Subject, str]:
    """How the subject is in the working tree, and what was changed."""
    top, subject = session.place.top, session.settings.subject
    if top is None:
        return "committed", ""
    is_there = (top / subject).is_file()
    try:
        head = session.reader.resolve("HEAD").oid
    except NotFound:
        return ("new" if is_there else "absent"), ""
    if session.reader.file_at(head, subject) is None:
        return ("new" if is_there else "absent"), ""
    if not is_there:
        return "deleted", ""
    found = experiment.of_working_tree(session)
    if found is None or found.change is None:
        return "committed", ""
    return "changed", inline(describe(msgspec.structs.replace(found.change, dirty=False)))


def _head(session: Session) -> tuple[Head, str, bool]:
    """What HEAD is, the run that it was last measured by, and whether there is a commit before it."""
    try:
        commit = session.reader.resolve("HEAD")
    except NotFound:
        return "none", "", False
    has_parent = bool(commit.parents)
    measured = session.recall.measured(commit.oid)
    if measured is not None:
        run = session.recall.find(measured)
        return run.status, short_id(run.run_id), has_parent
    subject = session.settings.subject
    new = session.reader.file_at(commit.oid, subject)
    old = session.reader.file_at(commit.parents[0], subject) if has_parent else None
    # The commit that brings the subject is where experiments begin, and none itself.
    return ("untried" if None not in (new, old) and new != old else "other"), "", has_parent
