"""Notes trees: blobs named after the commits they annotate, in whatever layout git or we have left them.

git reads a note flat (40 hex digits), as 2/38, 2/2/36 and in any mixture, and rewrites the layout when it likes.
libgit2 only ever writes flat: with 100,000 notes that costs 355 ms and 4.8 MB per append, 2/2/36 costs 1.7 ms.
So a note stays where it stands, and a new one goes one level deeper once its folder is full.
"""

from collections.abc import Iterator

import pygit2
from pygit2.enums import FileMode

from memorylab.store import objects

# A ledger of 40 notes is one tree, which is read three times as fast as one with a folder for each. 256 folders of 40
# notes are some 10,000; from there on a third level is cheaper (measured: 4.4 ms against 1.7 ms).
_FULL = 40
_DEEPEST = 2
_HEX = frozenset("0123456789abcdef")


def read(repo: pygit2.Repository, tip: str | pygit2.Oid) -> Iterator[tuple[str, pygit2.Oid]]:
    """(annotated commit, blob) of every note in a tree or a notes commit, by name within each folder."""
    pending = [("", objects.tree(repo, tip).id)]
    while pending:
        prefix, oid = pending.pop()
        for entry in objects.tree(repo, oid):
            name = prefix + (entry.name or "")
            if not _HEX.issuperset(name) or len(name) > 40:
                continue
            # Not by its mode, of which pygit2 makes an enumeration: that takes longer than all the rest.
            if isinstance(entry, pygit2.Tree):
                pending.append((name, entry.id))
            elif len(name) == 40:
                yield name, entry.id


def differing(
    repo: pygit2.Repository, old: str | pygit2.Oid | None, new: str | pygit2.Oid
) -> tuple[dict[str, str], dict[str, str]]:
    """annotated commit -> blob of what two notes trees (or commits; None: an empty one) do not share, in each of them.

    Folders that both have are not opened, so it takes as long as what differs. A note that only stands elsewhere,
    because git has rewritten the layout, is in both.
    """
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    start = None if old is None else objects.tree(repo, old).id
    pending: list[tuple[str, pygit2.Oid | None, pygit2.Oid | None]] = [("", start, objects.tree(repo, new).id)]
    while pending:
        prefix, *sides = pending.pop()
        one, other = ({e.name or "": e for e in objects.tree(repo, oid)} if oid is not None else {} for oid in sides)
        for name in one.keys() | other.keys():
            full, pair = prefix + name, (one.get(name), other.get(name))
            if not _HEX.issuperset(full) or len(full) > 40 or (pair[0] and pair[1] and pair[0].id == pair[1].id):
                continue
            for found, entry in zip((before, after), pair, strict=True):
                if entry is not None and not isinstance(entry, pygit2.Tree) and len(full) == 40:
                    found[full] = str(entry.id)
            folders = [entry.id if isinstance(entry, pygit2.Tree) else None for entry in pair]
            if folders != [None, None]:
                pending.append((full, folders[0], folders[1]))
    return before, after


class NotesTree:
    """A notes tree being edited: `get` and `set` notes, then `write` the folders that changed, once each."""

    def __init__(self, repo: pygit2.Repository, tip: pygit2.Oid | None) -> None:
        self._repo = repo
        self._tree = objects.tree(repo, tip).id if tip is not None else None
        self._folders: dict[str, dict[str, tuple[pygit2.Oid, int]]] = {}
        self._changed: set[str] = set()
        self._contents: dict[str, bytes] = {}

    def _folder(self, prefix: str) -> dict[str, tuple[pygit2.Oid, int]] | None:
        """The entries below a prefix of an even number of hex digits, None if there is no such folder."""
        if prefix in self._folders:
            return self._folders[prefix]
        oid = self._tree
        if prefix:
            above = self._folder(prefix[:-2])
            found = above.get(prefix[-2:]) if above else None
            oid = found[0] if found and found[1] == FileMode.TREE else None
        if oid is None and prefix:
            return None
        listed = objects.tree(self._repo, oid) if oid else ()
        entries = {entry.name or "": (entry.id, int(entry.filemode)) for entry in listed}
        self._folders[prefix] = entries
        return entries

    def _place(self, commit: str) -> tuple[str, str] | None:
        """(folder, name) of an existing note."""
        for depth in range(20):
            prefix = commit[: 2 * depth]
            folder = self._folder(prefix)
            if folder is None:
                return None
            if commit[2 * depth :] in folder:
                return prefix, commit[2 * depth :]
        return None

    def get(self, commit: str) -> bytes | None:
        """A note's content, None if the commit has none."""
        if commit in self._contents:
            return self._contents[commit]
        found = self._place(commit)
        if found is None:
            return None
        folder = self._folder(found[0])
        return objects.data(self._repo, folder[found[1]][0]) if folder else None

    def set(self, commit: str, content: bytes) -> None:
        """Replace a note's content."""
        self._contents[commit] = content

    def _put(self, commit: str, content: bytes) -> None:
        """Write a note where it stands, or where there is room."""
        found = self._place(commit)
        if found is None:
            depth = 0
            while depth < _DEEPEST and self._is_full(commit[: 2 * depth]):
                depth += 1
            found = commit[: 2 * depth], commit[2 * depth :]
        prefix, name = found
        folder = self._folder(prefix)
        if folder is None:
            folder = self._folders[prefix] = {}
        folder[name] = (self._repo.create_blob(content), int(FileMode.BLOB))
        self._changed.update(prefix[:end] for end in range(0, len(prefix) + 1, 2))

    def append(self, commit: str, line: bytes) -> None:
        """Add a line to a note."""
        before = self.get(commit) or b""
        self.set(commit, before + (b"\n" if before and not before.endswith(b"\n") else b"") + line + b"\n")

    def _is_full(self, prefix: str) -> bool:
        folder = self._folder(prefix)
        return folder is not None and len(folder) >= _FULL

    def write(self) -> pygit2.Oid:
        """The tree with all changes in it. A note that was appended to many times is stored once."""
        for commit, content in self._contents.items():
            self._put(commit, content)
        self._contents.clear()
        for prefix in sorted(self._changed, key=len, reverse=True):
            builder = self._repo.TreeBuilder()
            for name, (oid, mode) in self._folders[prefix].items():
                builder.insert(name, oid, FileMode(mode))
            written = builder.write()
            if not prefix:
                self._tree = written
                continue
            above = self._folder(prefix[:-2])
            if above is None:
                above = self._folders[prefix[:-2]] = {}
            above[prefix[-2:]] = (written, int(FileMode.TREE))
        self._changed.clear()
        return self._tree or self._repo.TreeBuilder().write()
