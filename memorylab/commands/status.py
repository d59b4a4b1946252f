"""status: what needs doing, where the lab stands, what was tried last."""

from __future__ import annotations

from collections.abc import Iterator

from memorylab.commands import check, history, nextsteps, sync
from memorylab.commands.answers import LabStatus
from memorylab.commands.session import Session
from memorylab.console import Line, Output, Piece, line
from memorylab.core import ranking
from memorylab.core.claims import holder
from memorylab.core.decision import chance
from memorylab.core.nextsteps import Step
from memorylab.core.noise import basis
from memorylab.core.record import Plan
from memorylab.core.text import count, inline, number, rough, short_id, shorten
from memorylab.views import morning

_LATEST = 5
_HANG = 6
_SHORT = 36  # characters of a command; the reasons of those stand in a column


def status(session: Session) -> LabStatus:
    """Where the lab stands."""
    recall = session.recall
    registry, waiting = recall.registry(session.writer), sync.waiting(session)
    queue = morning.decisions(recall, registry, session.now, session.settings.since_hours)
    return LabStatus(
        writer=session.writer, next=nextsteps.steps(session, registry, queue, waiting), registry=registry,
        unreadable=recall.unreadable, waiting=waiting, claims=check.open_claims(session),
        latest=[run.run_id for _, run, _ in recall.runs(max(0, recall.size - _LATEST))][::-1],
    )  # fmt: skip


def show(session: Session, found: LabStatus, out: Output) -> None:
    """Print it. What needs doing comes first."""
    out.lines(render(session, found))
    if session.recall.size:
        out.lines([line()])
        history.show(session, history.find(session, (), _LATEST), False, out)


def render(session: Session, found: LabStatus) -> list[Line]:
    """All of it but the latest runs."""
    blocks = [_next(found.next), list(_counts(session, found)), list(_leaders(found.registry)), _ahead(session, found)]
    return [one for at, block in enumerate(filter(None, blocks)) for one in ([line()] if at else []) + block]


def _next(steps: list[Step]) -> list[Line]:
    width = max((len(step.command) for step in steps if len(step.command) <= _SHORT), default=0)
    told = [
        line(
            "  ", (step.command, "command"), " " * (width - len(step.command)), (f"  # {step.why}", "quiet"), hang=_HANG
        )
        for step in steps
    ]
    return [line(("Next:", "title")), *told]


def _counts(session: Session, found: LabStatus) -> Iterator[Line]:
    recall, registry = session.recall, found.registry
    kept, discarded, crashed = (registry.status_counts[status] for status in ("keep", "discard", "crash"))
    runs, writers = count(recall.size, "run"), count(recall.writers(), "writer")
    yield line(f"writer {found.writer or '(none yet: run `git memorylab init`)'}")
    yield line(f"{runs}: {kept} kept, {discarded} discarded, {crashed} crashed; {writers}")
    for name, waiting in found.waiting.items():
        if waiting:
            yield line(f"{count(waiting, 'record')} of ours not on {inline(name)} yet")
    if not session.settings.redact:
        yield line("memorylab.redact is off: credentials in logs, notes and diffs are stored and shared as they are")
    if found.unreadable:
        yield line(f"{count(found.unreadable, 'record')} could not be read and {_left(found.unreadable)} left alone")


def _left(number: int) -> str:
    return "was" if number == 1 else "were"


def _leaders(registry: ranking.Registry) -> Iterator[Line]:
    """The champion of the current group and how sure it is, what is likely ahead of it, and the other groups'."""
    best, leader, noise = registry.champion, registry.leader, registry.noise
    if best is None or noise is None:
        return
    sure = (
        "" if best.probability is None else f", better than the one before with probability {chance(best.probability)}"
    )
    yield line(("champion", "title"), " ", *_standing(best), sure, hang=_HANG)
    if leader is not None and leader.run_id != best.run_id and leader.probability is not None:
        ahead = f", ahead with probability {chance(leader.probability)}: build on it"
        yield line(("leader", "title"), " ", *_standing(leader), ahead, hang=_HANG)
    yield line(
        f"group {inline(registry.label)}: noise of one run {rough(noise.sd)} ({basis(noise.replicates)})", hang=_HANG
    )
    for board in registry.other_groups[:_LATEST]:
        if board.champion is not None:
            yield line(f"another group, {inline(board.label)}: champion ", *_standing(board.champion), hang=_HANG)


def _standing(found: ranking.Standing) -> tuple[Piece, ...]:
    runs = f", mean of {found.runs} runs" if found.runs > 1 else ""
    said = f" {inline(found.description)} ({short_id(found.run_id)}){runs}"
    return (number(found.value), "better"), " ", (found.commit[:7], "commit"), said


def _ahead(session: Session, found: LabStatus) -> list[Line]:
    """What is about to be tried: plans without a run, and claims."""
    plans = [
        line("planned ", (plan.commit[:7], "commit"), f" {inline(plan.description)} ", _verdict(plan), hang=_HANG)
        for plan in session.recall.pending(_LATEST)
    ]
    claims = [
        line(f"{check.who(holder(one))}: {shorten(inline(one.description), 80)}", hang=_HANG)
        for one in found.claims[-_LATEST:]
    ]
    return plans + claims


def _verdict(plan: Plan) -> str:
    return f"({plan.novelty_guard.classification})"
