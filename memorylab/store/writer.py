"""Who writes here: one id per clone, shared by its worktrees, never by two clones."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from memorylab.store import refs
from memorylab.store.files import replace

_FILE = "writer.json"


class Writer(NamedTuple):
    """A writer id, and the fingerprint of the clone that it was minted for."""

    writer: str
    path: str
    device: int
    inode: int


def _fingerprint(common_dir: Path) -> tuple[str, int, int]:
    status = common_dir.stat()
    return str(common_dir.resolve()), status.st_dev, status.st_ino


def mint(name: str = "") -> str:
    """A readable id: a name, or who or where, and 32 random bits, so that two clones of one user differ."""
    import getpass
    import secrets
    import socket

    if not name:
        try:
            name = getpass.getuser()
        except (OSError, KeyError):
            name = socket.gethostname()
    return f"{readable(name)}-{secrets.token_hex(4)}"


def readable(name: str) -> str:
    """The part of an id that a name makes; of an id, that of the name it was minted from."""
    clean = re.sub(r"[^A-Za-z0-9_-]+", "-", re.sub(r"-[0-9a-f]{8}$", "", name)).strip("-")[:40]
    return clean or "writer"


def current(common_dir: Path) -> str | None:
    """This clone's id, None if it has none yet, or has its id from the clone that it is a copy of.

    A moved clone keeps its inode and a remounted one its path; a copy has neither.
    """
    try:
        known = Writer(**json.loads((common_dir / "memorylab" / _FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(known.writer, str) or not refs.is_writer(known.writer):
        return None
    path, device, inode = _fingerprint(common_dir)
    return known.writer if known.path == path or (known.device, known.inode) == (device, inode) else None


def ensure(common_dir: Path, name: str = "") -> str:
    """This clone's id, minted if there is none. Call it under the store's lock."""
    # Saved also if it is known: the place that a moved clone has left may be taken by its copy.
    found = current(common_dir) or mint(name)
    save(common_dir, found)
    return found


def save(common_dir: Path, name: str) -> None:
    """Make an id this clone's. Call it under the store's lock."""
    content = json.dumps(Writer(name, *_fingerprint(common_dir))._asdict()).encode() + b"\n"
    path = common_dir / "memorylab" / _FILE
    if not path.exists() or path.read_bytes() != content:
        replace(path, content)
