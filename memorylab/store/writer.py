"""Who writes here: one id per clone, shared by its worktrees, never by two clones."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from memorylab.store import refs
from memorylab.store.files import keep

_FILE = "writer.json"


class Writer(NamedTuple):
    """A writer id, and the fingerprint of the clone that it was minted for. As long as not everything of the id that
    it had before is done with: that `former` id, and what another clone's journal under it is at, if there is one."""

    writer: str
    path: str
    device: int
    inode: int
    former: str = ""
    theirs: str = ""


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
    """This clone's id, None if it has none yet, or has its id from the clone that it is a copy of."""
    known = _known(common_dir)
    return known.writer if known is not None else None


def former(common_dir: Path) -> tuple[str, str] | None:
    """The id that this clone had until `change`, and where another clone's journal under it is, "" for nowhere; None
    once that is done with."""
    known = _known(common_dir)
    return (known.former, known.theirs) if known is not None and known.former else None


def copied_from(common_dir: Path) -> str | None:
    """The id of the clone that this one is a copy of, None if it is none."""
    known = _saved(common_dir)
    return known.writer if known is not None and _known(common_dir) is None else None


def _known(common_dir: Path) -> Writer | None:
    """What is known of this clone. A moved clone keeps its inode and a remounted one its path; a copy has neither."""
    known = _saved(common_dir)
    if known is None:
        return None
    path, device, inode = _fingerprint(common_dir)
    return known if known.path == path or (known.device, known.inode) == (device, inode) else None


def _saved(common_dir: Path) -> Writer | None:
    try:
        known = Writer(**json.loads((common_dir / "memorylab" / _FILE).read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return known if isinstance(known.writer, str) and refs.is_writer(known.writer) else None


def ensure(common_dir: Path, name: str = "") -> str:
    """This clone's id, minted if there is none. Call it under the store's lock."""
    # Saved also if it is known: the place that a moved clone has left may be taken by its copy.
    known = _known(common_dir)
    if known is None:
        return save(common_dir, mint(name))
    return save(common_dir, known.writer, known.former, known.theirs)


def change(common_dir: Path, theirs: str) -> str:
    """Give this clone another id. Call it under the store's lock, and `save` when nothing of the former one is left."""
    former = ensure(common_dir)
    return save(common_dir, mint(readable(former)), former, theirs)


def save(common_dir: Path, name: str, former: str = "", theirs: str = "") -> str:
    """Make an id this clone's. Call it under the store's lock."""
    content = json.dumps(Writer(name, *_fingerprint(common_dir), former, theirs)._asdict()).encode() + b"\n"
    path = common_dir / "memorylab" / _FILE
    if not path.exists() or path.read_bytes() != content:
        keep(path, content)
    return name
