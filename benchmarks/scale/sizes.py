"""One size, measured: all commands of all versions of the program, and what the ledger takes on disk."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.scale.commands import CASES, OLD, Clone, Predecessor
from benchmarks.scale.measure import Beyond, Failed, Figure, Sample, in_turn

NOW, BEFORE, PREDECESSOR, NOTHING = "now", "before", "predecessor", "python -c pass"
ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0  # seconds for one command, all versions and repetitions
MIB = 1 << 20


class Options(NamedTuple):
    """What the command line says: how often, seconds for one process, other versions of the program, the commands to
    measure (none: all), and when the last generated run was logged."""

    repeat: int
    timeout: float
    writers: int
    before: Path | None
    predecessor: Path | None
    only: list[str]
    end: str


class Disk(NamedTuple):
    """What so many runs take: bytes of .git as generated and after `git gc` (None: not done), of index and views; and
    how many loose objects a `log` leaves."""

    git: int
    collected: int | None
    lines: int
    views: int
    loose: float | None


class Measured(NamedTuple):
    """The figures of one size: case -> version -> figure, `python -c pass` among the versions."""

    runs: int
    figures: dict[str, dict[str, Figure]]
    disk: Disk | None


def generate(runs: int, options: Options, folder: Path, environment: dict[str, str]) -> Path:
    """The generated repository of a size, made in a process of its own if it is not there."""
    made = folder / f"{runs}-{options.writers}"
    if not made.exists():
        partly = folder / "partly"
        shutil.rmtree(partly, ignore_errors=True)
        command = f"-m benchmarks.scale.generate {partly.name} --runs {runs} --writers {options.writers}".split()
        sealed = environment | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, *command, "--end", options.end], cwd=folder, env=sealed, check=True)
        partly.rename(made)
    return made


def measure(
    runs: int, base: Path, options: Options, environment: dict[str, str], given_up: set[tuple[str, str]],
    tell: Callable[[str], None],
) -> Measured:  # fmt: skip
    """Measure one size. What takes too long is added to `given_up`, and what is in there is not tried."""
    work = base / "work"
    shutil.rmtree(work, ignore_errors=True)
    programs = {NOW: ROOT} | ({BEFORE: options.before} if options.before else {})
    clones = {
        name: Clone(base, work / name / "lab", path, environment, options.timeout) for name, path in programs.items()
    }
    git = size_of(clones[NOW].place / ".git")
    if options.only and "init" not in options.only:
        for clone in clones.values():
            clone.tell("git", "memorylab", "init")
    old: Predecessor | Figure | None = None
    figures: dict[str, dict[str, Figure]] = {}
    for case, (_, what) in CASES.items():
        if options.only and case not in options.only:
            continue
        works: dict[str, Callable[[], Sample]] = {name: partial(what, clone) for name, clone in clones.items()}
        if options.predecessor and case in OLD:
            old = old or _predecessor(clones[NOW], work / "predecessor", options.predecessor)
            if isinstance(old, Predecessor):
                works[PREDECESSOR] = partial(OLD[case], old)
        skipped = {name: Figure(None, why="skipped") for name in works if (name, case) in given_up}
        works = {name: one for name, one in works.items() if name not in skipped}
        works[NOTHING] = partial(clones[NOW].measure, sys.executable, "-c", "pass")
        found = in_turn(works, options.repeat, options.timeout, _PATIENCE)
        given_up |= {(name, case) for name, one in found.items() if one.why.startswith(">")}
        figures[case] = found | skipped | ({PREDECESSOR: old} if isinstance(old, Figure) and case in OLD else {})
        tell(f"{runs:,} {case}: " + ", ".join(f"{name} {_shown(one)}" for name, one in figures[case].items()))
    disk = _disk(clones[NOW], git)
    shutil.rmtree(work, ignore_errors=True)
    return Measured(runs, figures, disk)


def _predecessor(clone: Clone, place: Path, program: Path) -> Predecessor | Figure:
    try:
        return Predecessor(clone, place, program)
    except (Failed, Beyond, OSError) as problem:
        return Figure(None, why=f"failed: {problem}")


def _disk(clone: Clone, git: int) -> Disk:
    index = sum(path.stat().st_size for path in clone.state.glob("index.sqlite*"))
    views = size_of(clone.place / "results") + size_of(clone.place / "results.tsv")
    collected = None
    try:
        clone.git("-c", "gc.pruneExpire=now", "gc", "-q")
        collected = size_of(clone.place / ".git") - index
    except (Failed, Beyond):
        pass
    return Disk(git, collected, index, views, clone.loose)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if not path.is_dir():
        return path.stat().st_size if path.exists() else 0
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(path) for name in names)


def _shown(figure: Figure) -> str:
    return f"{figure.sample.wall:.3f} s" if figure.sample else figure.why
