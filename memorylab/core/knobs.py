"""What was tried of every knob of the subject, what came of it, and what was never tried.

The effect of a value is the pooled mean of the program that was set to it minus that of the program it was built on,
within one comparison group. Where that one was not measured, the best one kept before stands for it. A run that
turned other knobs besides says little of one: it counts only where no run turned the knob alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from memorylab.core.gains import Gains, Measured, by_group
from memorylab.core.group import Group
from memorylab.core.race import Rules
from memorylab.core.record import Direction, rounded
from memorylab.core.steps import Outcome, Step, Value, best_of, order, trend, untried

_DIGITS = 8  # significant, of computed figures


class Tried(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value of a knob in one group.

    `effect` is `result` minus `reference` in the metric's unit, `error` its standard deviation, `probability` that of
    a gain. They rest on `programs` programs that changed `others` to `others_most` knobs and statements besides.
    `against` says what the reference is: the program that was built on ("base"), or the best one kept before. `starts`
    are the values that were left. `runs` counts all runs that tried the value.
    """

    value: Value
    outcome: Outcome
    effect: float | None
    error: float | None
    probability: float | None
    result: float | None
    reference: float | None
    against: Literal["base", "best"] | None
    programs: int
    others: int
    others_most: int
    starts: list[Value]
    runs: int
    kept: int
    discarded: int
    crashed: int
    run_ids: list[str] = []


class InGroup(Struct, frozen=True, kw_only=True):
    """A knob in one comparison group: each value tried, numbers in their order; in which direction it helped; the value
    that looks best, where that can be told (`has_best`); what was not tried."""

    group: str
    noise: float
    noise_replicates: int
    tried: list[Tried]
    trend: str
    has_best: bool
    best: Value
    untried: list[str]


class KnobStudy(Struct, frozen=True, kw_only=True):
    """A knob: its value now (null if it is not among the constants), and its groups, the current one first."""

    name: str
    now: Value
    groups: list[InGroup]


class Study(Struct, frozen=True, kw_only=True):
    """All knobs that were turned, the surest effects first.

    `group` is the current comparison group, that of the latest run that was measured; `noise` the standard deviation of
    one run in it, assumed where `noise_replicates` is 0. `groups` counts the runs that turned a knob, by group. `never`
    are the constants that no run turned, with their values. `without_code` counts imported rows: they do not count.
    """

    metric: str
    direction: Direction
    group: str | None
    noise: float | None
    noise_replicates: int | None
    groups: dict[str, int]
    knobs: list[KnobStudy]
    never: dict[str, str]
    without_code: int


class Turn(Struct, frozen=True, gc=False):
    """A run that turned a knob: its place in the ledger, its `program`, the program that it was `base`d on, None where
    that is not known. It changed `others` knobs and statements besides; `whole` is the same for the same change."""

    at: int
    run_id: str
    status: str
    group: Group
    program: str
    base: str | None
    parent_commit: str | None
    old: Value
    new: Value
    others: int
    whole: bytes


class Turned(Struct, frozen=True, kw_only=True):
    """What was turned. `current` is the comparison group of the latest run that was measured here, else of the latest
    imported one; `groups` counts the runs that turned a knob, in the order of the first; `without_code` the imported
    ones. `turns` gives those of one knob, `measured` all runs of a group that have a value; both in their order."""

    names: Sequence[str]
    current: Group | None
    groups: Mapping[Group, int]
    turns: Callable[[str], Iterable[Turn]]
    measured: Callable[[Group], Iterable[Measured]]
    without_code: int


class _Trial(Struct):
    """The runs that made one program of one base, against what they count, and what they changed."""

    program: str
    reference: str | None
    is_direct: bool
    old: Value
    new: Value
    others: int
    turns: list[Turn]


def study(
    turned: Turned, constants: Mapping[str, str], rules: Rules, only: str | None = None,
    gains: Callable[[Group], Gains] | None = None,
) -> Study:  # fmt: skip
    """What was tried of every knob, or of one only. `constants` are the subject's at present, as source text; `gains`
    those of each group, where somebody has them already."""
    current = turned.current or next(iter(turned.groups), None)
    groups = [] if current is None else [current, *(group for group in turned.groups if group != current)]
    fields = gains or by_group(turned.measured, rules)
    knobs = []
    for name in turned.names if only is None else [only]:
        trials, now = _trials(turned.turns(name), fields), constants.get(name)
        found = [_in_group(fields(group), trials[group], now) for group in groups if group in trials]
        knobs.append(KnobStudy(name=name, now=now, groups=found))
    noise = fields(turned.current).noise if turned.current is not None else None
    counts: dict[str, int] = {}
    for group in groups:
        counts[group.label] = counts.get(group.label, 0) + turned.groups.get(group, 0)
    return Study(
        metric=rules.metric, direction=rules.direction, group=current.label if current is not None else None,
        noise=rounded(noise.sd, _DIGITS) if noise else None, noise_replicates=noise.replicates if noise else None,
        groups=counts, knobs=sorted(knobs, key=_rank),
        never={name: value for name, value in constants.items() if name not in turned.names},
        without_code=turned.without_code,
    )  # fmt: skip


def overview(whole: Study) -> Study:
    """The study without what only one knob's own page needs: other groups, and the ids of the runs."""
    knobs = []
    for knob in whole.knobs:
        here = [one for one in knob.groups if one.group == whole.group]
        short = [replace(one, tried=[replace(tried, run_ids=[]) for tried in one.tried]) for one in here[:1]]
        knobs.append(replace(knob, groups=short))
    return replace(whole, knobs=knobs)


def _trials(turns: Iterable[Turn], fields: Callable[[Group], Gains]) -> dict[Group, list[_Trial]]:
    """The trials of each group, in the order of their first runs."""
    trials: dict[Group, dict[tuple[object, ...], _Trial]] = {}
    for turn in turns:
        here = trials.setdefault(turn.group, {})
        key = turn.program, turn.base or turn.parent_commit, turn.whole
        if key not in here:
            field = fields(turn.group)
            is_direct = turn.base != turn.program and turn.base in field.samples
            reference = turn.base if is_direct else field.best_before(turn.at, turn.program)
            here[key] = _Trial(turn.program, reference, is_direct, turn.old, turn.new, turn.others, [])
        here[key].turns.append(turn)
    return {group: list(here.values()) for group, here in trials.items()}


def _in_group(field: Gains, trials: Sequence[_Trial], now: Value) -> InGroup:
    by_value: dict[Value, list[_Trial]] = {}
    for trial in trials:
        by_value.setdefault(trial.new, []).append(trial)
    tried = [_tried(value, field, those) for value, those in by_value.items()]
    steps = _steps(field, trials)
    best = best_of(steps, now, field.rules)
    seen = {value for trial in trials for value in (trial.old, trial.new)} | {now}
    return InGroup(
        group=field.group.label, noise=rounded(field.noise.sd, _DIGITS), noise_replicates=field.noise.replicates,
        tried=sorted(tried, key=lambda one: order(one.value)), trend=trend(steps, best), has_best=best is not None,
        best=best[0] if best else None, untried=untried(seen, best[0] if best else now, alone=bool(steps)),
    )  # fmt: skip


def _counted(field: Gains, trials: Iterable[_Trial]) -> list[_Trial]:
    """The trials that are measured; of these those that changed nothing else; of these those that are compared with
    their own base. A condition that leaves none is dropped."""
    found = [trial for trial in trials if trial.program in field.samples and trial.reference in field.samples]
    conditions: list[Callable[[_Trial], bool]] = [lambda trial: not trial.others, lambda trial: trial.is_direct]
    for condition in conditions:
        found = [trial for trial in found if condition(trial)] or found
    return found


def _tried(value: Value, field: Gains, trials: Sequence[_Trial]) -> Tried:
    turns = sorted((turn for trial in trials for turn in trial.turns), key=lambda turn: turn.at)
    counted = _counted(field, trials)
    pooled = field.mean((trial.program, trial.reference, 1) for trial in counted)
    results = [field.samples[trial.program].mean for trial in trials if trial.program in field.samples]
    ends = Counter(turn.status for turn in turns)
    word: Outcome = "crashed" if ends["crash"] else "no result"
    if results:
        word = "no reference"
    others = [trial.others for trial in counted or trials]
    return Tried(
        value=value, outcome=pooled.outcome if pooled else word,
        effect=rounded(pooled.effect, _DIGITS) if pooled else None,
        error=rounded(pooled.error, _DIGITS) if pooled else None,
        probability=round(pooled.probability, 4) if pooled else None,
        result=rounded(pooled.result if pooled else sum(results) / len(results), _DIGITS) if results else None,
        reference=rounded(pooled.reference, _DIGITS) if pooled else None,
        against=("base" if all(trial.is_direct for trial in counted) else "best") if pooled else None,
        programs=len({trial.program for trial in counted or trials}), others=min(others), others_most=max(others),
        starts=sorted({trial.old for trial in trials}, key=order), runs=len(turns), kept=ends["keep"],
        discarded=ends["discard"], crashed=ends["crash"], run_ids=[turn.run_id for turn in turns],
    )  # fmt: skip


def _steps(field: Gains, trials: Iterable[_Trial]) -> list[Step]:
    """The steps that were made with this knob alone. One that was taken back is no step in the other direction."""
    members: dict[tuple[Value, Value], list[tuple[_Trial, int]]] = {}
    for trial in trials:
        if trial.others:
            continue
        way, back = (trial.old, trial.new), (trial.new, trial.old)
        sign = -1 if back in members else 1
        members.setdefault(back if sign < 0 else way, []).append((trial, sign))
    steps = []
    for (old, new), those in members.items():
        signs = {id(trial): sign for trial, sign in those}
        counted = _counted(field, (trial for trial, _ in those))
        pooled = field.mean((trial.program, trial.reference, signs[id(trial)]) for trial in counted)
        crashed = any(turn.status == "crash" for trial, sign in those if sign > 0 for turn in trial.turns)
        steps.append(Step(old, new, pooled, crashed))
    return steps


def _rank(knob: KnobStudy) -> tuple[float, int, str]:
    """The surest effects of knobs that were turned alone first, then the most runs."""
    tried = [one for group in knob.groups[:1] for one in group.tried]
    alone = [one for one in tried if one.others_most == 0 and one.effect is not None and one.error]
    surest = max((abs(one.effect or 0.0) / (one.error or 1.0) for one in alone), default=0.0)
    return -surest, -sum(one.runs for one in tried), knob.name
