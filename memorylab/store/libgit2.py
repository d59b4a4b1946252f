"""Objects by libgit2, in this process: what a repository of the usual form is read with."""

import pygit2

from memorylab.store.git import Place

# libgit2 refuses a partial clone unless told that somebody looks after its missing objects; `Store.blob` does.
pygit2.settings.set_extensions(["partialclone"])

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}  # gitformat-pack(5)


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
        self._objects = self._repo.odb

    def read(self, oid: str) -> tuple[str, bytes]:
        try:
            kind, content = self._objects.read(oid)
        except KeyError:
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
