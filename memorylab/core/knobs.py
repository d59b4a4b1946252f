"""What was tried of every knob of the subject, what came of it, and what was never tried.

The effect of a value is the pooled mean of the program that was set to it minus that of the program it was built on,
within one comparison group. Where that one was not measured, the best one kept before stands for it. A run that
turned other knobs besides says little of one: it counts only where no run turned the knob alone.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from memorylab.core.group import IMPORTED, Group, Sample, group_of, is_measured, latest_group, programs, samples
from memorylab.core.race import Race, Rules
from memorylab.core.record import Direction, Knob, Run, rounded
from memorylab.core.steps import Outcome, Pooled, Step, Value, best_of, order, trend, untried

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


class _Trial(Struct):
    """The runs that made one program of one base, against what they count, and what they changed."""

    program: str
    reference: str | None
    is_direct: bool
    knobs: Mapping[str, Knob]
    others: int
    runs: list[Run]


class _Field:
    """One comparison group: its programs, its noise floor, and what effects are usual in it."""

    def __init__(self, group: Group, found: Mapping[str, Sample], rules: Rules) -> None:
        self.group, self.samples, self.rules = group, found, rules
        race = Race(list(found.values()), rules)
        self.noise, self.effects = race.noise, race.effects

    def counted(self, trials: Iterable[_Trial]) -> list[_Trial]:
        """The trials that are measured; of these those that changed nothing else; of these those that are compared with
        their own base. A condition that leaves none is dropped."""
        found = [trial for trial in trials if trial.program in self.samples and trial.reference in self.samples]
        conditions: list[Callable[[_Trial], bool]] = [lambda trial: not trial.others, lambda trial: trial.is_direct]
        for condition in conditions:
            found = [trial for trial in found if condition(trial)] or found
        return found

    def pooled(self, trials: Iterable[tuple[_Trial, int]]) -> Pooled | None:
        """The mean effect of trials by inverse variance, those with the sign -1 turned round. None without any.

        Trials that share a program share its error, so the error is that of the programs' means together.
        """
        shares: dict[str, float] = {}
        total = result = reference = 0.0
        for trial, sign in trials:
            ours, theirs = self.samples.get(trial.program), self.samples.get(trial.reference or "")
            if ours is None or theirs is None:
                continue
            if sign < 0:
                ours, theirs = theirs, ours
            weight = 1 / (1 / len(ours.values) + 1 / len(theirs.values))
            total += weight
            result += weight * ours.mean
            reference += weight * theirs.mean
            shares[ours.program] = shares.get(ours.program, 0.0) + weight
            shares[theirs.program] = shares.get(theirs.program, 0.0) - weight
        if not total:
            return None
        spread = sum((share / total) ** 2 / len(self.samples[key].values) for key, share in shares.items())
        error = self.noise.sd * math.sqrt(spread or 1 / total)
        effect = self.rules.oriented((result - reference) / total)
        return Pooled(result / total, reference / total, error, self.effects.probability(effect, error**2))


def study(runs: Sequence[Run], constants: Mapping[str, str], rules: Rules) -> Study:
    """What was tried of every knob. Runs are in the order of the ledger, `constants` are the subject's at present, as
    source text. One pass over the runs."""
    found = samples(runs, rules.metric)
    trials = _trials(runs, found, rules)
    current = _current(runs, rules.metric) or next(iter(trials), None)
    groups = [] if current is None else [current, *(group for group in trials if group != current)]
    fields = {group: _Field(group, found.get(group, {}), rules) for group in groups}
    by_knob: dict[str, dict[Group, list[_Trial]]] = {}
    for group in groups:
        for trial in trials.get(group, ()):
            for name in trial.knobs:
                by_knob.setdefault(name, {}).setdefault(group, []).append(trial)
    knobs = [
        KnobStudy(
            name=name,
            now=constants.get(name),
            groups=[_in_group(name, fields[group], those, constants.get(name)) for group, those in found_in.items()],
        )
        for name, found_in in by_knob.items()
    ]
    now = fields[current].noise if current is not None and current in found else None
    return Study(
        metric=rules.metric, direction=rules.direction, group=current.label if current is not None else None,
        noise=rounded(now.sd, _DIGITS) if now else None, noise_replicates=now.replicates if now else None,
        groups=_counts(groups, trials), knobs=sorted(knobs, key=_rank),
        never={name: value for name, value in constants.items() if name not in by_knob},
        without_code=sum(run.run_id.startswith(IMPORTED) for run in runs),
    )  # fmt: skip


def overview(whole: Study) -> Study:
    """The study without what only one knob's own page needs: other groups, and the ids of the runs."""
    knobs = []
    for knob in whole.knobs:
        here = [one for one in knob.groups if one.group == whole.group]
        short = [replace(one, tried=[replace(tried, run_ids=[]) for tried in one.tried]) for one in here[:1]]
        knobs.append(replace(knob, groups=short))
    return replace(whole, knobs=knobs)


def _counts(groups: Iterable[Group], trials: Mapping[Group, Sequence[_Trial]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for group in groups:
        counts[group.label] = counts.get(group.label, 0) + sum(len(trial.runs) for trial in trials.get(group, ()))
    return counts


def _current(runs: Sequence[Run], metric: str) -> Group | None:
    """The group of the latest run that was measured here, else of the latest imported one."""
    here = [run for run in runs if not run.run_id.startswith(IMPORTED)]
    return latest_group(here, metric) or latest_group(runs, metric)


def _trials(
    runs: Sequence[Run], found: Mapping[Group, Mapping[str, Sample]], rules: Rules
) -> dict[Group, list[_Trial]]:
    """The trials of each group, in the order of their first runs.

    A run without a result often does not say where it ran, as a crash leaves no summary: it belongs to the group that
    was measured last before it.
    """
    of_run, of_commit = programs(runs)
    trials: dict[Group, dict[tuple[object, ...], _Trial]] = {}
    best: dict[Group, tuple[float, str]] = {}
    latest = next(iter(found), None)
    for run in runs:
        group, value, program = group_of(run), run.value(rules.metric), of_run[run.run_id]
        has_value, is_here = is_measured(run, rules.metric), not run.run_id.startswith(IMPORTED)
        if has_value and is_here:
            latest = group
        elif not has_value and latest is not None and (group not in found or group == Group()):
            group = latest
        change = run.change
        if change is not None and change.knobs and is_here:
            base = of_commit.get(run.parent_commit or "")
            here = trials.setdefault(group, {})
            key = program, base or run.parent_commit, change.statements, *change.knobs.items()
            trial = here.get(key)
            if trial is None:
                is_direct = base is not None and base != program and base in found.get(group, {})
                before = best[group][1] if group in best and best[group][1] != program else None
                trial = here[key] = _Trial(
                    program, base if is_direct else before, is_direct, change.knobs,
                    len(change.knobs) - 1 + change.statements, [],
                )  # fmt: skip
            trial.runs.append(run)
        if value is not None and has_value and run.status == "keep":
            mine = rules.oriented(value), program
            best[group] = min(best.get(group, mine), mine)
    return {group: list(here.values()) for group, here in trials.items()}


def _in_group(name: str, field: _Field, trials: Sequence[_Trial], now: Value) -> InGroup:
    by_value: dict[Value, list[_Trial]] = {}
    for trial in trials:
        by_value.setdefault(trial.knobs[name].new, []).append(trial)
    tried = [_tried(name, value, field, those) for value, those in by_value.items()]
    steps = _steps(name, field, trials)
    best = best_of(steps, now, field.rules)
    seen = {value for trial in trials for value in (trial.knobs[name].old, trial.knobs[name].new)} | {now}
    return InGroup(
        group=field.group.label, noise=rounded(field.noise.sd, _DIGITS), noise_replicates=field.noise.replicates,
        tried=sorted(tried, key=lambda one: order(one.value)), trend=trend(steps, best), has_best=best is not None,
        best=best[0] if best else None, untried=untried(seen, best[0] if best else now, alone=bool(steps)),
    )  # fmt: skip


def _tried(name: str, value: Value, field: _Field, trials: Sequence[_Trial]) -> Tried:
    runs = sorted((run for trial in trials for run in trial.runs), key=_when)
    counted = field.counted(trials)
    pooled = field.pooled((trial, 1) for trial in counted)
    results = [field.samples[trial.program].mean for trial in trials if trial.program in field.samples]
    crashed = sum(run.status == "crash" for run in runs)
    word: Outcome = "crashed" if crashed else "no result"
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
        starts=sorted({trial.knobs[name].old for trial in trials}, key=order), runs=len(runs),
        kept=sum(run.status == "keep" for run in runs), discarded=sum(run.status == "discard" for run in runs),
        crashed=crashed, run_ids=[run.run_id for run in runs],
    )  # fmt: skip


def _when(run: Run) -> tuple[str, str, int]:
    return run.timestamp_utc or "", run.writer, run.seq


def _steps(name: str, field: _Field, trials: Iterable[_Trial]) -> list[Step]:
    """The steps that were made with this knob alone. One that was taken back is no step in the other direction."""
    members: dict[tuple[Value, Value], list[tuple[_Trial, int]]] = {}
    for trial in trials:
        knob = trial.knobs[name]
        if trial.others:
            continue
        way, back = (knob.old, knob.new), (knob.new, knob.old)
        sign = -1 if back in members else 1
        members.setdefault(back if sign < 0 else way, []).append((trial, sign))
    steps = []
    for (old, new), those in members.items():
        signs = {id(trial): sign for trial, sign in those}
        pooled = field.pooled((trial, signs[id(trial)]) for trial in field.counted(trial for trial, _ in those))
        crashed = any(run.status == "crash" for trial, sign in those if sign > 0 for run in trial.runs)
        steps.append(Step(old, new, pooled, crashed))
    return steps


def _rank(knob: KnobStudy) -> tuple[float, int, str]:
    """The surest effects of knobs that were turned alone first, then the most runs."""
    tried = [one for group in knob.groups[:1] for one in group.tried]
    alone = [one for one in tried if one.others_most == 0 and one.effect is not None and one.error]
    surest = max((abs(one.effect or 0.0) / (one.error or 1.0) for one in alone), default=0.0)
    return -surest, -sum(one.runs for one in tried), knob.name
