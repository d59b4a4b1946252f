"""A notes tree that is written to.

libgit2 only ever writes flat: with 100,000 notes that costs 355 ms and 4.8 MB per append, 2/2/36 costs 1.7 ms.
So a note stays where it stands, and a new one goes one level deeper once its folder is full.
"""

from memorylab.errors import NotFound
from memorylab.store import git
from memorylab.store.objects import FILE, FOLDER, Entries
from memorylab.store.pack import Pack
from memorylab.store.reader import Reader

# A ledger of 40 notes is one tree, which is read three times as fast as one with a folder for each. 256 folders of 40
# notes are some 10,000; from there on a third level is cheaper (measured: 4.4 ms against 1.7 ms).
_FULL = 40
_DEEPEST = 2


class NotesTree:
    """A notes tree being edited: `get` and `set` notes, then `write` the folders that changed, once each.

    `tip` is a tree or a notes commit, None for an empty one; what `write` makes is in the pack. Of a `foreign` one
    notes are read that are no longer than any is. Raises NotFound where a part of it is not here."""

    def __init__(self, reader: Reader, pack: Pack, tip: str | None, foreign: bool = False) -> None:
        self._reader, self._pack, self._blob = reader, pack, reader.note if foreign else reader.blob
        empty = reader.place.form.empty_tree, Entries()
        self.tree, root = empty if tip is None else self._read(tip)  # the tree's id as it was last written
        self._folders: dict[str, Entries] = {"": root}
        self._changed: set[str] = set()
        self._contents: dict[str, bytes] = {}

    def _folder(self, prefix: str) -> Entries | None:
        """The entries below a prefix of an even number of hex digits, None if there is no such folder."""
        if prefix not in self._folders:
            above = self._folder(prefix[:-2])
            mode, oid = (above or {}).get(prefix[-2:], ("", ""))
            if mode != FOLDER:
                return None
            _, self._folders[prefix] = self._read(oid)
        return self._folders[prefix]

    def _place(self, commit: str) -> tuple[str, str] | None:
        """(folder, name) of an existing note."""
        for depth in range(len(commit) // 2):
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
        _, oid = self._folders[found[0]][found[1]]
        content = self._blob(oid)
        if content is None:
            raise NotFound(f"The note on {commit[:7]}, {oid[:7]}, is not here.", git.MEND)
        return content

    def set(self, commit: str, content: bytes) -> None:
        """Replace a note's content."""
        self._contents[commit] = content

    def append(self, commit: str, line: bytes) -> None:
        """Add a line to a note."""
        before = self.get(commit) or b""
        self.set(commit, before + (b"\n" if before and not before.endswith(b"\n") else b"") + line + b"\n")

    def write(self) -> str:
        """The id of the tree with all changes in it. A note that was appended to many times is stored once."""
        for commit, content in self._contents.items():
            self._put(commit, content)
        self._contents.clear()
        for prefix in sorted(self._changed, key=len, reverse=True):
            self.tree = self._pack.tree(self._folders[prefix])
            if prefix:
                self._made(prefix[:-2])[prefix[-2:]] = FOLDER, self.tree
        self._changed.clear()
        return self.tree

    def _read(self, name: str) -> tuple[str, Entries]:
        found = self._reader.tree(name)
        if found is None:
            raise NotFound(f"{name[:7]} of the notes is not here.", git.MEND)
        return found

    def _put(self, commit: str, content: bytes) -> None:
        """Write a note where it stands, or where there is room."""
        found = self._place(commit)
        if found is None:
            depth = 0
            while depth < _DEEPEST and self._is_full(commit[: 2 * depth]):
                depth += 1
            found = commit[: 2 * depth], commit[2 * depth :]
        prefix, name = found
        self._made(prefix)[name] = FILE, self._pack.blob(content)
        self._changed.update(prefix[:end] for end in range(0, len(prefix) + 1, 2))

    def _made(self, prefix: str) -> Entries:
        """A folder, that is made where there is none."""
        folder = self._folder(prefix)
        if folder is None:
            folder = self._folders[prefix] = {}
        return folder

    def _is_full(self, prefix: str) -> bool:
        folder = self._folder(prefix)
        return folder is not None and len(folder) >= _FULL
