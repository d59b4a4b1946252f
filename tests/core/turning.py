"""Knobs studied from all runs at once, in one pass, as the index has to tell of them (memorylab/turns.py)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memorylab.core import knobs
from memorylab.core.gains import Gains, Measured
from memorylab.core.group import IMPORTED, Group, Programs, Sample, group_of, is_measured, pooled
from memorylab.core.knobs import KnobStudy, Study, Turn, Turned
from memorylab.core.race import Rules
from memorylab.core.record import Knob, Run, rounded


def programs(runs: Iterable[Run]) -> tuple[dict[str, str], dict[str, str]]:
    """run id -> its program, the text of the subject that was run; and commit -> the program that it holds. Runs are in
    the order of the ledger."""
    of_commit: dict[str, str] = {}
    found = Programs(of_commit)
    return {run.run_id: found.add(run) for run in runs}, of_commit


def samples(runs: Sequence[Run], metric: str) -> dict[Group, dict[str, Sample]]:
    """The measured runs by group and program, each in the order of first appearance."""
    of_run, of_commit = programs(runs)
    members: dict[Group, dict[str, list[Run]]] = {}
    for run in runs:
        if is_measured(run, metric):
            members.setdefault(group_of(run), {}).setdefault(of_run[run.run_id], []).append(run)
    return {
        group: {
            key: pooled(key, those, metric, of_commit.get(those[0].parent_commit or "")) for key, those in found.items()
        }
        for group, found in members.items()
    }


def latest_group(runs: Sequence[Run], metric: str) -> Group | None:
    """The group of the latest measured run, None without one."""
    return next((group_of(run) for run in reversed(runs) if is_measured(run, metric)), None)


def turned(runs: Sequence[Run], rules: Rules) -> Turned:
    """What these runs turned, as `study` is told of it."""
    of_run, of_commit = programs(runs)
    here = [(at, run) for at, run in enumerate(runs) if not run.run_id.startswith(IMPORTED)]
    groups = dict(enumerate(_groups(runs, rules.metric)))
    counts: dict[Group, int] = {}
    for at, run in here:
        if run.change is not None and run.change.knobs:
            counts[groups[at]] = counts.get(groups[at], 0) + 1

    def base(run: Run) -> str | None:
        return of_commit.get(run.parent_commit or "")

    def turns(name: str) -> Iterator[Turn]:
        for at, run in here:
            if run.change is not None and name in run.change.knobs:
                knobs, statements = run.change.knobs, run.change.statements
                yield Turn(
                    at, run.run_id, run.status, groups[at], of_run[run.run_id], base(run), run.parent_commit,
                    knobs[name].old, knobs[name].new, len(knobs) - 1 + statements, repr((statements, knobs)).encode(),
                )  # fmt: skip

    def measured(group: Group) -> Iterator[Measured]:
        for at, run in enumerate(runs):
            if is_measured(run, rules.metric) and group_of(run) == group:
                yield Measured(at, of_run[run.run_id], base(run), run)

    names = sorted({name for _, run in here if run.change is not None for name in run.change.knobs})
    return Turned(
        names=names, current=_current(runs, rules.metric), groups=counts, turns=turns, measured=measured,
        without_code=len(runs) - len(here),
    )  # fmt: skip


def _groups(runs: Sequence[Run], metric: str) -> Iterator[Group]:
    """The group of each run: without a result it is that which was measured last before it, if it does not say."""
    known = list(dict.fromkeys(group_of(run) for run in runs if is_measured(run, metric)))
    latest = next(iter(known), None)
    for run in runs:
        group, has_value = group_of(run), is_measured(run, metric)
        if has_value and not run.run_id.startswith(IMPORTED):
            latest = group
        elif not has_value and latest is not None and (group not in known or group == Group()):
            group = latest
        yield group


def _current(runs: Sequence[Run], metric: str) -> Group | None:
    here = [run for run in runs if not run.run_id.startswith(IMPORTED)]
    return latest_group(here, metric) or latest_group(runs, metric)


@dataclass
class _Trial:
    """The runs that made one program of one base, whichever knobs they turned."""

    program: str
    reference: str | None
    is_direct: bool
    knobs: Mapping[str, Knob]
    others: int
    runs: list[tuple[int, Run]]


def study(runs: Sequence[Run], constants: Mapping[str, str], rules: Rules) -> Study:
    """What `knobs.study` says, its trials made in one pass over the runs for all knobs and groups together."""
    found, trials = samples(runs, rules.metric), _trials(runs, rules)
    current = _current(runs, rules.metric) or next(iter(trials), None)
    groups = [] if current is None else [current, *(group for group in trials if group != current)]
    told = turned(runs, rules)
    fields = {group: Gains(group, told.measured(group), rules) for group in groups}
    assert all(fields[group].samples == found.get(group, {}) for group in groups)
    names = dict.fromkeys(name for those in trials.values() for trial in those for name in trial.knobs)
    studies = []
    for name in names:
        by_group = {
            group: [_of(trial, name) for trial in trials.get(group, ()) if name in trial.knobs] for group in groups
        }
        now = constants.get(name)
        in_groups = [knobs._in_group(fields[group], those, now) for group, those in by_group.items() if those]
        studies.append(KnobStudy(name=name, now=now, groups=in_groups))
    counts: dict[str, int] = {}
    for group in groups:
        counts[group.label] = counts.get(group.label, 0) + sum(len(trial.runs) for trial in trials.get(group, ()))
    noise = fields[current].noise if current is not None and current in found else None
    return Study(
        metric=rules.metric, direction=rules.direction, group=current.label if current is not None else None,
        noise=rounded(noise.sd, 8) if noise else None, noise_replicates=noise.replicates if noise else None,
        groups=counts, knobs=sorted(studies, key=knobs._rank),
        never={name: value for name, value in constants.items() if name not in names},
        without_code=sum(run.run_id.startswith(IMPORTED) for run in runs),
    )  # fmt: skip


def _trials(runs: Sequence[Run], rules: Rules) -> dict[Group, list[_Trial]]:
    """The trials of each group, in the order of their first runs."""
    of_run, of_commit = programs(runs)
    found = samples(runs, rules.metric)
    trials: dict[Group, dict[tuple[object, ...], _Trial]] = {}
    best: dict[Group, tuple[float, str]] = {}
    for at, (run, group) in enumerate(zip(runs, _groups(runs, rules.metric), strict=True)):
        value, program, change = run.value(rules.metric), of_run[run.run_id], run.change
        if change is not None and change.knobs and not run.run_id.startswith(IMPORTED):
            base = of_commit.get(run.parent_commit or "")
            here = trials.setdefault(group, {})
            key = program, base or run.parent_commit, change.statements, *change.knobs.items()
            if key not in here:
                is_direct = base is not None and base != program and base in found.get(group, {})
                before = best[group][1] if group in best and best[group][1] != program else None
                here[key] = _Trial(
                    program, base if is_direct else before, is_direct, change.knobs,
                    len(change.knobs) - 1 + change.statements, [],
                )  # fmt: skip
            here[key].runs.append((at, run))
        if value is not None and is_measured(run, rules.metric) and run.status == "keep":
            mine = rules.oriented(value), program
            best[group] = min(best.get(group, mine), mine)
    return {group: list(here.values()) for group, here in trials.items()}


def _of(trial: _Trial, name: str) -> knobs._Trial:
    """What a trial is to one knob."""
    knob, turns = trial.knobs[name], []
    for at, run in trial.runs:
        turns.append(Turn(at, run.run_id, run.status, Group(), "", None, None, None, None, 0, b""))
    return knobs._Trial(trial.program, trial.reference, trial.is_direct, knob.old, knob.new, trial.others, turns)
