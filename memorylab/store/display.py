"""All decisions in one local notes ref, for `git log`: a glob over one ref per writer takes git seconds."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress

from memorylab.errors import StoreBusy
from memorylab.store import refs
from memorylab.store.files import locked
from memorylab.store.notestree import NotesTree
from memorylab.store.pack import NOBODY, Pack
from memorylab.store.repo import Store
from memorylab.store.swap import Move, swap

_PATIENCE = 10.0

Sources = list[tuple[str, str]]


def refresh(store: Store, tips: Mapping[str, str], shown: str) -> str:
    """Point refs/memorylab/display, which is at `shown`, at the union of every writer's decisions, which are at `tips`;
    where it is then, "" if it lacks any that are not here."""
    sources = _sources(store, tips)
    if not _is_fresh(store, sources, shown):
        # All who move this ref hold this lock, so that none meets another's, and a killed one's is known to be stale.
        # Where that takes too long the packets stay as they are: the next command tries again.
        with suppress(StoreBusy), locked(store.state / "display.lock", _PATIENCE):
            tips, shown = refs.listed(store.place)
            sources = _sources(store, tips)
            if not _is_fresh(store, sources, shown):
                made = _union(store, sources)
                swap(store.place, [Move(refs.DISPLAY, shown or None, made)], "memorylab")
                shown = made
    return shown if sources and _is_fresh(store, sources, shown) else ""


def _is_fresh(store: Store, sources: Sources, shown: str) -> bool:
    if not shown or len(sources) < 2:
        return not sources or shown == sources[0][1]
    return _stamp(sources) in store.reader.resolve(shown).message


def _union(store: Store, sources: Sources) -> str:
    tip = sources[0][1]
    return tip if len(sources) == 1 and store.complete_notes(tip) else _merge(store, sources)


def _stamp(sources: Sources) -> str:
    return hashlib.sha256(repr(sorted(sources)).encode()).hexdigest()


def _sources(store: Store, tips: Mapping[str, str]) -> Sources:
    """(writer, tip) of all decisions: our own copy of ours, of the others' each that differs, as remotes do."""
    me = store.writer()
    found: Sources = []
    for writer, tip in store.chains("decisions", tips):
        is_known = writer == me and any(writer == known for known, _ in found)
        # Where this ref points to anything else, `git log` itself fails.
        if not is_known and store.reader.kind(tip) == "commit":
            found.append((writer, tip))
    return found


def _merge(store: Store, sources: Sources) -> str:
    merged: dict[str, dict[str, bytes]] = {}
    is_whole = True
    for (writer, _), found in zip(sources, store.notes_of(tip for _, tip in sources), strict=True):
        for commit, content in found or ():
            if content is None:
                is_whole = False
                continue
            by_writer = merged.setdefault(commit, {})
            # A note only grows: of several copies the longest holds the others.
            by_writer[writer] = max(by_writer.get(writer, b""), content, key=len)
    pack = Pack(store.place)
    tree = NotesTree(store.reader, pack, None)
    for commit, contents in sorted(merged.items()):
        tree.set(commit, b"\n".join(contents.values()))
    # Without the stamp the next command tries again to get what is not here.
    stamp = f"\nSources: {_stamp(sources)}\n" if is_whole else ""
    message = f"Decisions of {len({writer for writer, _ in sources})} writers\n{stamp}"
    made = pack.commit(tree.write(), [], NOBODY, message)
    pack.write()
    return made
