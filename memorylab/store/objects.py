"""Git objects of the kind that is expected. Raises KeyError if one is not here, ValueError if it is of another kind."""

from datetime import datetime
from typing import TypeVar

import pygit2

_IDENTITY = ("user.name", "user.email")
_NO_ANGLES = str.maketrans("", "", "<>")

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


def signature(repo: pygit2.Repository, name: str, now: datetime) -> pygit2.Signature:
    """The user's identity, or the writer's where git has none, at a time."""
    offset = now.utcoffset()
    when = int(now.timestamp()), int(offset.total_seconds() // 60) if offset else 0
    config = repo.config
    try:
        # git drops angle brackets from a name; libgit2 refuses the name.
        known = [(config[key] or "").translate(_NO_ANGLES).strip() if key in config else "" for key in _IDENTITY]
        return pygit2.Signature(known[0] or name, known[1] or f"{name}@memorylab", *when)
    except (pygit2.GitError, ValueError):
        return pygit2.Signature(name, f"{name}@memorylab", *when)
