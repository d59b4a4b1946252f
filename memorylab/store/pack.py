"""New git objects, made here and given to git together: one process keeps them all, as it does what a push brings.

So an experiment costs a process and not libgit2, which takes longer to be imported, and a ledger of a hundred thousand
runs comes as a few packs and not as a file for each object.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from memorylab.store import git
from memorylab.store.files import sync_folders
from memorylab.store.git import Place
from memorylab.store.objects import FOLDER

NOBODY = "memorylab <memorylab> 0 +0000"  # by whom, and when, what is the same in every clone is made
_KINDS = {"commit": 1, "tree": 2, "blob": 3}  # gitformat-pack(5)
_LOOSE = 100  # objects from which on git keeps what it is given as a pack: receive.unpackLimit where nobody sets it
_FULL = 1 << 25  # bytes; more becomes another pack, so that memory does not grow with what is written
_LEVEL = 1  # of compression: git's own for loose objects, which most of these become

Entries = Mapping[str, tuple[str, str]]  # of a tree: name -> (mode, id)


class Pack:
    """Objects that git gets with `write`, or before where they are many; each has its id at once."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._content = bytearray()
        self._made: set[bytes] = set()
        self._folders: set[str] = set()  # where git may put what is not written yet
        self._count = 0

    def __contains__(self, oid: str) -> bool:
        return bytes.fromhex(oid) in self._made

    def blob(self, content: bytes) -> str:
        """Make a blob; its id."""
        return self._add("blob", content)

    def tree(self, entries: Entries) -> str:
        """Make a tree; its id."""
        # git orders a folder as if its name ended in a slash.
        named = {_name(name) + b"/" * (entry[0] == FOLDER): (_name(name), *entry) for name, entry in entries.items()}
        parts = (b"%s %s\0%s" % (named[k][1].encode(), named[k][0], bytes.fromhex(named[k][2])) for k in sorted(named))
        return self._add("tree", b"".join(parts))

    def commit(self, tree: str, parents: Sequence[str], who: str, message: str) -> str:
        """Make a commit by `who`, as in `Name <address> seconds +zone`; its id."""
        return self._add("commit", commit_content(tree, parents, who, message))

    def write(self) -> None:
        """Give git what was made since the last call; it is on the disk then. Raises NotFound with git's own words."""
        if not self._count:
            return
        content = b"PACK" + (2).to_bytes(4, "big") + self._count.to_bytes(4, "big") + self._content
        content += self._place.form.checksum(content)
        command = ("unpack-objects", "-q") if self._count < _LOOSE else ("index-pack", "--stdin")
        git.run(self._place, *command, input=content, durable=True)
        objects = self._place.common_dir / "objects"
        sync_folders([*(objects / folder for folder in sorted(self._folders)), objects / "pack", objects])
        self._content.clear()
        self._folders.clear()
        self._count = 0

    def _add(self, kind: str, content: bytes) -> str:
        oid = self._place.form.object_id(kind, content)
        if oid not in self:
            self._made.add(bytes.fromhex(oid))
            self._folders.add(oid[:2])
            self._content += _header(_KINDS[kind], len(content)) + zlib.compress(content, _LEVEL)
            self._count += 1
            if len(self._content) > _FULL:
                self.write()
        return oid


def signed_by(place: Place, writer: str, now: datetime) -> str:
    """By whom a commit is: the user, or a writer where git knows of none, at a time."""
    name, address = git.identity(place, writer)
    return f"{name} <{address}> {int(now.timestamp())} {now.strftime('%z')[:5] or '+0000'}"


def commit_content(tree: str, parents: Sequence[str], who: str, message: str) -> bytes:
    """A commit as git stores it."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}"]
    return "\n".join([*lines, "", message]).encode("utf-8", "replace")


def _header(kind: int, size: int) -> bytes:
    """The kind of an object in a pack and its size: four bits of that, then seven at a time, the least first."""
    found, size = [kind << 4 | size & 15], size >> 4
    while size:
        found[-1] |= 128
        found.append(size & 127)
        size >>= 7
    return bytes(found)


def _name(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
