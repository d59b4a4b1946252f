"""What replicate does with a plan: execute its runs in worktrees of their own, log them, weigh the evidence."""

import os
import queue
import re
import signal
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from memorylab.commands import experiment
from memorylab.commands import log as logging
from memorylab.commands import run as running
from memorylab.commands.session import Session
from memorylab.core import sequential
from memorylab.core.group import Group, group_of
from memorylab.core.record import Run
from memorylab.core.text import inline, number
from memorylab.store import git, worktrees
from memorylab.store.git import Place

CRASHES = 2  # of one arm in a row, after which it is no use to go on

_SEED = re.compile(r"\bAUTORESEARCH_SEED=(\d{1,15})\b")
_BUDGETS = {"cpu_seconds": "TIME_BUDGET", "wall_seconds": "TIME_BUDGET", "tokens": "TOKENS"}


class Arm(msgspec.Struct, frozen=True):
    """A program that is run, the run that it is known by, and the experiment as its commit tells it."""

    run: Run
    program: str
    found: experiment.Experiment


class State(msgspec.Struct, frozen=True):
    """What a process leaves for one that continues: the program that is compared with (empty: none), the planned seeds,
    and the folder of its worktrees."""

    other: str
    seeds: list[int]
    folder: str


class _Unit(msgspec.Struct, frozen=True):
    """One run of the plan."""

    arm: Arm
    seed: int


class _Cancelled(Exception):
    """The run is not wanted any more."""


class Elsewhere(Exception):
    """A new run landed in another comparison group; in words how that differs."""


def request_of(arm: Arm, seed: int) -> logging.Request:
    run = arm.run
    return logging.Request(
        description=run.description, family=run.family, hypothesis=run.hypothesis, tags=list(run.tags),
        mode="replicate", notes=f"Replicate of {run.run_id}, AUTORESEARCH_SEED={seed}.", keep_claims=True,
    )  # fmt: skip


def differ(here: Group, before: Group) -> str:
    """How a comparison group differs from another, in words."""
    pairs = ((name, getattr(here, name), getattr(before, name)) for name in Group.__struct_fields__)
    return "; ".join(
        f"{name.replace('_', ' ')} is {_shown(now)}, was {_shown(then)}" for name, now, then in pairs if now != then
    )


def _shown(value: object) -> str:
    return "not stated" if value is None else inline(str(value))


def seeds_of(run: Run) -> set[int]:
    """The seed that a run states, and the one that it was given."""
    stated = {run.environment.seed} if run.environment and run.environment.seed is not None else set()
    return stated | {int(seed) for seed in _SEED.findall(run.notes)}


def again(session: Session) -> Session:
    """The same place now, with its memory to be read anew."""
    return Session(place=session.place)


def _environment(run: Run, seed: int) -> dict[str, str]:
    """The environment of a subject that is to be measured as a run was, with another seed."""
    environment = git.environment() | {"AUTORESEARCH_SEED": str(seed)}
    known = run.environment
    if known is not None and known.budget is not None and known.budget_kind in _BUDGETS:
        # Tokens outrank seconds where both are set.
        environment.pop("AUTORESEARCH_TOKENS", None)
        budget = int(known.budget) if float(known.budget).is_integer() else known.budget
        environment[f"AUTORESEARCH_{_BUDGETS[known.budget_kind]}"] = str(budget)
    if known is not None and known.threads is not None:
        environment["AUTORESEARCH_THREADS"] = str(known.threads)
    return environment


class Work:
    """The runs of one question: threads execute, the main thread logs and judges, in the order of the plan."""

    def __init__(
        self, session: Session, arms: list[Arm], group: Group, state: State, jobs: int, limit: float,
        say: Callable[[str], None], note: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.session, self.arms, self.group, self.state = session, arms, group, state
        self.ours, self.jobs, self.limit, self.say, self.note = arms[-1], jobs, limit, say, note
        self.alpha = round(1 - session.settings.rules.promote, 12)
        self.plan = [_Unit(arm, seed) for seed in state.seeds for arm in arms]
        self.before: list[Run] = []  # of the plan, by a process that was interrupted
        self.logged: list[logging.Logged] = []
        self.noted: set[str] = set()
        self.crashes = dict.fromkeys((arm.program for arm in arms), 0)
        self.evidence: sequential.Evidence | None = None
        self._cancelled = threading.Event()
        self._children: dict[int, int] = {}
        self._results: queue.SimpleQueue[tuple[int, Place, running.Outcome | BaseException]] = queue.SimpleQueue()

    @property
    def crashed(self) -> bool:
        return max(self.crashes.values()) >= CRASHES

    @property
    def decided(self) -> bool:
        return self.evidence is not None and self.evidence.outcome is not None

    def go(self) -> None:
        """Run what is missing of the plan, until the question is decided."""
        known = self._known()
        done = [run for unit in self.plan if (run := known.get((unit.arm.program, unit.seed))) is not None]
        self.before = done
        if done:
            self.say(f"continuing: {len(done)} of {len(self.plan)} done")
        self.weigh()
        if not self.decided:
            self._execute([unit for unit in self.plan if (unit.arm.program, unit.seed) not in known])

    def _known(self) -> dict[tuple[str, int], Run]:
        """The runs in the ledger that may be of the plan, by program and seed; a crash does not say its group."""
        recall, metric = self.session.recall, self.session.settings.metric
        return {
            (arm.program, seed): run
            for arm in self.arms
            for run in recall.of_program(arm.program)
            if run.value(metric) is None or group_of(run) == self.group
            for seed in seeds_of(run)
        }

    def weigh(self) -> None:
        """Weigh all evidence that there is."""
        rules = self.session.settings.rules
        fresh = again(self.session)
        self.race = fresh.races.race(self.group)
        ours, theirs = self.race.entries.get(self.ours.program), self.race.entries.get(self.state.other)
        if ours is not None and theirs is not None:
            tau = sequential.usual_effect(self.race.first or 0.0)
            values = [[rules.oriented(value) for value in entry.sample.values] for entry in (ours, theirs)]
            self.evidence = sequential.weigh(values[0], values[1], self.race.noise, tau, self.alpha)

    def _execute(self, todo: list[_Unit]) -> None:
        threads: list[threading.Thread] = []
        waiting = deque(enumerate(todo))
        finished: dict[int, tuple[Place, running.Outcome]] = {}
        at = busy = 0
        try:
            while at < len(todo) and not (self.decided or self.crashed):
                while waiting and busy < self.jobs:
                    threads.append(self._start(*waiting.popleft()))
                    busy += 1
                index, place, outcome = self._results.get()
                busy -= 1
                if isinstance(outcome, BaseException):
                    raise outcome
                finished[index] = place, outcome
                while at in finished and not (self.decided or self.crashed):
                    self._log(todo[at], *finished.pop(at))
                    at += 1
            self._cancelled.set()
            self._join(threads)
            # What came to its end beside the one that has decided is a fact too.
            while not self._results.empty():
                index, place, outcome = self._results.get()
                if isinstance(outcome, running.Outcome):
                    finished[index] = place, outcome
            for index in sorted(finished):
                self._log(todo[index], *finished[index], extra=True)
        finally:
            self._cancelled.set()
            self._join(threads)

    def _start(self, index: int, unit: _Unit) -> threading.Thread:
        place = worktrees.add(self.session.place, Path(self.state.folder), str(index), unit.arm.found.commit.oid)

        def work() -> None:
            outcome: running.Outcome | BaseException
            try:
                outcome = running.execute(
                    place, running.default_command(Session(place=place)), self.limit, self._progress,
                    _environment(unit.arm.run, unit.seed), lambda pid: self._children.update({index: pid}),
                )  # fmt: skip
            except BaseException as problem:
                outcome = problem
            self._children.pop(index, None)
            self._results.put((index, place, outcome))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _progress(self, percentage: float) -> None:
        if self._cancelled.is_set():
            raise _Cancelled

    def _join(self, threads: list[threading.Thread]) -> None:
        """Wait until the children have ended; a second Ctrl-C has no patience."""
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            for pid in list(self._children.values()):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
            raise

    def _log(self, unit: _Unit, place: Place, outcome: running.Outcome, extra: bool = False) -> None:
        """Log a run that has ended, and weigh the evidence when both arms have the seed, unless that was decided."""
        outcome.log.touch()  # else the user's own run.log would be taken for it
        request = request_of(unit.arm, unit.seed)
        request.log = outcome.log
        request.summary = outcome.sidecar
        request.crash = running.failure(outcome, self.session.settings.gauge, self.session.settings.redact)
        logged = logging.log(again(self.session), request, unit.arm.found)
        worktrees.remove(self.session.place, outcome.log.parent)
        self.logged.append(logged)
        for remark in logged.remarks:
            self._note(remark)
        run = logged.run
        is_crash = run.status == "crash"
        if not extra:
            self.crashes[unit.arm.program] = self.crashes[unit.arm.program] + 1 if is_crash else 0
        if not is_crash:
            if run.environment is None or run.environment.seed != unit.seed:
                self._note(
                    f"{self.session.settings.subject} does not state the seed that it was given; it should read "
                    "AUTORESEARCH_SEED"
                )
            if group_of(run) != self.group and not extra:
                differs = differ(group_of(run), self.group)
                raise Elsewhere(f"{run.run_id} does not compare with {unit.arm.run.run_id}: {differs}.")
        if unit.arm is self.ours and not extra:
            self.weigh()
        self.say(self._line(unit, run))

    def _note(self, text: str) -> None:
        if text not in self.noted:
            self.noted.add(text)
            self.note(text)

    def _line(self, unit: _Unit, run: Run) -> str:
        value = run.value(self.session.settings.metric)
        error = inline(run.error.summary) if run.error else "no result"
        result = number(value) if value is not None else f"crash ({error})"
        said = f"{run.commit[:7]} seed {unit.seed}: {result}"
        if self.evidence is not None and unit.arm is self.ours:
            found, oriented = self.evidence, self.session.settings.rules.oriented
            difference = number(oriented(found.difference), value, "+")
            said += f"; difference {difference} +- {number(found.error, value)}"
        done = len(self.before) + len(self.logged)
        return f"{said}; " + ("decided" if self.decided else f"{done} of at most {len(self.plan)}")
