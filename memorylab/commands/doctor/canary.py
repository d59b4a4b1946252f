"""A hook is proved by running it: git is made to, and the program at its end answers that it was called.

It runs on a commit that is nowhere but in a temporary folder, which stands as a linked worktree's git directory for the
configuration and hooks of this repository. Nothing of the repository is written to; what else is in a user's hook runs
too, on a detached HEAD and without a way to any remote.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from memorylab.commands.hook import CANARY
from memorylab.store import git
from memorylab.store.git import Place

_SECONDS = 30.0


def comes_through(place: Place, name: str, subject: str) -> bool:
    """Whether a commit that touches the subject has git run a hook, and that hook the program."""
    with tempfile.TemporaryDirectory(prefix="memorylab-canary-") as made:
        folder = Path(made)
        answer = folder / "answer"
        answer.touch()
        environment = _environment(place, folder) | {CANARY: str(answer)}
        _commit(place, folder, environment, subject)
        _run(place, environment, "hook", "run", name, *(("--", "amend") if name == "post-rewrite" else ()))
        return answer.read_text().split() == [name]


def _environment(place: Place, folder: Path) -> dict[str, str]:
    (folder / "objects").mkdir()
    private = folder / "git"
    private.mkdir()
    (private / "commondir").write_text(f"{place.common_dir}\n")
    (private / "HEAD").write_text("ref: refs/heads/canary\n")
    own = place.git_dir / "config.worktree"
    if own.exists():
        (private / "config.worktree").write_bytes(own.read_bytes())
    return git.environment() | {
        "GIT_DIR": str(private), "GIT_WORK_TREE": str(place.top), "GIT_INDEX_FILE": str(private / "index"),
        "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(place.common_dir / "objects"),
        "GIT_ALLOW_PROTOCOL": "none", "GIT_TERMINAL_PROMPT": "0",
    }  # fmt: skip


def _commit(place: Place, folder: Path, environment: dict[str, str], subject: str) -> None:
    """A commit without a parent, that has the subject, as the detached HEAD."""
    blob = _run(place, environment, "hash-object", "-w", "--stdin")
    _run(place, environment, "update-index", "--add", "--cacheinfo", f"100644,{blob},{subject}")
    tree = _run(place, environment, "write-tree")
    who = {f"GIT_{role}_{what}": "canary@memorylab" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    made = _run(place, environment | who, "commit-tree", tree, "-m", "canary")
    (folder / "git" / "HEAD").write_text(f"{made}\n")


def _run(place: Place, environment: dict[str, str], *arguments: str) -> str:
    with subprocess.Popen(
        ["git", *arguments], cwd=place.top, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            return process.communicate(timeout=_SECONDS)[0].decode("utf-8", "replace").strip()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return ""
