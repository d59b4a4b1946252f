"""One point after another: a fresh copy of a stage, a fault, what must hold, the next command, what must hold then."""

import errno
import gc
import json
import math
import os
import pkgutil
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

import memorylab
from tests import conftest
from tests.conftest import Lab
from tests.faults import trace, whole
from tests.faults.stages import STAGES, Stage
from tests.faults.trace import Call, Fail, Fault, Kill
from tests.faults.whole import Broken, require

# How often each is drawn. The first five are kills.
KINDS = {"all": 45, "one": 15, "ours": 8, "torn": 12, "power": 8, "full": 5, "error": 4, "denied": 3}
KILLS = ("all", "one", "ours", "torn", "power")
_FINE = (0, 10, 11)  # exit codes of what was done
_STALE = 120  # seconds
MEETING = (
    ("log", "--log", "run.log", "--description", "meets", "--json"), ("hook", "post-commit"), ("status", "--json"),
    ("amend", "HEAD~2", "--notes", "met", "--json"), ("check", "--record", "--json"), ("report",),
)  # fmt: skip
LONGEST = 4  # faults before it is let alone


class Point(NamedTuple):
    """A fault: of a kind, at the `at`-th call, or the first that is so."""

    kind: str
    at: int | Callable[[Call], bool]


class Chain(NamedTuple):
    """A command that meets one fault after another, each time it is tried. With `seed` it is drawn again."""

    stage: str
    points: tuple[Point, ...]
    seed: int


class Outcome(NamedTuple):
    """What came of a chain: `problem` is empty if nothing did, and `waited` says that a lock had to grow old first.
    `acknowledged` is how often the command has said that it is done."""

    chain: Chain
    acknowledged: int
    waited: bool
    problem: str


class Ran(NamedTuple):
    code: int
    out: bytes
    err: bytes


class Campaign:
    """Points in a folder of its own; git and home are sealed off as in the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work, self.templates = folder / "work", folder / "templates"
        self.templates.mkdir(parents=True)
        self._sizes: dict[str, int] = {}
        self._known: dict[str, tuple[set[str], int]] = {}
        for module in pkgutil.walk_packages(memorylab.__path__, "memorylab."):
            # What a command imports when it needs it is there before the fork.
            if (
                "__main__" not in module.name
                and not module.name.endswith((".mcp", ".tracking"))
                and ".lab" not in module.name
            ):
                import_module(module.name)
        gc.collect()
        gc.freeze()  # what is imported stays

    def prepare(self, name: str) -> None:
        """Make the repositories of a stage, and count the calls of its command."""
        if name in self._sizes:
            return
        self._clear()
        self.work.mkdir()
        STAGES[name].tell(self.work)
        self.work.rename(self.templates / name)
        self._copy(name)
        lab = Lab(self.work / "lab")
        self._known[name] = self._union(), len(whole.own(lab))
        said = self._command(STAGES[name].command, lambda call: None)
        require(said.code in _FINE, f"{name} fails without a fault: {said.err.decode()}")
        self._sizes[name] = self._calls

    def draw(self, stages: list[str], kinds: dict[str, int], seed: int, longest: int = LONGEST) -> Chain:
        """Points at random; the same for the same seed."""
        dice = random.Random(seed)
        stage = dice.choice(stages)
        self.prepare(stage)
        drawn = dice.choices(list(kinds), list(kinds.values()), k=dice.randint(1, longest))
        return Chain(stage, tuple(Point(kind, dice.randint(1, self._sizes[stage] + 1)) for kind in drawn), seed)

    def take(self, chain: Chain) -> Outcome:
        """Try one fault after another, and see what is there after each; then the next command, and whether all is
        well."""
        self.prepare(chain.stage)
        stage = STAGES[chain.stage]
        self._copy(chain.stage)
        lab = Lab(self.work / "lab")
        before = whole.users(lab, stage)
        dice = random.Random(chain.seed)
        waited, done = False, list[bytes]()
        try:
            for point in chain.points:
                fault = _Faults(point, self.work, dice)
                said = self._command(stage.command, fault)
                if point.kind == "power":
                    fault.cut()
                if self._acknowledged(chain.stage, said):
                    done.append(said.out)
                self._refused_well(said)
                if all(one.kind != "power" for one in chain.points):
                    whole.never_half(lab)
                require(whole.users(lab, stage) == before, "what is the user's was touched")
            waited = self._recover(stage, lab, dice)
            self._check(chain, lab, done, dice)
            problem = ""
        except Broken as found:
            problem = str(found)
        except Exception:
            problem = traceback.format_exc()
        return Outcome(chain, len(done), waited, problem)

    def at(self, name: str) -> Lab:
        """A fresh copy of a stage's repository."""
        self.prepare(name)
        self._copy(name)
        return Lab(self.work / "lab")

    def trace(
        self, name: str, at: Callable[[Call], Fault], prepare: Callable[[Lab], object] = lambda lab: None
    ) -> "Ran":  # fmt: skip
        """A stage's command as it is, watched; `prepare` is given the repository before."""
        prepare(self.at(name))
        return self._command(STAGES[name].command, at)

    def meet(self, seed: int) -> str:
        """Let several commands at once overtake each other in one repository, one of them perhaps killed; what is wrong
        then, if anything."""
        self.prepare("hook")
        self._copy("hook")
        dice = random.Random(seed)
        lab, before = Lab(self.work / "lab"), None
        before = whole.users(lab, STAGES["hook"])
        commands = [dice.choice(MEETING) for _ in range(dice.randint(2, 4))]
        outputs = [(self.folder / f"out{number}", self.folder / f"err{number}") for number in range(len(commands))]
        due = dice.choice([0, dice.randint(1, 2000)])
        children = [partial(self._main, *one) for one in zip(commands, *zip(*outputs, strict=True), strict=True)]
        said = f"{[one[0] for one in commands]}"
        try:
            ended = trace.race(children, lambda call: Kill("all") if call.number == due else None, dice)
            done = []
            for one, (out, err) in zip(ended, outputs, strict=True):
                ran = Ran(one.code, out.read_bytes(), err.read_bytes())
                self._refused_well(ran)
                require(ran.code in (*_FINE, -9), f"{said}: {ran.err.decode()}")
                done.append(ran)
            require(sum(ran.code == -9 for ran in done) <= bool(due), f"{said}: more than one was killed")
            self._recover(STAGES["log"], lab, dice)
            records = whole.own(lab)
            logged = [command for command, ran in zip(commands, done, strict=True) if command[0] in ("log", "amend")]
            fine = [one for one, ran in zip(commands, done, strict=True) if one in logged and ran.code in _FINE]
            added = len(records) - self._known["hook"][1] - 1
            plans = sum(one[0] in ("hook", "check") for one in commands)
            require(len(fine) <= added <= len(logged) + plans, f"{said}: {added} records")
            require(whole.users(lab, STAGES["hook"]) == before, "what is the user's was touched")
            whole.git_is_content(lab.path)
            whole.views(lab, whole.everything(lab.path)[1])
            self._rebuilt(lab)
        except Broken as found:
            return f"seed {seed}: {found}"
        return ""

    # -- the command ------------------------------------------------------------------------------------------------

    def _command(self, arguments: tuple[str, ...], at: Callable[[Call], Fault]) -> Ran:
        out, err = self.folder / "out", self.folder / "err"
        for path in (out, err):  # what is killed before it opens them has said nothing
            path.write_bytes(b"")
        ended = trace.run(lambda: self._main(arguments, out, err), at)
        self._calls = ended.calls
        return Ran(ended.code, out.read_bytes(), err.read_bytes())

    def plain(self, arguments: tuple[str, ...], onto: int | None = None) -> Ran:
        """The same without anything that is in its way; its output into an open file, if one is given."""
        out, err = self.folder / "out", self.folder / "err"
        out.touch()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = self._main(arguments, out if onto is None else Path(f"/dev/fd/{onto}"), err)
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        return Ran(os.waitstatus_to_exitcode(status), out.read_bytes(), err.read_bytes())

    def _main(self, arguments: tuple[str, ...], out: Path, err: Path) -> int:
        """Be git-memorylab, in a fork."""
        from memorylab.cli import main
        from memorylab.store import git, swap, transport

        swap._PAUSE = transport._PAUSE = 0.001  # nobody else is here: patience would be spent in vain
        git.hardened.cache_clear()
        stdin = self.work / "stdin"
        for number, path, flags in (
            (0, stdin if stdin.exists() else Path(os.devnull), os.O_RDONLY),
            (1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), (2, err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ):  # fmt: skip
            given = str(path).removeprefix("/dev/fd/")
            os.dup2(int(given) if given.isdigit() else os.open(path, flags, 0o600), number)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)
        os.chdir(self.work / "lab")
        sys.argv = ["git-memorylab", *arguments]
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0) if not isinstance(end.code, str) else 1
        except BaseException:
            traceback.print_exc()
            return 70
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
        return 0

    def _acknowledged(self, name: str, said: Ran) -> bool:
        """Whether the command has said that it is done."""
        if STAGES[name].command[0] == "hook":
            return b"->" in said.out or (name == "rewrite" and said.code == 0 and not said.out)
        try:
            return bool(json.loads(said.out)) and said.out.endswith(b"\n")
        except ValueError:
            return False

    def _refused_well(self, said: Ran) -> None:
        """An error that is nobody's bug is said in one sentence."""
        traces = list((self.folder / "tmp").glob("*.traceback"))
        text = "".join(path.read_text() for path in traces)
        for path in traces:
            path.unlink()
        require(not text and said.code != 70 and b"Traceback" not in said.err, f"a bug: {text or said.err.decode()}")

    def _recover(self, stage: Stage, lab: Lab, dice: random.Random) -> bool:
        """The next command works, be it one that reads or one that writes; whether it had to wait for a lock."""
        if dice.random() < 0.1:
            reader = dice.choice([("status",), ("check", "--description", "an idea"), ("verify",), ("report",)])
            found = self.plain(reader)
            require(found.code == 0, f"{' '.join(reader)} fails after it: {found.err.decode()}")
        found = self.plain(stage.again)
        waited = found.code != 0 or self._locks()
        if waited:
            # Where somebody else may have it, a lock is left alone for a minute.
            for lock in self.work.rglob("*.lock"):
                os.utime(lock, (time.time() - _STALE, time.time() - _STALE))
            found = self.plain(stage.again) if stage.shared or found.code else found
        require(found.code == 0, f"the next command fails: {found.err.decode()}")
        require(b'"reached":false' not in found.out, f"the next sync fails: {found.out.decode()}")
        self._last = found
        return bool(waited)

    def _locks(self) -> bool:
        try:
            whole.no_locks(self.work / "lab")
            if (self.work / "hub").exists():
                whole.no_locks(self.work / "hub")
        except Broken:
            return True
        return False

    # -- what must hold ---------------------------------------------------------------------------------------------

    def _check(self, chain: Chain, lab: Lab, done: list[bytes], dice: random.Random) -> None:
        stage, tries = STAGES[chain.stage], len(chain.points)
        known, number = self._known[chain.stage]
        records = whole.own(lab)
        added = len(records) - number
        acknowledged = {"each": len(done), "once": bool(done), "": 0}[stage.adds]
        least, most = stage.least + acknowledged, stage.least + {"each": tries, "once": 1, "": 0}[stage.adds]
        require(added >= least, f"lost: {added} records came, and {least} were acknowledged")
        require(added <= most, f"doubled: {added} records came, {most} were asked for")
        found, runs = whole.everything(lab.path)
        require(known <= found, f"lost: {known - found}")
        for out in (*done, self._last.out):
            with suppress(ValueError):
                answer = json.loads(out)
                if isinstance(answer, dict) and "run_id" in answer:
                    require(answer["run_id"] in found, f"lost: {answer['run_id']}")
        whole.git_is_content(lab.path)
        if stage.shared:
            there, _ = whole.everything(self.work / "hub")
            require(there == found, f"the remote has not all: {found - there}, {there - found}")
            whole.git_is_content(self.work / "hub")
        if stage.again[0] not in ("log", "status") or dice.random() < 0.2:
            refreshed = self.plain(("status",))
            require(refreshed.code == 0, f"status fails: {refreshed.err.decode()}")
        whole.views(lab, runs)
        if dice.random() < 0.1:
            self._rebuilt(lab)

    def _rebuilt(self, lab: Lab) -> None:
        """The views are the same if they are made anew, by an index made anew."""
        found = whole.rendered(lab)
        shutil.rmtree(lab.path / "results")
        (lab.path / "results.tsv").unlink()
        for path in (lab.path / ".git" / "memorylab").glob("index.sqlite*"):
            path.unlink()
        (lab.path / ".git" / "memorylab-views.json").unlink()
        self.plain(("status",))
        again = whole.rendered(lab)
        differing = {name for name in found.keys() | again.keys() if found.get(name) != again.get(name)}
        require(not differing - {"results/memorylab/reports/latest.md"}, f"views differ from a rebuild: {differing}")

    def _union(self) -> set[str]:
        places = [place for name in ("lab", "hub") if (place := self.work / name).exists()]
        return {one for place in places for one in whole.everything(place)[0]}

    def _clear(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)

    def _copy(self, name: str) -> None:
        self._clear()
        subprocess.run(["cp", "-a", str(self.templates / name), str(self.work)], check=True)


class _Faults:
    """What is done to each call, for a point."""

    def __init__(self, point: Point, work: Path, dice: random.Random) -> None:
        self._point, self._work, self._dice = point, work, dice
        self._dirty: set[int] = set()
        self._at = math.inf if callable(point.at) else point.at

    def __call__(self, call: Call) -> Fault:
        kind = self._point.kind
        if callable(self._point.at) and self._at == math.inf and self._point.at(call):
            self._at = call.number
        is_due = call.number == self._at
        if kind == "power":
            if is_due:
                return Kill("all")
            self._note(call)
            return None
        if kind in ("all", "one", "ours"):
            return Kill(kind) if is_due else None
        if kind == "torn":
            return Kill("all", torn=True) if is_due else None
        if call.number < self._at or not call.is_in(self._work):
            return None
        if kind == "full":
            return Fail(errno.ENOSPC) if call.makes else None
        if kind == "error":
            return Fail(errno.EIO) if is_due else None
        return Fail(errno.EACCES) if call.name not in trace.ON_DESCRIPTOR else None

    def _note(self, call: Call) -> None:
        """What is written is in memory only, until it is synced."""
        if call.name in trace.WRITES and call.is_in(self._work):
            self._dirty.add(call.inode)
        elif call.name in ("fsync", "fdatasync"):
            self._dirty.discard(call.inode)

    def cut(self) -> None:
        """The power fails: of what was not synced any part may be lost. What has another name by then is known by its
        inode. A remote has its own settings, and its own power."""
        for path in (self._work / "lab").rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_ino in self._dirty:
                size = path.stat().st_size
                path.chmod(0o644)
                os.truncate(path, self._dice.choice([0, size // 2, size]))


@contextmanager
def sealed(folder: Path) -> Iterator[Campaign]:
    """A campaign in a folder, which nothing of the user's own git gets into."""
    with pytest.MonkeyPatch.context() as patch:
        conftest._seal(folder / "home", patch)
        (folder / "tmp").mkdir()
        patch.setenv("TMPDIR", str(folder / "tmp"))
        patch.setattr(tempfile, "tempdir", str(folder / "tmp"))
        program = Path(shutil.which("git") or "/usr/bin/git").parent
        patch.setenv("PATH", f"{Path(sys.executable).parent}:{program}:/usr/bin:/bin")
        yield Campaign(folder)


def summary(outcomes: list[Outcome]) -> str:
    """A table: for each stage how many points of each kind, and how many of them went wrong."""
    stages = sorted({one.chain.stage for one in outcomes})
    kinds = [kind for kind in KINDS if any(point.kind == kind for one in outcomes for point in one.chain.points)]
    lines = [f"{'':10}" + "".join(f"{kind:>8}" for kind in kinds) + f"{'kills':>8}{'wrong':>8}{'waited':>8}"]
    for stage in [*stages, "all"]:
        found = [one for one in outcomes if stage in ("all", one.chain.stage)]
        counts = Counter(point.kind for one in found for point in one.chain.points)
        kills, wrong = sum(counts[kind] for kind in KILLS), sum(bool(one.problem) for one in found)
        waited = sum(one.waited for one in found)
        row = "".join(f"{counts[kind]:>8}" for kind in kinds)
        lines.append(f"{stage:10}{row}{kills:>8}{wrong:>8}{waited:>8}")
    return "\n".join(lines)
