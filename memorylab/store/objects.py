"""Git objects of the kind that is expected. Raises KeyError if one is not here, ValueError if it is of another kind."""

from datetime import datetime
from typing import TypeVar

import pygit2

from memorylab.errors import NotARepository
from memorylab.store import git

# libgit2 refuses a partial clone unless told that somebody looks after its missing objects; `Store.blob` does.
pygit2.settings.set_extensions(["partialclone"])

T = TypeVar("T")


UNREADABLE = (KeyError, ValueError, pygit2.GitError)  # what is raised at objects that are not here, or not such


def repository(place: git.Place) -> pygit2.Repository:
    """A repository, as libgit2 opens it. Raises NotARepository if it does not."""
    try:
        return pygit2.Repository(str(place.git_dir))
    except pygit2.GitError as problem:
        raise NotARepository(f"This repository cannot be opened: {problem}.", git.UNSUPPORTED) from None


def current(repo: pygit2.Repository, ref: str) -> pygit2.Oid | None:
    """What a ref points to, None if it does not exist."""
    found = repo.references.get(ref)
    target = found.resolve().target if found else None
    return target if isinstance(target, pygit2.Oid) else None


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


def signature(place: git.Place, writer: str, now: datetime) -> pygit2.Signature:
    """The user's identity, or a writer's where git has none, at a time."""
    offset = now.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    return pygit2.Signature(*git.identity(place, writer), int(now.timestamp()), minutes)
