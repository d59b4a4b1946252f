"""What is measured: each command as a user types it, on a clone of a generated lab."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.scale import machine
from benchmarks.scale.measure import Beyond, Failed, Sample, run

SUBJECT, OTHER = "train.py", "README.md"
# What it prints is whose code ran, so that no version is measured in place of another.
_OWN = """
import sys, pathlib, memorylab.store.writer as writer
writer.save(pathlib.Path(sys.argv[1]), sys.argv[2])
print(writer.__file__)
"""
_CONFIG = """
[user]
    name = Bench
    email = bench@example.org
[gc]
    auto = 0
[init]
    defaultBranch = main
"""
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
_IDEAS = (
    "raise MATRIX_LR to 0.0412", "gated attention in every other block", "halve the batch size", "weight decay 0.07",
    "warmdown from 0.5 to 0.62", "mixture of experts in the last block", "ROPE_BASE 10000 -> 14500", "softcap at 17",
)  # fmt: skip


class Clone:
    """A copy of a generated lab, in which one version of the program is typed."""

    def __init__(self, base: Path, place: Path, program: Path, environment: dict[str, str], timeout: float) -> None:
        self.base, self.place, self.timeout = base, place, timeout
        self.environment = environment | {"PYTHONPATH": str(program)}
        self._count = 0
        self._logs: list[int] = []
        shutil.copytree(base / "lab", place, symlinks=True)
        names = self.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/memorylab/journal").split()
        found = self.tell(sys.executable, "-c", _OWN, str(place / ".git"), names[0])
        if Path(found).parents[2] != program.resolve():
            raise Failed(f"{found} is what is run, not what is in {program}")
        if self.git("remote"):
            self.git("remote", "set-url", "origin", (base / "remote.git").resolve().as_uri())

    def tell(self, *command: str, place: Path | None = None) -> str:
        """Run something that is not measured; what it prints. Raises Beyond and Failed as `measure.run` does."""
        process = subprocess.Popen(
            command, cwd=place or self.place, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        try:
            said, problems = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Beyond from None
        if process.returncode:
            raise Failed(f"{' '.join(command[:3])}: {problems.strip()[-200:]}")
        return said.strip()

    def git(self, *arguments: str) -> str:
        """What git prints on stdout."""
        return self.tell("git", *arguments)

    def forget(self) -> None:
        """Delete the index."""
        for path in self.state.glob("index.sqlite*"):
            path.unlink()

    def measure(self, *command: str, place: Path | None = None) -> Sample:
        """What a command takes."""
        return run(command, place or self.place, self.environment, self.timeout)

    def next(self) -> int:
        """Another number each time, so that no idea is checked twice and no program run twice."""
        self._count += 1
        return self._count

    @property
    def state(self) -> Path:
        """What the program keeps beside the refs."""
        return self.place / ".git" / "memorylab"

    def edit(self, number: int) -> None:
        """Turn a knob of the subject to a value of its own."""
        subject = self.place / SUBJECT
        subject.write_text(re.sub(r"(?m)^MATRIX_LR = \S+", f"MATRIX_LR = 0.7{number:05}1", subject.read_text()))

    @property
    def loose(self) -> float | None:
        """How many loose objects a `log` leaves, plan and hook apart; None before any."""
        return sum(self._logs) / len(self._logs) if self._logs else None

    # -- what is measured, once each --------------------------------------------------------------------------------

    def init(self) -> Sample:
        """`git memorylab init`: index, views and the packets of `git log` from nothing."""
        shutil.rmtree(self.place / "results", ignore_errors=True)
        for name in ("results.tsv", ".git/memorylab-views.json"):
            (self.place / name).unlink(missing_ok=True)
        self.forget()
        return self.measure("git", "memorylab", "init")

    def index(self) -> Sample:
        """`status` that has to make the index anew."""
        self.forget()
        return self.measure("git", "memorylab", "status")

    def status(self) -> Sample:
        """`status`."""
        return self.measure("git", "memorylab", "status")

    def check(self) -> Sample:
        """`check` of an idea that is given in words."""
        idea = _IDEAS[self.next() % len(_IDEAS)]
        return self.measure("git", "memorylab", "check", "--description", f"{idea}, take {self._count}")

    def check_tree(self) -> Sample:
        """`check` of what the working tree does to the subject."""
        self.edit(self.next())
        try:
            return self.measure("git", "memorylab", "check")
        finally:
            self.git("checkout", "-q", SUBJECT)

    def log(self) -> Sample:
        """`log` of a commit that the hook has judged."""
        number = self.next()
        self.edit(number)
        self.git("commit", "-qam", f"MATRIX_LR 0.7{number:05}1")
        summary = self.place.parent / "summary.json"
        summary.write_text(machine.sidecar(1.21 + number / 1e5, number))
        before = self._loose()
        try:
            return self.measure("git", "memorylab", "log", "--summary", str(summary))
        finally:
            self._logs.append(self._loose() - before)
            self.git("reset", "-q", "--hard", "HEAD~1")

    def hook(self) -> Sample:
        """A commit of an experiment, less one without hooks."""
        return self._commits(lambda: self.edit(self.next()))

    def hook_other(self) -> Sample:
        """Any other commit, less one without hooks."""
        return self._commits(lambda: (self.place / OTHER).write_text(f"{self.next()}\n"))

    def _commits(self, change: Callable[[], object]) -> Sample:
        taken = []
        for options in (_NO_HOOKS, ()):
            change()
            self.git("add", "-A", SUBJECT, *([OTHER] if (self.place / OTHER).exists() else []))
            taken.append(self.measure("git", *options, "commit", "-q", "-m", f"MATRIX_LR, take {self._count}"))
            self.git("reset", "-q", "--hard", "HEAD~1")
        return taken[1].less(taken[0])

    def report(self) -> Sample:
        """`report`."""
        return self.measure("git", "memorylab", "report")

    def imports(self) -> Sample:
        """`import` of a results.tsv with all runs into an empty repository."""
        return self._elsewhere("git init -q .", "git commit -q --allow-empty -m empty", "git memorylab init")(
            "git", "memorylab", "import", str(self.base / "results.tsv")
        )

    def sync(self) -> Sample:
        """The first `sync` of a clone that has the code alone, from a bare remote on the same disk."""
        remote = (self.base / "remote.git").resolve().as_uri()
        return self._elsewhere(f"git clone -q --single-branch {remote} .")("git", "memorylab", "sync")

    def _elsewhere(self, *commands: str) -> Callable[..., Sample]:
        place = self.place.with_name("elsewhere")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for command in commands:
            self.tell(*command.split(), place=place)
        return lambda *command: self.measure(*command, place=place)

    def _loose(self) -> int:
        return int(self.git("count-objects").split()[0])


class Predecessor:
    """The predecessor's files in a clone of a generated lab, with the same runs in its own ledger."""

    def __init__(self, clone: Clone, place: Path, program: Path) -> None:
        self.clone, self.place, self._program = clone, place, place / "memorylab.py"
        if not (program / "memorylab.py").is_file():
            raise Failed(f"there is no memorylab.py in {program}")
        clone.tell("git", "clone", "-q", "--shared", str(clone.place), str(place))
        for path in (*program.glob("memorylab*.py"), *program.glob("memorylab*/**/*.py")):
            (place / path.relative_to(program)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place / path.relative_to(program))
        self._type("init")
        clone.tell("git", "memorylab", "status")  # so that the view is there
        shutil.copy(clone.place / "results" / "memorylab" / "experiments.jsonl", place / "results" / "memorylab")

    def check(self) -> Sample:
        """`check` of an idea in words."""
        number = self.clone.next()
        return self._type("check", "--description", f"{_IDEAS[number % len(_IDEAS)]}, take {number}")

    def log(self) -> Sample:
        """`log` with a sidecar."""
        summary = self.place.parent / "summary.json"
        summary.write_text(machine.sidecar(1.21, self.clone.next()))
        return self._type("log", "--description", "MATRIX_LR 0.7", "--status", "discard", "--summary", str(summary))

    def report(self) -> Sample:
        """`report`."""
        return self._type("report")

    def _type(self, *arguments: str) -> Sample:
        return self.clone.measure(sys.executable, str(self._program), *arguments, place=self.place)


def sealed(home: Path) -> dict[str, str]:
    """An environment with nobody's git configuration but the benchmark's own."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / ".gitconfig"
    config.write_text(_CONFIG, encoding="utf-8")
    others = ("GIT_", "AUTORESEARCH_", "XDG_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)} | {
        "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(config), "LC_ALL": "C.UTF-8",
        "TZ": "UTC", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip


CASES: dict[str, tuple[str, Callable[[Clone], Sample]]] = {
    "init": ("`init`: index and all views from nothing", Clone.init),
    "status": ("`status`", Clone.status),
    "check": ("`check` of an idea in words", Clone.check),
    "check tree": ("`check` of the working tree", Clone.check_tree),
    "log": ("`log`", Clone.log),
    "hook": ("hook, experiment commit", Clone.hook),
    "hook other": ("hook, any other commit", Clone.hook_other),
    "report": ("`report`", Clone.report),
    "index": ("`status` without an index", Clone.index),
    "import": ("`import` of a results.tsv", Clone.imports),
    "sync": ("first `sync`", Clone.sync),
}
OLD: dict[str, Callable[[Predecessor], Sample]] = {
    "check": Predecessor.check,
    "log": Predecessor.log,
    "report": Predecessor.report,
}
