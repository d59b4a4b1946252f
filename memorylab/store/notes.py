"""Notes trees: blobs named after the commits they annotate, in whatever layout git or we have left them.

git reads a note flat (40 hex digits), as 2/38, 2/2/36 and in any mixture, and rewrites the layout when it likes.
"""

from collections.abc import Iterator

import pygit2

from memorylab.store import objects

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
