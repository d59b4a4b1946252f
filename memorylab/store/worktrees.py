"""Temporary worktrees: the code of a commit in a folder of its own, where nothing of the user's is touched."""

import shutil
import tempfile
from pathlib import Path

from memorylab.store import git
from memorylab.store.git import Place

PREFIX = "memorylab-replicate-"


def make_folder() -> Path:
    """A new temporary folder for worktrees."""
    return Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()


def is_ours(folder: Path) -> bool:
    """Whether a folder is named as `make_folder` does: no other is ever removed."""
    return folder.is_absolute() and folder.name.startswith(PREFIX)


def add(place: Place, folder: Path, name: str, commit: str) -> Place:
    """Check a commit out into a new worktree in the folder. No hook of the user's runs. Raises NotFound with git's own
    words if that fails."""
    top = folder / name
    git.run(
        _clone(place), "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", "--",
        str(top), commit,
    )  # fmt: skip
    link = (top / ".git").read_text(encoding="utf-8", errors="surrogateescape").strip().removeprefix("gitdir: ")
    return place._replace(git_dir=(top / link).resolve(), top=top)


def remove(place: Place, top: Path) -> None:
    """Remove a worktree whatever is in it, also one whose folder is gone, or that a killed git has left locked."""
    git.run(_clone(place), "worktree", "remove", "--force", "--force", "--", str(top), check=False)
    shutil.rmtree(top, ignore_errors=True)


def sweep(place: Place, folder: Path) -> None:
    """Remove a folder of `make_folder`, and every worktree in it."""
    if not is_ours(folder):
        return
    listed = git.run(_clone(place), "worktree", "list", "--porcelain", "-z", check=False).decode(
        "utf-8", "surrogateescape"
    )
    for line in listed.split("\0"):
        top = Path(line.removeprefix("worktree "))
        if line.startswith("worktree ") and top.parent == folder:
            remove(place, top)
    shutil.rmtree(folder, ignore_errors=True)


def _clone(place: Place) -> Place:
    """The clone itself: what git is asked of its worktrees is not asked in one of them."""
    return place._replace(git_dir=place.common_dir, top=None)
