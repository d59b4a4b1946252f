"""Archives: many retired writers' refs folded into one, whose tree names their tips and whose parents keep them.

A tip is a gitlink, <kind>/<writer>, so that a writer who was folded reads just as one whose ref is still there, and
nothing has to be copied.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import pygit2
from pygit2.enums import FileMode

from memorylab.store import objects, refs


def folded(repo: pygit2.Repository, tip: str | pygit2.Oid, kind: str) -> Iterator[tuple[str, pygit2.Oid]]:
    """(writer, tip) of every ref of a kind in an archive. What is no archive, or not here, holds none."""
    with suppress(*objects.UNREADABLE):
        for entry in objects.tree(repo, objects.tree(repo, tip)[kind].id):
            if entry.filemode == FileMode.COMMIT and entry.name and refs.is_writer(entry.name):
                yield entry.name, entry.id


def is_whole(repo: pygit2.Repository, tip: str) -> bool:
    """Whether an archive names refs, and all that it names can be read."""
    try:
        parts = list(objects.tree(repo, tip))
        return bool(parts) and all(part.name in refs.OWN and len(objects.tree(repo, part.id)) > 0 for part in parts)
    except objects.UNREADABLE:
        return False


def held(repo: pygit2.Repository, found: Mapping[str, str]) -> dict[str, set[str]]:
    """ref -> tips of the refs that the archives among some refs hold, by the name that their writers have for them.
    A writer who came back may be in several."""
    tips: dict[str, set[str]] = {}
    for ref, oid in found.items():
        if (refs.kind_of(refs.local_name(ref)) or ("",))[0].startswith("archived"):
            for kind, prefix in refs.OWN.items():
                for writer, tip in folded(repo, oid, kind):
                    tips.setdefault(prefix + writer, set()).add(str(tip))
    return tips


def fold(
    repo: pygit2.Repository,
    archive: pygit2.Oid | None,
    tips: Mapping[str, Mapping[str, pygit2.Oid]],
    signature: pygit2.Signature,
) -> pygit2.Oid:
    """The commit that follows an archive (None: the first), with further tips, kind -> writer -> tip, in it."""
    above = repo.TreeBuilder(objects.tree(repo, archive)) if archive else repo.TreeBuilder()
    for kind, found in tips.items():
        known = above.get(kind)
        builder = repo.TreeBuilder(objects.tree(repo, known.id)) if known is not None else repo.TreeBuilder()
        for writer, tip in found.items():
            builder.insert(writer, tip, FileMode.COMMIT)
        above.insert(kind, builder.write(), FileMode.TREE)
    added = dict.fromkeys(tip for found in tips.values() for tip in found.values())
    writers = sorted({writer for found in tips.values() for writer in found})
    message = "Archive of " + (writers[0] if len(writers) == 1 else f"{len(writers)} writers") + "\n"
    parents = ([archive] if archive else []) + list(added)
    return repo.create_commit(None, signature, signature, message, above.write(), parents)
