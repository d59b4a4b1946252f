"""diff: two runs side by side, or a run and what it was built on: knobs, outcome, code."""

from collections.abc import Sequence

import msgspec

from memorylab import console
from memorylab.commands import code
from memorylab.commands.gains import Gained
from memorylab.commands.session import Session
from memorylab.console import Output, line
from memorylab.core.change import read_change
from memorylab.core.decision import chance
from memorylab.core.group import Group, group_of
from memorylab.core.noise import basis
from memorylab.core.record import Direction, Knob, Number, Run, Status, rounded
from memorylab.core.text import count, effect, figure, inline, number, rough, short_id, shorten

_WIDTH = 44  # characters of a cell
_METRICS = 20  # rows


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two programs, by the run that was named. `value` is the metric's mean over its `runs` measurements in the
    comparison group, both null and 0 where it was not measured."""

    run_id: str
    commit: str
    status: Status
    description: str
    group: str
    value: float | None
    runs: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did (`run_id`, the first of two), and how `new` differs from `old`, which is null where nothing is
    known of what the run was built on.

    `effect` is new minus old in the metric's unit, `error` its standard deviation, `probability` that of new being
    truly better, as the board has it, `noise` the standard deviation of one run; all null where the two cannot be
    compared, and `why` says why. `metrics` are the others that differ between the two runs, old and new.
    """

    run_id: str
    metric: str
    direction: Direction
    old: Side | None
    new: Side
    effect: float | None = None
    error: float | None = None
    probability: float | None = None
    noise: float | None = None
    noise_replicates: int | None = None
    why: str = ""
    knobs: dict[str, Knob]
    metrics: dict[str, tuple[Number, Number]]
    patch: str


def compare(session: Session, run: Run, other: Run | None) -> Difference:
    """From one run to another; without another one from what the run was built on to the run."""
    gained = Gained(session)
    old, new = (run, other) if other is not None else (_built_on(session, run), run)
    patch = code.between(session, run, other) if other is not None else code.patch(session, run)
    metric = session.settings.metric
    names = sorted((old.metrics.keys() if old else set()) | new.metrics.keys())
    pairs = {name: (old.metrics.get(name) if old else None, new.metrics.get(name)) for name in names if name != metric}
    found = Difference(
        run_id=run.run_id, metric=metric, direction=session.settings.direction,
        old=_side(gained, old) if old else None, new=_side(gained, new),
        knobs=_knobs(session, run, other), patch=patch.decode("utf-8", "replace"),
        metrics={name: pair for name, pair in pairs.items() if pair[0] != pair[1]} if old else {},
    )  # fmt: skip
    return _weighed(session, gained, found, old, new)


def _built_on(session: Session, run: Run) -> Run | None:
    """A run of the program that a run was built on, None where there is none."""
    program = session.races.programs.base(run)
    return next(session.recall.of_program(program), None) if program is not None else None


def _side(gained: Gained, run: Run) -> Side:
    sample = gained.group(group_of(run)).samples.get(gained.program(run))
    return Side(
        run_id=run.run_id, commit=run.commit, status=run.status, description=run.description,
        group=group_of(run).label, value=sample.mean if sample else None, runs=len(sample.values) if sample else 0,
    )  # fmt: skip


def _knobs(session: Session, run: Run, other: Run | None) -> dict[str, Knob]:
    if other is None:
        return run.change.knobs if run.change is not None else {}
    subject = session.settings.subject
    files = [session.reader.file_at(code.own_commit(session, each), subject) for each in (run, other)]
    one, two = (file[1].decode("utf-8", "replace") if file is not None else None for file in files)
    return read_change(one, two, subject).knobs


def _weighed(session: Session, gained: Gained, found: Difference, old: Run | None, new: Run) -> Difference:
    """With the outcome, or why there is none."""
    if old is None:
        return msgspec.structs.replace(found, why="What it was built on was not run.")
    ours, theirs = group_of(new), group_of(old)
    if gained.program(old) == gained.program(new):
        return msgspec.structs.replace(found, why="They are runs of one program.")
    for run, side in ((old, found.old), (new, found.new)):
        if side is None or side.value is None:
            crashed = " crashed" if run.status == "crash" else ", which has no result"
            return msgspec.structs.replace(found, why=f"Nothing to compare: {short_id(run.run_id)}{crashed}.")
    if ours != theirs:
        return msgspec.structs.replace(found, why=f"They cannot be compared: {_apart(theirs, ours)}.")
    gains, race = gained.group(ours), session.races.race(ours)
    pooled = gains.between(gained.program(new), gained.program(old))
    if pooled is None:
        return found
    one, two = (race.entries.get(gained.program(run)) for run in (old, new))
    known = race.probability(two, one) if one is not None and two is not None else None
    return msgspec.structs.replace(
        found, effect=rounded(pooled.effect, 8), error=rounded(pooled.error, 8),
        probability=rounded(pooled.probability if known is None else known), noise=rounded(gains.noise.sd),
        noise_replicates=gains.noise.replicates,
    )  # fmt: skip


def _apart(one: Group, other: Group) -> str:
    """In what two comparison groups differ."""
    names = {"evaluator": "evaluator", "device": "device", "budget_kind": "kind of budget", "budget": "budget"}
    return "; ".join(
        f"{said} {inline(_stated(getattr(one, name)))} and {inline(_stated(getattr(other, name)))}"
        for name, said in names.items()
        if getattr(one, name) != getattr(other, name)
    )


def _stated(value: object) -> str:
    return "not stated" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def show(found: Difference, patch: str, out: Output) -> None:
    """Print the two side by side, then the code, if that is wanted."""
    out.lines(line(said, hang=None) for said in render(found))
    if patch:
        out.lines([line(), *console.patch(patch)])


def render(found: Difference) -> list[str]:
    """The two side by side, a line each."""
    old, new = found.old, found.new
    rows = [("", _name(old), _name(new)), ("idea", inline(old.description) if old else "-", inline(new.description))]
    rows.append(("status", old.status if old else "-", new.status))
    if old is not None and old.group != new.group:
        rows.append(("group", inline(old.group), inline(new.group)))
    rows.append((inline(found.metric), _value(old), _value(new)))
    rows += [(inline(name), _shown(knob.old), _shown(knob.new)) for name, knob in found.knobs.items()]
    metrics = list(found.metrics.items())
    rows += [(inline(name), figure(one), figure(two)) for name, (one, two) in metrics[:_METRICS]]
    lines = _table(rows)
    if len(metrics) > _METRICS:
        lines.append(f"{len(metrics) - _METRICS} more metrics differ; --json has them.")
    return [*lines, "", _outcome(found)]


def _outcome(found: Difference) -> str:
    """What the second is ahead or behind, and how sure that is."""
    if found.effect is None or found.error is None or found.probability is None or found.noise is None:
        return inline(found.why)
    better = "less" if found.direction == "minimize" else "more"
    return (
        f"{effect(found.effect, found.error, 3)} ({better} is better): the second is truly better with probability "
        f"{chance(found.probability)} (± is one standard deviation, noise of one run {rough(found.noise)} "
        f"{basis(found.noise_replicates or 0)})."
    )


def _name(side: Side | None) -> str:
    return "(not run)" if side is None else f"{side.commit[:7]} {short_id(side.run_id)}"


def _value(side: Side | None) -> str:
    if side is None or side.value is None:
        return "-"
    return f"{number(side.value)} ({count(side.runs, 'run')})"


def _shown(value: str | None) -> str:
    return "absent" if value is None else inline(value)


def _table(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    short = [tuple(shorten(cell, _WIDTH) for cell in row) for row in rows]
    widths = [max(len(row[at]) for row in short) for at in (0, 1)]
    return [f"{name:<{widths[0]}}  {old:<{widths[1]}}  {new}".rstrip() for name, old, new in short]
