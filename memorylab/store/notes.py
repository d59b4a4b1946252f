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
