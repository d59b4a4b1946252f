"""The board of open claims on a remote: one ref that all may extend, by compare-and-swap, so that of two who claim at
the same moment one is first. It holds lines and knows no record."""

from datetime import datetime

import pygit2
from pygit2.enums import FileMode

from memorylab.store import objects, refs, transport
from memorylab.store.objects import current
from memorylab.store.repo import Store
from memorylab.store.transport import Answer, Update

_FILE = "claims.jsonl"
_LONGEST = 1 << 20
# Apart from what was fetched of ledgers, which only grows, and of which the views are made: the board is no truth.


def read(store: Store, remote: str) -> tuple[str | None, list[bytes]]:
    """(tip, lines) of a remote's board; None and no lines where there is none. Raises Unreachable, or Denied.

    The caller holds a lock of this clone's.
    """
    fetched = f"{refs.BOARDS}{remote}/claims"
    # A git that was killed has left it behind: whoever reads boards here holds the lock.
    (store.place.common_dir / f"{fetched}.lock").unlink(missing_ok=True)
    # Whatever is there now is followed, also if that is nothing: then a pattern is no error, as a name would be.
    transport.fetch(store.place, remote, [f"+{refs.CLAIMS}*:{fetched}*"], None, "--prune")
    tip = current(store.repo, fetched)
    return (None, []) if tip is None else (str(tip), _lines(store, tip))


def write(store: Store, remote: str, before: str | None, lines: list[bytes], writer: str, now: datetime) -> Answer:
    """Put a board in the place of the one at `before`. Raises Unreachable, or Denied."""
    repo = store.repo
    builder = repo.TreeBuilder()
    builder.insert(_FILE, repo.create_blob(b"".join(line + b"\n" for line in lines)), FileMode.BLOB)
    who = pygit2.Signature(writer, f"{writer}@memorylab", int(now.timestamp()))
    # What somebody else has put there may be no commit, and can only be replaced.
    parents = [pygit2.Oid(hex=before)] if before and isinstance(repo.get(before), pygit2.Commit) else []
    made = repo.create_commit(None, who, who, f"Claims, by {writer}\n", builder.write(), parents)
    return transport.push(store.place, remote, [Update(refs.CLAIMS, str(made), before or "")], None, atomic=False)[0]


def _lines(store: Store, tip: pygit2.Oid) -> list[bytes]:
    try:
        blob = objects.tree(store.repo, tip)[_FILE].id
    except (KeyError, ValueError, pygit2.GitError):
        return []
    if store.has(str(blob)) and store.repo.odb.read_header(blob)[1] > _LONGEST:
        return []
    content = store.blob(str(blob), fetch=True) or b""
    return content.splitlines() if len(content) <= _LONGEST else []
