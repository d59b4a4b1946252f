"""Archives: many retired writers' refs folded into one, whose tree names their tips and whose parents keep them.

A tip is a gitlink, <kind>/<writer>, so that a writer who was folded reads just as one whose ref is still there, and
nothing has to be copied.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from memorylab.store import objects, refs
from memorylab.store.objects import FOLDER, LINK, Entries, Objects
from memorylab.store.pack import Pack


def folded(found: Objects, tip: str, kind: str) -> Iterator[tuple[str, str]]:
    """(writer, tip) of every ref of a kind in an archive. What is no archive, or not here, holds none."""
    with suppress(*objects.UNREADABLE):
        for name, (mode, oid) in objects.tree(found, objects.tree(found, tip)[kind][1]).items():
            if mode == LINK and refs.is_writer(name):
                yield name, oid


def is_whole(found: Objects, tip: str) -> bool:
    """Whether an archive names refs, and all that it names can be read."""
    try:
        parts = objects.tree(found, tip)
        return bool(parts) and all(name in refs.OWN and objects.tree(found, oid) for name, (_, oid) in parts.items())
    except objects.UNREADABLE:
        return False


def held(found: Objects, where: Mapping[str, str]) -> dict[str, set[str]]:
    """ref -> tips of the refs that the archives among some refs hold, by the name that their writers have for them.
    A writer who came back may be in several."""
    tips: dict[str, set[str]] = {}
    for ref, oid in where.items():
        if (refs.kind_of(refs.local_name(ref)) or ("",))[0].startswith("archived"):
            for kind, prefix in refs.OWN.items():
                for writer, tip in folded(found, oid, kind):
                    tips.setdefault(prefix + writer, set()).add(tip)
    return tips


def fold(pack: Pack, found: Objects, archive: str | None, tips: Mapping[str, Mapping[str, str]], who: str) -> str:
    """Make the commit that follows an archive (None: the first), with further tips, kind -> writer -> tip, in it; its
    id."""
    above = objects.tree(found, archive) if archive else Entries()
    for kind, new in tips.items():
        known = objects.tree(found, above[kind][1]) if kind in above else Entries()
        above[kind] = FOLDER, pack.tree({**known, **{writer: (LINK, tip) for writer, tip in new.items()}})
    added = dict.fromkeys(tip for new in tips.values() for tip in new.values())
    writers = sorted({writer for new in tips.values() for writer in new})
    message = "Archive of " + (writers[0] if len(writers) == 1 else f"{len(writers)} writers") + "\n"
    return pack.commit(pack.tree(above), [*([archive] if archive else []), *added], who, message)
