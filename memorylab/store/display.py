"""All decisions in one local notes ref, for `git log`: a glob over one ref per writer takes git seconds."""

import hashlib
from contextlib import suppress

import pygit2

from memorylab.errors import StoreBusy
from memorylab.store import notes, objects, refs
from memorylab.store.files import locked
from memorylab.store.repo import Store
from memorylab.store.swap import current, swap

_PATIENCE = 10.0


def refresh(store: Store) -> None:
    """Point refs/memorylab/display at the union of every writer's decisions. Costs one ref look-up when fresh."""
    if _is_fresh(store, _sources(store)):
        return
    # All who move this ref hold this lock, so that none meets another's, and a killed one's is known to be stale. Where
    # that takes too long the packets stay as they are: the next command tries again.
    with suppress(StoreBusy), locked(store.state / "display.lock", _PATIENCE):
        sources = _sources(store)
        if not _is_fresh(store, sources):
            shown = current(store.repo, refs.DISPLAY)
            swap(store.repo, store.place.common_dir, refs.DISPLAY, shown, _union(store, sources), "memorylab")


def _is_fresh(store: Store, sources: dict[str, str]) -> bool:
    shown = current(store.repo, refs.DISPLAY)
    if shown is None or len(sources) < 2:
        return not sources or str(shown) in sources.values()
    return _stamp(sources) in objects.commit(store.repo, shown).message


def _union(store: Store, sources: dict[str, str]) -> pygit2.Oid:
    tips = list(sources.values())
    return pygit2.Oid(hex=tips[0]) if len(tips) == 1 else _merge(store, tips, _stamp(sources))


def _stamp(sources: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()


def _sources(store: Store) -> dict[str, str]:
    """writer -> tip; where a writer's decisions are here twice, our own copy, then the first remote's."""
    found: dict[str, str] = {}
    for writer, tip in store.chains("decisions"):
        # Where this ref points to anything else, `git log` itself fails.
        if isinstance(store.repo.get(tip), pygit2.Commit):
            found.setdefault(writer, tip)
    return found


def _merge(store: Store, tips: list[str], stamp: str) -> pygit2.Oid:
    merged: dict[str, list[bytes]] = {}
    for tip in tips:
        with suppress(KeyError):  # a tree that is not whole; its ledger's reader says so
            for commit, blob in notes.read(store.repo, tip):
                content = store.blob(str(blob))
                if content is not None:
                    merged.setdefault(commit, []).append(content)
    tree = notes.NotesTree(store.repo, None)
    for commit, contents in sorted(merged.items()):
        tree.set(commit, b"\n".join(contents))
    nobody = pygit2.Signature("memorylab", "memorylab", 0, 0)
    message = f"Decisions of {len(tips)} writers\n\nSources: {stamp}\n"
    return store.repo.create_commit(None, nobody, nobody, message, tree.write(), [])
