"""Who writes here: one id per clone, shared by its worktrees, never by two clones."""

import getpass
import re
import secrets
import socket
from datetime import datetime
from pathlib import Path

import msgspec
import pygit2

from memorylab.store.files import replace

_FILE = "writer.json"
_IDENTITY = ("user.name", "user.email")
_NO_ANGLES = str.maketrans("", "", "<>")


class Writer(msgspec.Struct, frozen=True):
    """A writer id, and the fingerprint of the clone that it was minted for."""

    writer: str
    path: str
    device: int
    inode: int


def _fingerprint(common_dir: Path) -> tuple[str, int, int]:
    status = common_dir.stat()
    return str(common_dir.resolve()), status.st_dev, status.st_ino


def _mint(name: str) -> str:
    """A readable id: who or where, and 32 random bits, so that two clones of one user differ."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40] or "writer"
    return f"{readable}-{secrets.token_hex(4)}"


def current(common_dir: Path) -> str | None:
    """This clone's id, None if it has none yet, or has its id from the clone that it is a copy of.

    A moved clone keeps its inode and a remounted one its path; a copy has neither.
    """
    try:
        known = msgspec.json.decode((common_dir / "memorylab" / _FILE).read_bytes(), type=Writer)
    except (OSError, msgspec.DecodeError):
        return None
    path, device, inode = _fingerprint(common_dir)
    return known.writer if known.path == path or (known.device, known.inode) == (device, inode) else None


def ensure(common_dir: Path, name: str = "") -> str:
    """This clone's id, minted if there is none. Call it under the store's lock."""
    path, device, inode = _fingerprint(common_dir)
    known = current(common_dir)
    if known:
        # The place that a moved clone has left may be taken by its copy.
        _save(common_dir, Writer(known, path, device, inode))
        return known
    if not name:
        try:
            name = getpass.getuser()
        except (OSError, KeyError):
            name = socket.gethostname()
    minted = Writer(_mint(name), path, device, inode)
    _save(common_dir, minted)
    return minted.writer


def _save(common_dir: Path, known: Writer) -> None:
    content = msgspec.json.encode(known) + b"\n"
    path = common_dir / "memorylab" / _FILE
    if not path.exists() or path.read_bytes() != content:
        replace(path, content)


def signature(repo: pygit2.Repository, name: str, now: datetime) -> pygit2.Signature:
    """The user's identity, or the writer's where git has none, at a time."""
    offset = now.utcoffset()
    when = int(now.timestamp()), int(offset.total_seconds() // 60) if offset else 0
    config = repo.config
    try:
        # git drops angle brackets from a name; libgit2 refuses the name.
        known = [(config[key] or "").translate(_NO_ANGLES).strip() if key in config else "" for key in _IDENTITY]
        return pygit2.Signature(known[0] or name, known[1] or f"{name}@memorylab", *when)
    except (pygit2.GitError, ValueError):
        return pygit2.Signature(name, f"{name}@memorylab", *when)
