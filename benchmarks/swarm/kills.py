"""`compact`, killed with all its git at every step: is a record missing in any clone, and does the next one complete
what is left to do?

    python -m benchmarks.swarm.kills [--every 1]
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from benchmarks.swarm.clones import RESULT, SUBJECT, git, sealed
from memorylab.commands import compact, init, log, sync
from memorylab.commands.session import Session

# The calls into C by which `compact` changes anything: git objects, refs, files, and git at work.
STEPS = frozenset((
    "create_commit", "write", "git_transaction_lock_ref", "git_transaction_commit", "replace", "unlink", "fork_exec",
))  # fmt: skip
CALLERS = ("memorylab", "pygit2", "tempfile", "subprocess")
RETIRED = timedelta(days=90)


class Killer:
    """Counts the steps of this process, and kills its process group at the one that is due: before it is taken, and
    once more when git has been started."""

    def __init__(self, due: int) -> None:
        self.due, self.taken = due, 0

    def __call__(self, frame: FrameType, event: str, function: object) -> None:
        name = getattr(function, "__name__", "")
        if name not in STEPS or not (event == "c_call" or (event == "c_return" and name == "fork_exec")):
            return
        if isinstance(getattr(function, "__self__", None), str) or not any(
            part in frame.f_code.co_filename for part in CALLERS
        ):
            return
        self.taken += 1
        if self.taken == self.due:
            os.kill(0, signal.SIGKILL)


def compact_and_die(place: Path, due: int) -> bool:
    """Run `compact` in a child that is killed at its step `due`; whether it got to the end before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            session = Session(place, datetime.now(UTC))
            sys.setprofile(Killer(due))
            compact.compact(session, None, 30, [], False, None)
            code = 0
        finally:
            sys.setprofile(None)
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"compact ended with exit code {os.waitstatus_to_exitcode(status)}")
    return True


class Killed:
    """A remote, an archiver, a clone that was there before, and the retired, who are gone; put back for each round."""

    def __init__(self, folder: Path, retired: int = 2) -> None:
        self.folder, self.kept = folder, folder.with_name(f"{folder.name}-before")
        self.remote, base = folder / "remote.git", folder / "base"
        base.mkdir(parents=True)
        git(base, "init", "-q", "-b", "main")
        (base / "train.py").write_text(SUBJECT)
        git(base, "add", "train.py")
        git(base, "commit", "-q", "-m", "baseline")
        git(folder, "clone", "-q", "--bare", str(base), str(self.remote))
        now = datetime.now(UTC).replace(microsecond=0)
        for n in range(retired):
            shutil.rmtree(self._clone(f"retired{n}", now - RETIRED, n))
        self.archiver, self.other = self._clone("archiver", now, 8), self._clone("other", now, 9)
        sync.sync(Session(self.archiver), None, sync.Options())
        self.records = _records(self.other)
        shutil.copytree(folder, self.kept, symlinks=True)

    def _clone(self, name: str, when: datetime, number: int) -> Path:
        """A clone that has logged and shared one run."""
        place = self.folder / name
        git(self.folder, "clone", "-q", str(self.remote), str(place))
        init.init(Session(place, when), name)
        (place / "train.py").write_text(SUBJECT.replace("0.04", f"0.{number:04}"))
        git(place, "-c", "core.hooksPath=/dev/null", "commit", "-q", "-am", f"MATRIX_LR 0.{number:04}")
        (place / "run.log").write_text(RESULT.format(value=1 + number / 10_000))
        log.log(Session(place, when), log.Request(log=place / "run.log"))
        sync.sync(Session(place, when), None, sync.Options())
        return place

    def restore(self) -> None:
        """Begin again."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder, symlinks=True)

    def check(self, fresh: bool = True) -> None:
        """Nobody lacks anything: neither who has it, nor who syncs, nor who comes now. Raises RuntimeError."""
        places = [self.archiver, self.other]
        sync.sync(Session(self.other), None, sync.Options())
        if fresh:
            places.append(self.folder / "fresh")
            shutil.rmtree(places[-1], ignore_errors=True)
            git(self.folder, "clone", "-q", str(self.remote), str(places[-1]))
            init.init(Session(places[-1]))
        for place in places:
            if (found := _records(place)) != self.records:
                raise RuntimeError(f"{place.name} has {len(found)} records of {len(self.records)}, or others")

    def complete(self, fresh: bool = True) -> None:
        """The next compact does what is left to do. Raises RuntimeError if it does not."""
        done = compact.compact(Session(self.archiver), None, 30, [], False, None)
        # Three refs of the archiver's and of the other clone's, and two archives.
        if done.refs_left != 3 + 3 + 2 or done.left:
            raise RuntimeError(f"{done}")
        self.check(fresh)


def _records(place: Path) -> dict[str, bytes]:
    return {run.run_id: line for _, run, line in Session(place).recall.runs()}


def refs_of(remote: Path) -> list[str]:
    """The memory that a remote has."""
    return git(remote, "for-each-ref", "refs/notes/memorylab", "refs/memorylab").splitlines()


def measure(every: int) -> dict[str, object]:
    """Figures of one run."""
    folder = Path(tempfile.mkdtemp(prefix="memorylab-kills-"))
    began = time.perf_counter()
    try:
        sealed(folder)
        lab, due = Killed(folder / "swarm"), 1
        left: list[int] = []
        while not compact_and_die(lab.archiver, due):
            left.append(len(refs_of(lab.remote)))
            lab.check()
            lab.complete()
            lab.restore()
            due += every
        return {
            "kills": len(left), "every": every, "records": len(lab.records), "records lost": 0,
            "refs that kills left on the remote": sorted(set(left)), "seconds": round(time.perf_counter() - began, 1),
        }  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each n-th step")
    given = parser.parse_args()
    print(json.dumps(measure(given.every), indent=2))
