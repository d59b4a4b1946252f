"""run: execute the subject under a time limit, keep its output, and log what came of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import msgspec

from memorylab.commands import experiment
from memorylab.commands import log as logging
from memorylab.commands.session import Session
from memorylab.core import summary
from memorylab.core.record import Error
from memorylab.errors import BadInput
from memorylab.store import git
from memorylab.store.files import read
from memorylab.store.git import Place

EXIT = {"keep": 0, "discard": 10, "crash": 11}
SIDECAR = "memorylab-summary.json"  # in the git directory
_GRACE_SECONDS = 10.0
_PROGRESS = re.compile(rb"\((\d{1,3}(?:\.\d+)?)%\)")


class Outcome(msgspec.Struct, frozen=True):
    """How the subject ended. `returncode` is negative for a signal; `timed_out` in seconds, None if it was in time."""

    returncode: int
    timed_out: float | None
    log: Path
    summary: Path

    @property
    def sidecar(self) -> Path | None:
        """What the subject wrote to AUTORESEARCH_SUMMARY_PATH, None if that can be none."""
        is_one = self.summary.is_file() and self.summary.stat().st_size <= logging.LONGEST_SIDECAR
        return self.summary if is_one else None


def run(
    session: Session,
    request: logging.Request,
    command: Sequence[str],
    time_limit: float | None,
    progress: Callable[[float], None],
) -> logging.Logged:
    """Run HEAD's subject and log it. `progress` is told the percentage that the subject prints."""
    if session.place.top is None:
        raise BadInput("A bare repository has no working tree to run.", "Run it in a clone.")
    found = experiment.refuse_dirty(session, experiment.of_commit(session), request.allow_dirty)
    if not (session.place.top / session.settings.subject).exists():
        raise BadInput(
            f"There is no {session.settings.subject} to run here.",
            "Set memorylab.subject, or `subject` in [tool.memorylab] of pyproject.toml.",
        )
    logging.draft(session, request, found)  # what cannot be logged is refused before minutes are spent on it
    limit = time_limit or session.settings.time_limit
    outcome = execute(session.place, command or default_command(session), limit, progress)
    request.log = outcome.log if outcome.log.exists() else None
    request.summary = outcome.sidecar
    request.crash = failure(outcome, session.settings.gauge, session.settings.redact)
    # The subject ran for minutes: what others logged in the meantime belongs to the history now.
    late = Session(session.place.top)
    return logging.log(late, request, found)


def default_command(session: Session) -> list[str]:
    """The setting, else `uv run` where upstream's lock file is, else the python of the active environment.

    Raises BadInput if the subject is no Python, and nothing says how it is run.
    """
    if session.settings.command:
        return ["sh", "-c", session.settings.command]
    subject = session.settings.subject
    if "." in Path(subject).name and not subject.endswith(".py"):
        raise BadInput(
            f"{subject} is no Python, and nothing says how it is run.",
            "Set memorylab.command, or `command` in [tool.memorylab] of pyproject.toml.",
        )
    if session.place.top is not None and (session.place.top / "uv.lock").exists() and shutil.which("uv"):
        return ["uv", "run", subject]
    active = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    return [(shutil.which("python") if active else None) or sys.executable, subject]


def execute(
    place: Place,
    command: Sequence[str],
    time_limit: float,
    progress: Callable[[float], None],
    environment: Mapping[str, str] | None = None,
    started: Callable[[int], None] = lambda pid: None,
) -> Outcome:
    """Run a command in the working tree's folder, its output in run.log, as a process group that ends with it.

    In `environment` instead of this process's own; `started` is told the group. What `progress` raises ends it.
    """
    top = place.top
    assert top is not None
    if shutil.which(command[0]) is None:
        raise BadInput(f"{command[0]} cannot be run: there is no such program.", "Give the command after `--`.")
    log = top / logging.LOG_FILE
    if git.is_lure(place, log):
        log.unlink()
    sidecar = place.git_dir / SIDECAR
    sidecar.unlink(missing_ok=True)
    given = os.environ if environment is None else environment
    own = {"AUTORESEARCH_SUMMARY_PATH": str(sidecar), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output, stopped_by_signals():
        try:
            child = subprocess.Popen(
                list(command), cwd=top, env={**given, **own}, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as problem:
            raise BadInput(f"{command[0]} cannot be run: {problem.strerror}.", "Give the command after `--`.") from None
        try:
            started(child.pid)
            timed_out = _wait(child, log, time_limit, progress)
        finally:
            _end(child)
    return Outcome(child.returncode, timed_out, log, sidecar)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Whoever ends us ends the subject too: SIGTERM and SIGHUP are like Ctrl-C, unless they were ignored (nohup)."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(child: subprocess.Popen[bytes], log: Path, limit: float, progress: Callable[[float], None]) -> float | None:
    """Until the child ends or its time is up: then the limit, else None."""
    deadline = time.monotonic() + limit
    while (left := deadline - time.monotonic()) > 0:
        try:
            child.wait(min(left, 0.5))
            return None
        except subprocess.TimeoutExpired:
            progress(_percentage(log))
    return limit


def _percentage(log: Path) -> float:
    """The latest "(12.3%)" in the log's last 4 KiB, 0 if there is none."""
    found = []
    with suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        found = _PROGRESS.findall(file.read())
    return min(100.0, float(found[-1])) if found else 0.0


def _end(child: subprocess.Popen[bytes]) -> None:
    """Leave nothing of the process group behind: a data loader that outlives its parent keeps the GPU's memory."""
    try:
        for name in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(child.pid, name)
            except (ProcessLookupError, PermissionError):
                break
            if child.poll() is None:
                try:
                    child.wait(_GRACE_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        child.wait()
    except BaseException:
        # A second Ctrl-C has no patience.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        raise


def failure(outcome: Outcome, gauge: summary.Gauge, redact: bool = True) -> Error | None:
    """Why this is a crash, None if it is a result: exit code 0 and a value of the metric."""
    text = logging.read_log(outcome.log).decode("utf-8", "replace") if outcome.log.exists() else ""
    if outcome.timed_out is not None or outcome.returncode:
        text = logging.masked(text, redact)
    if outcome.timed_out is not None:
        return summary.crash_error(text, timeout=outcome.timed_out)
    if outcome.returncode:
        return summary.crash_error(text, returncode=outcome.returncode)
    if outcome.summary.exists():
        try:
            sidecar = read(outcome.summary, logging.LONGEST_SIDECAR)
            if summary.parse_sidecar(sidecar, gauge).metrics.get(gauge.metric) is not None:
                return None
        except (OSError, ValueError):
            pass
    if summary.parse_log(text, gauge).metrics.get(gauge.metric) is not None:
        return None
    return summary.crash_error(text, given=f"It ended without a {summary.sought(gauge)}.")
