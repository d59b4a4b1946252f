"""All decisions in one local notes ref, for `git log`: a glob over one ref per writer takes git seconds."""

import hashlib

import pygit2

from memorylab.store import notes, refs
from memorylab.store.repo import Store


def refresh(store: Store) -> None:
    """Point refs/memorylab/display at the union of every writer's decisions. Costs one ref look-up when fresh."""
    sources = _sources(store)
    if not sources:
        return
    shown = store.tip(refs.DISPLAY)
    if len(sources) == 1:
        target = pygit2.Oid(hex=next(iter(sources.values())))
    else:
        stamp = hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()
        if shown is not None and stamp in store.repo[shown].message:
            return
        target = _merge(store, list(sources.values()), stamp)
    if target != shown:
        store.repo.references.create(refs.DISPLAY, target, force=True)


def _sources(store: Store) -> dict[str, str]:
    """writer -> tip; where a writer's decisions are here twice, our own copy, then the first remote's."""
    found: dict[str, str] = {}
    for ref, tip in sorted(store.tips().items(), key=lambda item: (item[0].startswith(refs.REMOTES), item[0])):
        writer = refs.writer_of(ref, "decisions")
        if writer is not None:
            found.setdefault(writer, tip)
    return found


def _merge(store: Store, tips: list[str], stamp: str) -> pygit2.Oid:
    merged: dict[str, list[bytes]] = {}
    for tip in tips:
        for commit, blob in notes.read(store.repo, store.repo[tip].peel(pygit2.Tree).id):
            merged.setdefault(commit, []).append(store.repo[blob].data)
    tree = notes.NotesTree(store.repo, None)
    for commit, contents in sorted(merged.items()):
        tree.set(commit, b"\n".join(contents))
    nobody = pygit2.Signature("memorylab", "memorylab", 0, 0)
    message = f"Decisions of {len(tips)} writers\n\nSources: {stamp}\n"
    return store.repo.create_commit(None, nobody, nobody, message, tree.write(), [])
