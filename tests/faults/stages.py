"""Repositories that a command is about to be run in, and what is to be there after it and after the next one."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from memorylab.store import writer
from tests.conftest import LOG, TRAIN, UNSEEN, Lab

IMPORTED = 40  # rows: more than a hundred objects, which git keeps as a pack
_AGAIN = ("log", "--log", "run.log", "--description", "lives", "--json")


class Stage(NamedTuple):
    """`tell` makes the repositories in a folder, of which `lab` is the one that `command` is run in, and then `again`.

    Both together add `least` records of our own, and what `command` itself `adds`: one `each` time that it is done, or
    one `once` however often it is. With `shared` the remote holds all that is here, in the end.
    """

    tell: Callable[[Path], None]
    command: tuple[str, ...]
    again: tuple[str, ...] = _AGAIN
    least: int = 1
    adds: str = "each"
    shared: bool = False


def _lab(folder: Path, name: str = "lab") -> Lab:
    lab = Lab(folder / name)
    lab.path.mkdir(parents=True)
    lab.git("init", "-q", "--template=")
    (lab.path / "train.py").write_text(TRAIN)
    (lab.path / "notes.txt").write_text("the user's own\n")
    lab.git("add", ".")
    lab.git("commit", "-q", "-m", "baseline")
    return lab


def _started(folder: Path) -> Lab:
    """Two runs, and a third that is to be logged."""
    lab = _lab(folder)
    lab.run("init")
    lab.experiment("baseline", 1.0)
    lab.experiment("depth 9", 0.99, knob="DEPTH", to=9)
    lab.edit("DEPTH", 10)
    lab.commit("depth 10")
    lab.result(0.98)
    lab.edit("MATRIX_LR", 0.05)  # what the user is at next is none of ours
    (lab.path / "train.py").write_text((lab.path / "train.py").read_text().replace("0.05", "0.04"))
    lab.run("status")
    return lab


def _fresh(folder: Path) -> None:
    _lab(folder).result(1.0)


def _log(folder: Path) -> None:
    _started(folder)


def _run(folder: Path) -> None:
    lab = _started(folder)
    (lab.path / "said").write_text(LOG.format(value=0.97))


def _import(folder: Path) -> None:
    lab = _started(folder)
    rows = [f"{n:07x}\t{0.9 + n / 1000:.6f}\t40.0\tdiscard\tidea {n}\n" for n in range(1, IMPORTED + 1)]
    (lab.path / "old.tsv").write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\n" + "".join(rows))


def _hook(folder: Path) -> None:
    lab = _started(folder)
    lab.edit("DEPTH", 12)
    lab.git(*UNSEEN, "commit", "-q", "-am", "depth 12")
    lab.result(0.96)


def _rewritten(folder: Path) -> None:
    lab = _started(folder)
    old = lab.git("rev-parse", "HEAD")
    lab.git(*UNSEEN, "commit", "-q", "--amend", "-m", "depth 10, said better")
    lab.result(0.96)
    (folder / "stdin").write_text(f"{old} {lab.git('rev-parse', 'HEAD')}\n")


def _index(folder: Path) -> None:
    lab = _started(folder)
    for path in (lab.path / ".git" / "memorylab").glob("index.sqlite*"):
        path.unlink()
    (lab.path / ".git" / "memorylab-views.json").unlink()


def _joined(folder: Path, name: str) -> Lab:
    lab = Lab(folder / name)
    Lab(folder).git("clone", "-q", "--template=", str(folder / "hub"), name)
    lab.run("init")
    writer.save(lab.path / ".git", f"{name}-00000000")
    return lab


def _hub(folder: Path) -> Lab:
    first = _lab(folder, "first")
    first.git("clone", "-q", "--template=", "--bare", ".", str(folder / "hub"))
    shutil.rmtree(first.path)
    return Lab(folder / "hub")


def _sync(folder: Path) -> None:
    _hub(folder)
    lab, other = _joined(folder, "lab"), _joined(folder, "other")
    for one in (lab, other):
        one.experiment(f"{one.path.name} begins", 1.0)
        one.run("sync")
    lab.run("sync")
    for one, value in ((lab, 0.99), (other, 0.98)):
        one.experiment(f"{one.path.name} goes on", value, knob="DEPTH", to=int(1000 * value))
    other.run("sync")
    lab.run("status")


def _compact(folder: Path) -> None:
    _hub(folder)
    for name in ("anna", "bert", "lab"):
        one = _joined(folder, name)
        one.experiment(f"{name} begins", 1.0)
        one.run("sync")
        if name != "lab":
            shutil.rmtree(one.path)
    Lab(folder / "lab").run("sync")


_RAN = ("run", "--json", "--description", "dies", "--", "cat", "said")
_FOLDED = ("compact", "--writer", "anna-00000000", "--writer", "bert-00000000", "--json")
_TAKEN = ("import", "old.tsv", "--json")
STAGES = {
    "log": Stage(_log, ("log", "--log", "run.log", "--description", "dies", "--report", "--json")),
    "run": Stage(_run, _RAN, _RAN),
    "sync": Stage(_sync, ("sync", "--json"), ("sync", "--json"), 0, "", True),
    "compact": Stage(_compact, _FOLDED, _FOLDED, 0, "", True),
    "import": Stage(_import, _TAKEN, _TAKEN, IMPORTED, ""),
    "hook": Stage(_hook, ("hook", "post-commit"), adds="once"),
    "rewrite": Stage(_rewritten, ("hook", "post-rewrite", "amend"), adds="once"),
    "index": Stage(_index, ("status", "--json"), ("status", "--json"), 0, ""),
    "amend": Stage(_log, ("amend", "HEAD~1", "--notes", "dies", "--json")),
    "init": Stage(_fresh, ("init",), ("init",), 0, ""),
}
