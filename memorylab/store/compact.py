"""Folding retired writers' refs on a remote into this clone's archive. Duplicate first, verify, then delete with lease:
a kill at any point leaves every ref there, or in the archive, or both, and the next call goes on from there."""

from typing import NamedTuple

import pygit2

from memorylab.errors import Denied, Unreachable
from memorylab.store import archive, exchange, git, objects, refs, transport
from memorylab.store.repo import Store
from memorylab.store.swap import current, swap
from memorylab.store.transport import Progress, Update

_BATCH = 500  # refs in one push: a forge was seen to fail at ten thousand


class Compacted(NamedTuple):
    """The writers that were folded and whose refs are gone from the remote, and those who have moved on meanwhile."""

    folded: list[str]
    left: list[str]


def retired(
    store: Store, remote: str, there: dict[str, str], before: float, named: list[str]
) -> dict[str, dict[str, str]]:
    """writer -> kind -> tip of the writers on a remote who are named, or of whom nothing is later than a time (in
    seconds since 1970). What is not here as it is there is left out, and so are we."""
    tips, me = store.tips(), store.writer()
    found: dict[str, dict[str, str]] = {}
    for ref, tip in there.items():
        kind, writer = refs.kind_of(ref) or ("", "")
        if kind in refs.OWN and writer != me and tips.get(refs.fetched_as(remote, ref)) == tip:
            found.setdefault(writer, {})[kind] = tip
    return {
        writer: kinds
        for writer, kinds in found.items()
        if "journal" in kinds and (writer in named or (not named and _latest(store, kinds["journal"]) < before))
    }


def fold(store: Store, me: str, tips: dict[str, dict[str, str]], signature: pygit2.Signature) -> dict[str, str]:
    """Put refs, writer -> kind -> tip, into this clone's archives; ref -> tip of the archives."""
    made = {}
    parts = {refs.ARCHIVED_JOURNALS + me: ("journal",), refs.ARCHIVED_NOTES + me: ("ledger", "decisions")}
    for ref, kinds in parts.items():
        before = current(store.repo, ref)
        new = {}
        for kind in kinds:
            held = dict(archive.folded(store.repo, before, kind)) if before else {}
            wanted = {writer: pygit2.Oid(hex=found[kind]) for writer, found in tips.items() if kind in found}
            new[kind] = {writer: tip for writer, tip in wanted.items() if held.get(writer) != tip}
        if any(new.values()):
            after = archive.fold(store.repo, before, {kind: found for kind, found in new.items() if found}, signature)
            swap(store.repo, store.place.common_dir, ref, before, after, "memorylab: compact")
        tip = current(store.repo, ref)
        if tip is not None:
            made[ref] = str(tip)
    return made


def publish(store: Store, remote: str, archives: dict[str, str], progress: Progress | None) -> None:
    """Bring archives to the remote and make sure that they are there. Raises Unreachable, or Denied."""
    there = transport.listing(store.place, remote, archives)
    todo = [Update(ref, tip) for ref, tip in archives.items() if there.get(ref) != tip]
    if todo:
        for answer in transport.push(store.place, remote, todo, progress, atomic=True):
            if answer.outcome != "done":
                raise Denied(f"{remote} does not take the archive: {answer.reason}.", "Nothing was deleted.")
    there = transport.listing(store.place, remote, archives)
    if any(there.get(ref) != tip for ref, tip in archives.items()):
        raise Unreachable(f"{remote} does not have the archive that it has taken.", "Nothing was deleted; try again.")


def delete(
    store: Store, remote: str, archives: dict[str, str], there: dict[str, str], progress: Progress | None
) -> Compacted:
    """Delete the refs on a remote that its archives hold as they are. Raises Unreachable, or Denied."""
    held = {
        ref: tip for archived in archives.values() for ref, tip in exchange.in_archive(store.place, archived).items()
    }
    gone = [Update(ref, None, tip) for ref, tip in held.items() if there.get(ref) == tip]
    folded: set[str] = set()
    left: set[str] = set()
    for start in range(0, len(gone), _BATCH):
        for answer in transport.push(store.place, remote, gone[start : start + _BATCH], progress, atomic=False):
            _, writer = refs.kind_of(answer.ref) or ("", answer.ref)
            if answer.outcome == "refused":
                raise Denied(f"{remote} deletes nothing: {answer.reason}.", "Everything is in the archive too.")
            (folded if answer.outcome == "done" else left).add(writer)
    tips = store.tips()
    names = [name for update in gone if (name := refs.fetched_as(remote, update.ref)) in tips]
    kept = transport.listing(store.place, remote, refs.SHARED) if names else {}
    git.update_refs(store.place, [f"delete {name} {tips[name]}" for name in names if refs.local_name(name) not in kept])
    return Compacted(sorted(folded - left), sorted(left))


def _latest(store: Store, journal: str) -> float:
    return float(objects.commit(store.repo, journal).commit_time)
