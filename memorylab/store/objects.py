"""Git's objects, read whole and by their names. One small interface, of which there are two: libgit2.py, where that can
open a repository, and plumbing.py, by the git program, where it cannot."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import chain, takewhile
from typing import TYPE_CHECKING, NamedTuple, Protocol

from memorylab.store.form import Form
from memorylab.store.git import Place

if TYPE_CHECKING:
    from memorylab.store.reader import Reader

UNREADABLE = (KeyError, ValueError)  # what is raised at objects that are not here, or not such
_LONGEST_TIME = 11  # digits
_PARENT = re.compile(r"parent ([0-9a-f]{40}|[0-9a-f]{64})")
FILE, FOLDER, LINK = "100644", "40000", "160000"  # modes, as trees have them


class Objects(Protocol):
    """The objects of one repository. Nothing that a partial clone left out is fetched."""

    form: Form

    def read(self, oid: str) -> tuple[str, bytes]:
        """(kind, content) of an object. Raises KeyError if it is not here, ValueError if it is not what its name
        says."""

    def __contains__(self, oid: str) -> bool:
        """Whether an object is here."""

    def missing(self, oids: list[str]) -> list[str]:
        """Those of many objects that are not here."""

    def descends(self, tip: str, earlier: str) -> bool:
        """Whether a commit has another one among its ancestors. Raises KeyError or ValueError where that cannot be
        told."""


class Commit(NamedTuple):
    """A commit. `time` is the committer's, in seconds since 1970."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    time: int
    message: str


Entries = dict[str, tuple[str, str]]  # of a tree: name -> (mode, id)


def opened(place: Place, reader: Reader) -> Objects:
    """The objects of a repository, by libgit2 unless it cannot open it: for its objects' names, for where its refs are,
    for an extension that it does not know."""
    if place.form.name == "sha1" and not place.reftable:
        from memorylab.store import libgit2

        with suppress(libgit2.CannotOpen):
            return libgit2.LibGit2(place)
    from memorylab.store import plumbing

    return plumbing.Plumbing(place, reader)


def commit(found: Objects, oid: str) -> Commit:
    """A commit. Raises KeyError or ValueError, as all of these."""
    return commit_of(oid, _of("commit", found, oid))


def tree(found: Objects, oid: str) -> Entries:
    """The entries of a tree, also that of a commit."""
    kind, content = found.read(oid)
    if kind == "commit":
        content = _of("tree", found, commit_of(oid, content).tree)
    elif kind != "tree":
        raise ValueError(f"{oid} is no tree")
    return entries_of(content, found.form)


def blob(found: Objects, oid: str) -> bytes:
    """A blob's content."""
    return _of("blob", found, oid)


def is_commit(found: Objects, oid: str) -> bool:
    """Whether there is such a commit here."""
    try:
        return found.read(oid)[0] == "commit"
    except UNREADABLE:
        return False


def _of(kind: str, found: Objects, oid: str) -> bytes:
    is_of, content = found.read(oid)
    if is_of != kind:
        raise ValueError(f"{oid} is no {kind}")
    return content


def commit_of(oid: str, content: bytes) -> Commit:
    """A commit, from its content."""
    head, _, message = content.partition(b"\n\n")
    top, *lines = head.decode("utf-8", "replace").split("\n")
    # As git reads them, right below the tree: what is called so further down may be any text of anybody's.
    parents = tuple(line[7:] for line in takewhile(_PARENT.fullmatch, lines))
    committer = next((line for line in lines if line.startswith("committer ")), "")
    moment = committer.rpartition(" ")[0].rpartition(" ")[2]
    # Anyone may have made it: int() raises at "\u00b2", and no datetime can be made of what has more digits.
    time = int(moment) if moment.isdecimal() and len(moment) <= _LONGEST_TIME else 0
    return Commit(oid, top.removeprefix("tree "), parents, time, message.decode("utf-8", "replace"))


def entries_of(content: bytes, form: Form) -> Entries:
    """A tree's entries, from its content. Raises ValueError if it is none."""
    found = form.entry.findall(content)
    if sum(map(len, chain.from_iterable(found))) + 2 * len(found) != len(content):
        raise ValueError("it is no tree")
    return {name.decode("utf-8", "surrogateescape"): (mode.decode(), oid.hex()) for mode, name, oid in found}
