"""show: one run whole, what was tried, what came of it, what the guard and the packet said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memorylab.commands import check, code, history
from memorylab.commands.session import Session
from memorylab.console import Column, Line, Output, Piece, line, patch, told
from memorylab.core.change import describe
from memorylab.core.decision import chance, odds, signed
from memorylab.core.group import group_of
from memorylab.core.record import Packet, Run
from memorylab.core.text import block, count, figure, inline, number

_LABEL = 12  # characters
_TAIL = 8  # lines of a log


def show(session: Session, run: Run, diff_too: bool, out: Output) -> None:
    """Print one run: what was tried, the outcome beside its base and the champion, verdict, packet, artifacts."""
    out.lines([*_head(session, run), *_idea(run)])
    _outcome(session, run, out)
    out.lines(_error(run))
    if run.novelty_guard is not None:
        out.lines([line(), _title("Verdict")])
        out.lines(told(check.render(run.novelty_guard), indent=2))
    if run.decision_packet is not None:
        out.lines(_packet(run.decision_packet))
    if run.artifacts:
        out.lines([line(), _title("Artifacts")])
        out.lines(line(f"  {inline(name)}, {one.size:,} bytes") for name, one in run.artifacts.items())
    if diff_too:
        out.lines([line(), *patch(code.patch(session, run).decode("utf-8", "replace"))])


def _head(session: Session, run: Run) -> Iterator[Line]:
    metric, when = session.settings.metric, run.timestamp_utc
    yield line((f"run {run.run_id}", "commit"))
    yield line("Commit:  ", run.commit, f" (on {inline(run.branch)})" if run.branch else "")
    for later in session.recall.later(run.commit):
        yield line("Now:     ", later, " (rewritten)")
    yield line("Date:    ", f"{when} ({history.age(session.now, when)} ago)" if when else "not known")
    yield line("Writer:  ", run.writer)
    yield line("Status:  ", (run.status, run.status), f", {inline(metric)} {number(run.value(metric))}")


def _idea(run: Run) -> Iterator[Line]:
    yield line()
    yield line(f"    {inline(run.description)}", hang=4)
    change, labelled = "", []
    if run.change is not None:
        change = describe(run.change) + (" (uncommitted part included)" if run.change.dirty else "")
    for name, said in (
        ("Hypothesis", run.hypothesis), ("Family", run.family), ("Tags", ", ".join(run.tags)), ("Change", change),
    ):  # fmt: skip
        if said:
            labelled.append(_labelled(name, said))
    labelled += [_labelled("" if at else "Notes", said) for at, said in enumerate(run.notes.splitlines())]
    yield from [line(), *labelled] if labelled else []


def _labelled(name: str, *said: Piece) -> Line:
    label = f"{name}:" if name else ""
    clean = (inline(one) if isinstance(one, str) else one for one in said)
    return line(label.ljust(_LABEL), *clean, hang=_LABEL)


def _title(name: str) -> Line:
    return line((name, "title"))


def _outcome(session: Session, run: Run, out: Output) -> None:
    """What was measured, beside what the run was built on and the champion of its comparison group."""
    recall, metric = session.recall, session.settings.metric
    race = session.races.race(group_of(run))
    entry = race.entries.get(recall.program(run.run_id) or "")
    champion = race.champion if race.champion is not entry else None
    base = recall.looking().base(recall.place(run.run_id))
    others: list[tuple[str, str, float, int]] = []  # title, run, value, runs
    if base is not None:
        others.append(("BASE", base.run_id, base.value, base.runs))
    if champion is not None and run.value(metric) is not None:
        sample = champion.sample
        if base is None or sample.runs[0].run_id != base.run_id:
            others.append(("CHAMPION", sample.runs[0].run_id, sample.mean, len(sample.values)))
        else:
            others[0] = ("BASE, CHAMPION", *others[0][1:])
    found = {one.run_id: one for one, _ in recall.named(run_id for _, run_id, *_ in others)}
    beside = [(title, found[run_id], value, runs) for title, run_id, value, runs in others]
    out.lines([line(), _title("Outcome")])
    columns = [Column(""), Column("THIS RUN", is_right=True), *(Column(one[0], is_right=True) for one in beside)]
    out.table(columns, _rows(run, metric, beside), to_read=True)
    if entry is not None and entry is race.champion:
        out.lines(
            [line(f"  It is the champion of {inline(group_of(run).label)}, {count(len(entry.sample.values), 'run')}.")]
        )
    elif entry is not None and champion is not None:
        by = f"by {count(len(entry.sample.values), 'run')} of its program"
        probability = race.probability(entry, champion)
        if probability is not None:
            out.lines([line(f"  Better than the champion with probability {chance(probability)}, {by}.", hang=2)])


def _rows(run: Run, metric: str, beside: Sequence[tuple[str, Run, float, int]]) -> Iterator[Sequence[Piece]]:
    value = run.value(metric)
    if beside:
        yield ["  commit", (run.commit[:7], "commit"), *((one.commit[:7], "commit") for _, one, *_ in beside)]
    yield [f"  {metric}", (number(value), run.status), *(number(theirs) for *_, theirs, _ in beside)]
    if beside and value is not None:
        yield ["  delta", "", *(signed(value - theirs, theirs) for *_, theirs, _ in beside)]
    if any(runs > 1 for *_, runs in beside):
        yield ["  mean of runs", "", *(str(runs) for *_, runs in beside)]
    for name, measured in run.metrics.items():
        if name != metric and measured is not None:
            yield [f"  {name}", figure(measured), *(figure(one.metrics.get(name)) for _, one, *_ in beside)]


def _error(run: Run) -> Iterator[Line]:
    if run.error is None:
        return
    yield line()
    yield line((f"Error: {inline(run.error.summary)}", "crash"), f" (from {inline(run.error.source)})", hang=4)
    for said in run.error.tail[-_TAIL:]:
        yield line(f"    {block(said)}", hang=8)


def _packet(packet: Packet) -> Iterator[Line]:
    yield line()
    yield _title("Decision")
    evidence = odds(packet.comparison)
    summary = packet.summary.replace(f"; {evidence}", "") if evidence else packet.summary  # it is said below
    yield line("  ", (packet.next_action, "title"), f" ({packet.priority}): {inline(summary)}", hang=4)
    yield line(f"  {inline(packet.rationale)}", hang=4)
    if evidence:
        yield line(f"  Evidence: {evidence}, in the group {inline(packet.comparison.group)}", hang=4)
    if packet.hypothesis_status != "not_stated":
        yield line(f"  The hypothesis: {packet.hypothesis_status}")
