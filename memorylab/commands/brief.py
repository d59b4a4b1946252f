"""brief: the memory that somebody needs who starts cold or resumes."""

from collections.abc import Iterable, Iterator

from memorylab.commands import check, experiment, knobs, nextsteps, sync
from memorylab.commands.code import has_code
from memorylab.commands.gains import Gained
from memorylab.commands.session import Session
from memorylab.core import deadends
from memorylab.core.brief import Effect, Facts, Head, Open, Program, Theirs, Untried
from memorylab.core.claims import holder
from memorylab.core.group import Group
from memorylab.core.knobs import InGroup, KnobStudy, Study
from memorylab.core.nextsteps import LabState, decide, next_steps
from memorylab.core.race import Race
from memorylab.core.ranking import Registry, Standing
from memorylab.core.record import Knob
from memorylab.core.waiting import Decision
from memorylab.errors import NotFound
from memorylab.store import git
from memorylab.views import morning

_Here = tuple[KnobStudy, InGroup]
_CRASHES = 50  # latest runs that are looked through for them
_GOOD, _BAD = ("helped", "leans better"), ("hurt", "leans worse", "crashed")
_CRASHED = 0.7  # the strength that a crash counts as, which may be mended


def gather(session: Session) -> Facts:
    """What the memory and the repository tell, what decides most first in each list."""
    settings, recall = session.settings, session.recall
    registry = recall.registry(session.writer)
    queue = morning.decisions(recall, registry, None, settings.since_hours)
    state = nextsteps.state(session, registry, queue, sync.waiting(session))
    study = knobs.study(session)
    race = session.races.race(registry.group) if registry.group is not None else None
    here = [(knob, group) for knob in study.knobs for group in knob.groups if group.group == registry.label]
    champion, leader = registry.champion, registry.leader
    others = [one for one in check.open_claims(session) if not check.is_ours(session, one)]
    closed = _closed(race) if race is not None else {}
    code = _code(session, registry, race, closed)
    return Facts(
        subject=settings.subject, metric=settings.metric, direction=settings.direction,
        budget=_budget(session, registry), group=registry.label if registry.group != Group() else "",
        statuses=registry.status_counts,
        champion=_program(session, champion, session.starting_values()) if champion else None,
        leader=(
            _program(session, leader, _constants(session, champion))
            if champion and leader and leader.run_id != champion.run_id
            else None
        ),
        head=_head(session, registry, state),
        decisions=tuple(found for one in queue if (found := _open(session, one)) is not None),
        steps=tuple(next_steps(state)),
        dead_ends=tuple(sorted([*_values(here, _BAD, closed), *_of(code, _BAD), *_crashes(session)], key=_firmness)),
        works=tuple(sorted([*_values(here, _GOOD, {}), *_of(code, _GOOD)], key=_size)),
        claims=tuple(
            Theirs(who=check.whose(one), until=check.clock(one.expires_utc), description=one.description)
            for one in map(holder, others)
        ),
        untried=tuple(_untried(study, here)),
        noise=registry.noise.sd if registry.noise and champion else None,
        noise_replicates=registry.noise.replicates if registry.noise else 0,
    )  # fmt: skip


def _budget(session: Session, registry: Registry) -> str:
    """What a run may spend: what the latest ones say, else how long it may take."""
    group = registry.group
    if group is not None and group.budget is not None:
        return f"a run has {group.budget:g} {group.budget_kind or ''}".strip()
    return f"a run is killed after {session.settings.time_limit:g} s"


def _program(session: Session, found: Standing, before: dict[str, str] | None) -> Program:
    """A program on the board, with the knobs that differ from some constants; none where its code is not here."""
    after = _constants(session, found)
    names = [] if before is None or after is None else [*before, *(name for name in after if name not in before)]
    turned = {name: Knob(old=(before or {}).get(name), new=(after or {}).get(name)) for name in names}
    return Program(
        run_id=found.run_id, commit=found.commit, description=found.description, value=found.value, runs=found.runs,
        probability=found.probability, knobs={name: knob for name, knob in turned.items() if knob.old != knob.new},
    )  # fmt: skip


def _constants(session: Session, found: Standing) -> dict[str, str] | None:
    return experiment.constants_at(session, found.commit) if has_code(session, found) else None


def _head(session: Session, registry: Registry, state: LabState) -> Head | None:
    try:
        commit = session.reader.resolve("HEAD").oid
    except NotFound:
        return None
    role = {"keep": "a kept run", "discard": "a discarded run", "crash": "a crashed run", "untried": "not run yet"}.get(
        state.head, "no experiment"
    )
    if registry.champion is not None and registry.champion.commit == commit:
        role = "this is the champion"
    elif registry.leader is not None and registry.leader.commit == commit:
        role = "this is what to build on"
    change = "" if state.at == "committed" else state.change or f"{state.subject} is {state.at}"
    return Head(commit=commit, branch=git.branch(session.place), role=role, change=change)


def _open(session: Session, one: Decision) -> Open | None:
    """A decision with its command, None for one that asks for nothing to be typed."""
    run, packet = one.run, one.packet
    step = decide(nextsteps.urgent(session, run, packet.next_action, packet.priority))
    if step is None or packet.next_action in ("promote", "branch_followup") and run.status != "keep":
        return None
    return Open(
        run_id=run.run_id, action=packet.next_action, priority=packet.priority, description=run.description,
        command=step.command, delta=one.delta, probability=one.probability,
    )  # fmt: skip


def _values(here: Iterable[_Here], outcomes: tuple[str, ...], closed: dict[str, float]) -> Iterator[Effect]:
    """The values of knobs that came out so."""
    for knob, group in here:
        for tried in group.tried:
            if tried.outcome in outcomes and _tells(tried.effect, tried.error):
                strengths = [closed[run_id] for run_id in tried.run_ids if run_id in closed]
                yield Effect(
                    knob=knob.name, value=tried.value, description="", run_id=tried.run_ids[-1], outcome=tried.outcome,
                    effect=tried.effect, error=tried.error, others=tried.others,
                    stands=tried.value == knob.now and tried.kept > 0,
                    strength=max(strengths, default=None),
                )  # fmt: skip


def _of(code: Iterable[Effect], outcomes: tuple[str, ...]) -> list[Effect]:
    return [one for one in code if one.outcome in outcomes and _tells(one.effect, one.error)]


def _tells(effect: float | None, error: float | None) -> bool:
    """Whether an effect is no smaller than its own error: most changes hurt, so one of nothing leans worse, too."""
    return effect is None or error is None or abs(effect) >= error


def _firmness(one: Effect) -> tuple[bool, float, float]:
    """What stands and hurts comes first, the surest of it before the rest; then what is closed most firmly, and of
    these what was closest to a gain, since that is tried again most easily."""
    size = abs(one.effect or 0.0)
    if one.stands:
        return False, 0.0, -size / (one.error or 1.0)
    return True, -round(_CRASHED if one.strength is None else one.strength, 1), size


def _size(one: Effect) -> tuple[bool, float]:
    return not one.stands, -abs(one.effect or 0.0)


def _crashes(session: Session) -> Iterator[Effect]:
    """The latest runs that crashed and turned no knob."""
    recall = session.recall
    for _, run, _ in reversed(list(recall.runs(max(0, recall.size - _CRASHES)))):
        if run.status == "crash" and not (run.change and run.change.knobs):
            yield Effect(knob="", value=None, description=run.description, run_id=run.run_id, outcome="crashed")


def _code(session: Session, registry: Registry, race: Race | None, closed: dict[str, float]) -> list[Effect]:
    """What changed the code and no knob, of the latest programs of the group."""
    if race is None or registry.group is None:
        return []
    gains, found = Gained(session).group(registry.group), []
    for program, entry in race.entries.items():
        run = entry.sample.runs[0]
        pooled = gains.of(program)
        if run.change is None or run.change.knobs or run.change.fingerprint is None or pooled is None:
            continue
        found.append(Effect(
            knob="", value=None, description=run.description, run_id=run.run_id, outcome=pooled.outcome,
            effect=pooled.effect, error=pooled.error, strength=closed.get(run.run_id),
        ))  # fmt: skip
    return found


def _closed(race: Race) -> dict[str, float]:
    """run id -> how firmly its program is closed, of all that failed."""
    return {run.run_id: one.strength for entry, one in deadends.weighed(race) for run in entry.sample.runs}


def _untried(study: Study, here: Iterable[_Here]) -> Iterator[Untried]:
    """The knobs that were never turned, then what is left of the others, those with the surest effects first."""
    for name, value in study.never.items():
        yield Untried(knob=name, now=value)
    for knob, group in here:
        if group.untried:
            near = sorted(group.untried, key=lambda left: not left.startswith("between"))  # next to what looks best
            yield Untried(knob=knob.name, now=knob.now, left=tuple(near))
