"""Git objects of the kind that is expected. Raises KeyError if one is not here, ValueError if it is of another kind."""

from typing import TypeVar

import pygit2

T = TypeVar("T")


def commit(repo: pygit2.Repository, oid: str | pygit2.Oid) -> pygit2.Commit:
    """A commit."""
    return _of(pygit2.Commit, repo, oid)


def tree(repo: pygit2.Repository, oid: str | pygit2.Oid) -> pygit2.Tree:
    """A tree, also that of a commit."""
    found = repo[oid]
    return found.peel(pygit2.Tree) if isinstance(found, pygit2.Commit) else _of(pygit2.Tree, repo, oid)


def data(repo: pygit2.Repository, oid: str | pygit2.Oid) -> bytes:
    """A blob's content."""
    return _of(pygit2.Blob, repo, oid).data


def _of(kind: type[T], repo: pygit2.Repository, oid: str | pygit2.Oid) -> T:
    found = repo[oid]
    if not isinstance(found, kind):
        raise ValueError(f"{oid} is no {kind.__name__.lower()}")
    return found
