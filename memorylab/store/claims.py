"""The board of open claims on a remote: one ref that all may extend, by compare-and-swap, so that of two who claim at
the same moment one is first. It holds lines and knows no record."""

from datetime import datetime

from memorylab.store import refs, transport
from memorylab.store.objects import FILE
from memorylab.store.pack import Pack
from memorylab.store.reader import Reader
from memorylab.store.swap import unlock
from memorylab.store.transport import Answer, Update

_FILE = "claims.jsonl"
_LONGEST = 1 << 20
# Apart from what was fetched of ledgers, which only grows, and of which the views are made: the board is no truth.


def read(reader: Reader, remote: str) -> tuple[str | None, list[bytes]]:
    """(tip, lines) of a remote's board; None and no lines where there is none. Raises Unreachable, or Denied.

    The caller holds a lock of this clone's.
    """
    fetched = f"{refs.BOARDS}{remote}/claims"
    # A git that was killed has left it behind: whoever reads boards here holds the lock.
    unlock(reader.place, [fetched], alone=True)
    # Whatever is there now is followed, also if that is nothing: then a pattern is no error, as a name would be.
    transport.fetch(reader.place, remote, [f"+{refs.CLAIMS}*:{fetched}*"], None, "--prune")
    tip = refs.at(reader.place, [fetched]).get(fetched)
    return (None, []) if tip is None else (tip, _lines(reader, tip))


def write(reader: Reader, remote: str, before: str | None, lines: list[bytes], writer: str, now: datetime) -> Answer:
    """Put a board in the place of the one at `before`. Raises Unreachable, or Denied."""
    pack = Pack(reader.place)
    tree = pack.tree({_FILE: (FILE, pack.blob(b"".join(line + b"\n" for line in lines)))})
    # What somebody else has put there may be no commit, and can only be replaced.
    parents = [before] if before and reader.kind(before) == "commit" else []
    who = f"{writer} <{writer}@memorylab> {int(now.timestamp())} +0000"
    made = pack.commit(tree, parents, who, f"Claims, by {writer}\n")
    pack.write()
    return transport.push(reader.place, remote, [Update(refs.CLAIMS, made, before or "")], None, atomic=False)[0]


def _lines(reader: Reader, tip: str) -> list[bytes]:
    _, entries = reader.tree(tip) or ("", {})
    content = reader.blob(entries[_FILE][1], _LONGEST) if _FILE in entries else None
    return (content or b"").splitlines()
