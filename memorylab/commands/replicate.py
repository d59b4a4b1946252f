"""replicate: run a remembered experiment again with new seeds, beside another if wanted, until that is decided."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from memorylab.commands import code, experiment, inspect, rerun
from memorylab.commands import log as logging
from memorylab.commands import run as running
from memorylab.commands.session import Session
from memorylab.core import decision
from memorylab.core.group import IMPORTED, group_of, is_measured
from memorylab.core.record import Packet, Run, rounded, to_json
from memorylab.core.text import count, inline, rough
from memorylab.errors import BadInput, StoreBusy, UsageError
from memorylab.store import worktrees
from memorylab.store.files import locked, replace


class Options(msgspec.Struct, frozen=True):
    """What was asked for: at most `seeds` further runs of each arm, `jobs` at a time, each for at most `time_limit`
    seconds of wall time (None: the setting)."""

    seeds: int = 5
    against: str | None = None
    jobs: int = 1
    time_limit: float | None = None


class Question(msgspec.Struct, frozen=True):
    """What is asked: whether the program of `run` differs from that of `against` (a run that is rerun too), or from the
    `champion`'s (its first run); neither where it is the champion itself, whose noise is measured."""

    run: str
    against: str | None
    champion: str | None
    metric: str
    group: str
    seeds: list[int]


class Replicated(msgspec.Struct, frozen=True):
    """What came of it. `runs` are the ids of the new runs, `logged` is the last run of the program with the packet on
    all evidence; `crashed` if it was given up for that, `said` is the outcome in words."""

    question: Question
    runs: list[str]
    outcome: str
    likelihood_ratio: float | None
    alpha: float
    logged: logging.Logged
    crashed: bool
    said: str

    @property
    def exit_code(self) -> int:
        return running.EXIT["crash" if self.crashed else self.logged.run.status]

    @property
    def answer(self) -> "Replication":
        """What --json prints."""
        return Replication(
            question=self.question, runs=self.runs, outcome=self.outcome, likelihood_ratio=self.likelihood_ratio,
            alpha=self.alpha, packet=self.logged.run.decision_packet,
        )  # fmt: skip


class Replication(msgspec.Struct, frozen=True, kw_only=True):
    """replicate: the question, the ids of the new runs, the outcome, and the packet on all evidence. The question is
    decided where the likelihood ratio reaches 1 / `alpha`; it is null where only the noise was measured."""

    question: Question
    runs: list[str]
    outcome: str
    likelihood_ratio: float | None
    alpha: float
    packet: Packet | None


def replicate(
    session: Session, name: str, options: Options, say: Callable[[str], None], note: Callable[[str], None]
) -> Replicated:
    """Gather evidence on the run called `name`. `say` is told of progress, `note` what to know besides, a line each.

    Raises BadInput or NotFound if a run cannot be repeated, UsageError if the two are one program, StoreBusy if another
    process is at the same question, BadInput if the new runs end up in another comparison group.
    """
    run = inspect.find(session, name)
    against = inspect.find(session, options.against) if options.against is not None else None
    code.bring(session, run, against)
    recall = session.recall
    for one in (run, against):
        if one is not None:
            _refuse(session, one)
    group, program = group_of(run), recall.program(run.run_id) or ""
    theirs_program = recall.program(against.run_id) or "" if against is not None else ""
    if against is not None:
        if theirs_program == program:
            raise UsageError(f"{run.run_id} and {against.run_id} are runs of one program.", "Leave --against out.")
        if (theirs := group_of(against)) != group:
            raise BadInput(
                f"{run.run_id} and {against.run_id} do not compare: {rerun.differ(theirs, group)}.",
                "Name runs that do.",
            )
    ours = _arm(session, run, program)
    arms = ([_arm(session, against, theirs_program)] if against is not None else []) + [ours]
    champion = session.races.race(group).champion
    default = champion.sample.program if champion is not None and champion.sample.program != program else ""
    other = theirs_program or default
    asked = [program, other if against is not None else None, group]
    key = hashlib.sha256(to_json(asked)).hexdigest()[:16]
    with running.stopped_by_signals(), _turn(session, key, other) as (state, path):
        seeds = _seeds(session, {arm.program for arm in arms}, state.seeds, options.seeds)
        state = msgspec.structs.replace(state, seeds=seeds)
        replace(path, to_json(state))
        limit = options.time_limit or session.settings.time_limit
        work = rerun.Work(session, arms, group, state, options.jobs, limit, say, note)
        try:
            work.go()
        except rerun.Elsewhere as problem:
            path.unlink(missing_ok=True)
            rerun.again(session).refresh()
            raise BadInput(problem.args[0], "It is logged; such runs cannot decide.") from None
        path.unlink(missing_ok=True)
    return _result(work, against)


def _refuse(session: Session, run: Run) -> None:
    """Raises BadInput, or NotFound, if a run cannot be repeated."""
    name = run.run_id
    instead = "Run its code anew and replicate that."
    if run.run_id.startswith(IMPORTED) and session.recall.anchor(name) == run.commit:
        raise BadInput(f"{name} was imported: its table does not say where it was measured.", instead)
    code.own_commit(session, run)
    if run.change is not None and run.change.dirty:
        raise BadInput(f"{name} had uncommitted changes, which no commit has.", instead)
    if run.value(session.settings.metric) is None:
        raise BadInput(f"{name} has no {session.settings.metric} to compare.", "Name a run that did not crash.")


def _arm(session: Session, run: Run, program: str) -> rerun.Arm:
    found = experiment.of_commit(session, code.own_commit(session, run))
    if session.reader.file_at(found.commit.oid, session.settings.subject) is None:
        raise BadInput(f"There is no {session.settings.subject} in {found.commit.oid[:7]} to run.")
    arm = rerun.Arm(run, program, found)
    # What cannot be logged is refused before minutes are spent on it.
    logging.draft(session, rerun.request_of(arm, 0), found)
    return arm


def _seeds(session: Session, wanted: set[str], planned: Sequence[int], number: int) -> list[int]:
    """The planned seeds, made so many by the smallest that no run of these programs has used."""
    recall = session.recall
    used = {seed for program in wanted for run in recall.of_program(program) for seed in rerun.seeds_of(run)}
    seeds, candidate = list(planned[:number]), 0
    while len(seeds) < number:
        candidate += 1
        if candidate not in used and candidate not in seeds:
            seeds.append(candidate)
    return seeds


@contextmanager
def _turn(session: Session, key: str, other: str) -> Iterator[tuple[rerun.State, Path]]:
    """Be the only process at a question, with a folder for worktrees that is gone afterwards; what an earlier one left
    is cleared away, and its plan gone on with. Raises StoreBusy if another process is at it now."""
    place = session.place
    path = place.state / f"replicate-{key}.json"
    with ExitStack() as held:
        with locked(place.state / "replicate.lock"):
            for left in sorted(place.state.glob("replicate-*.json")):
                found = _read(left)
                if found is not None and found.folder:
                    if _is_held(Path(found.folder)):
                        if left == path:
                            raise StoreBusy("Another process is replicating this already.", "Wait for it, or end it.")
                        continue
                    worktrees.sweep(place, Path(found.folder))
            state = _read(path) or rerun.State(other, [], "")
            folder = worktrees.make_folder()
            held.callback(worktrees.sweep, place, folder)
            held.enter_context(locked(folder / "lock", 0))
            state = msgspec.structs.replace(state, folder=str(folder))
            replace(path, to_json(state))
        yield state, path


def _read(path: Path) -> rerun.State | None:
    """A state that was left; None if there is none, or none that can be understood."""
    with suppress(OSError, ValueError, RecursionError):  # no JSON, no UTF-8, or nested too deeply
        found = msgspec.json.decode(path.read_bytes(), type=rerun.State)
        if all(seed >= 0 for seed in found.seeds):
            return found
    return None


def _is_held(folder: Path) -> bool:
    """Whether a process that has made a folder of worktrees is alive."""
    if not worktrees.is_ours(folder) or not (folder / "lock").exists():
        return False
    try:
        with locked(folder / "lock", 0):
            return False
    except StoreBusy:
        return True


def _result(work: rerun.Work, against: Run | None) -> Replicated:
    """What came of it, with the packet of the program's last run on all evidence."""
    recall, rules = rerun.again(work.session).recall, work.session.settings.rules
    new = [*work.before, *(one.run for one in work.logged)]
    ours = list(recall.of_program(work.ours.program))
    logged = {run.run_id for run in new}
    here = [run for run in ours if is_measured(run, rules.metric) and group_of(run) == work.group]
    last = ([run for run in ours if run.run_id in logged] or here)[-1]
    packet = decision.decide(last, recall.races_without(last.run_id))
    found, other = work.evidence, work.race.entries.get(work.state.other)
    return Replicated(
        question=Question(
            run=work.ours.run.run_id, against=against.run_id if against is not None else None,
            champion=other.sample.runs[0].run_id if other is not None and against is None else None,
            metric=rules.metric, group=work.group.label, seeds=work.state.seeds,
        ),
        runs=[run.run_id for run in new],
        outcome="measured" if other is None else found.outcome or "undecided" if found is not None else "undecided",
        likelihood_ratio=None if found is None else rounded(found.likelihood_ratio),
        alpha=work.alpha,
        logged=logging.Logged(msgspec.structs.replace(last, decision_packet=packet), []),
        crashed=work.crashed,
        said=_said(work, against, len(new)),
    )  # fmt: skip


def _said(work: rerun.Work, against: Run | None, number: int) -> str:
    """The outcome in one line."""
    after = f"after {count(number, 'further run')}"
    if work.crashed:
        return f"given up {after}: {rerun.CRASHES} crashes in a row"
    found, noise = work.evidence, work.race.noise
    if found is None:
        sd, low, high = (rough(one, 3) for one in (noise.sd, noise.low, noise.high))
        return f"measured {after}: noise {sd} ({low} to {high} with 90 %)"
    beside = f"{inline(against.run_id)}" if against is not None else "the champion"
    needed = f"likelihood ratio {found.likelihood_ratio:.3g}, {1 / work.alpha:.3g} decide"
    if found.outcome is not None:
        return f"{found.outcome} than {beside} {after} ({needed})"
    said = f"undecided against {beside} {after} ({needed})"
    theirs = work.race.entries[work.state.other].sample.runs
    if against is None and len(theirs) < number:
        said += f"; the champion has {count(len(theirs), 'run')}: --against {theirs[0].run_id} reruns it too"
    return said
