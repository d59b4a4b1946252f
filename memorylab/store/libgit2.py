"""Objects by libgit2, in this process: what a repository of the usual form is read with."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pygit2

from memorylab.store.git import Place

# libgit2 refuses a partial clone unless told that somebody looks after its missing objects; `Store.blob` does.
pygit2.settings.set_extensions(["partialclone"])

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}  # gitformat-pack(5)
_NUMBERS = {name.encode(): number for number, name in _KINDS.items()}
_NESTED = 5  # folders of objects that borrow of others; git follows no more


class CannotOpen(Exception):
    """A repository in a form that this libgit2 does not know."""


class LibGit2:
    """The objects of one repository. Raises CannotOpen."""

    def __init__(self, place: Place) -> None:
        self.form = place.form
        try:
            self._repo = pygit2.Repository(str(place.git_dir))
        except pygit2.GitError as problem:
            raise CannotOpen(str(problem)) from None
        self._objects = pygit2.Odb()
        for folder in _folders(place.common_dir / "objects"):
            self._objects.add_backend(pygit2.OdbBackendPack(str(folder)), 2)
            self._objects.add_backend(_Loose(str(folder)), 1)
        self._repo.set_odb(self._objects)

    def read(self, oid: str) -> tuple[str, bytes]:
        try:
            kind, content = self._objects.read(oid)
        except KeyError:
            if oid in self:
                raise ValueError(f"{oid} is damaged") from None
            raise  # it is not here; what pygit2 raises then is a GitError, too
        except pygit2.GitError as problem:
            raise ValueError(str(problem)) from None
        return _KINDS[kind], content

    def __contains__(self, oid: str) -> bool:
        return oid in self._objects

    def missing(self, oids: list[str]) -> list[str]:
        return [oid for oid in oids if oid not in self._objects]

    def descends(self, tip: str, earlier: str) -> bool:
        try:
            return self._repo.descendant_of(tip, earlier)
        except pygit2.GitError as problem:
            raise ValueError(str(problem)) from None


class _Loose(pygit2.OdbBackend):
    """The objects that have a file of their own. libgit2's reading of one that was cut short never ends (up to 1.9)."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def _path(self, oid: object) -> str:
        name = str(oid)
        return f"{self._folder}/{name[:2]}/{name[2:]}"

    def read_cb(self, oid: object) -> tuple[int, bytes]:
        try:
            with open(self._path(oid), "rb") as file:
                head, _, content = zlib.decompress(file.read()).partition(b"\0")
            kind, _, size = head.partition(b" ")
            if len(content) == int(size):
                return _NUMBERS[kind], content
        except (OSError, zlib.error, ValueError):
            pass
        raise KeyError(str(oid))

    def read_header_cb(self, oid: object) -> tuple[int, int]:
        kind, content = self.read_cb(oid)
        return kind, len(content)

    def exists_cb(self, oid: object) -> bool:
        return os.path.exists(self._path(oid))

    def read_prefix_cb(self, oid: object) -> tuple[int, bytes, object]:
        return *self.read_cb(oid), oid  # which is what pygit2 asks for, by whole names

    def exists_prefix_cb(self, oid: object) -> object:
        raise KeyError(str(oid))

    def refresh_cb(self) -> None:
        pass

    def __iter__(self) -> Iterator[pygit2.Oid]:
        return iter(())


def _folders(objects: Path, nested: int = _NESTED) -> list[Path]:
    """A folder of objects, and those that it borrows of."""
    found = [objects]
    try:
        lines = (objects / "info" / "alternates").read_bytes().splitlines() if nested else []
    except OSError:
        lines = []
    for line in lines:
        if line and not line.startswith(b"#"):
            found += _folders(objects / os.fsdecode(line), nested - 1)
    return list(dict.fromkeys(found))
