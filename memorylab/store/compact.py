"""Folding retired writers' refs on a remote into this clone's archive. Duplicate first, verify, then delete with lease:
a kill at any point leaves every ref there, or in the archive, or both, and the next call goes on from there."""

from typing import NamedTuple

from memorylab.errors import Denied, Unreachable
from memorylab.store import archive, git, objects, refs, transport
from memorylab.store.growth import in_archive
from memorylab.store.pack import Pack
from memorylab.store.repo import Store
from memorylab.store.swap import Move, swap
from memorylab.store.transport import Progress, Update

_BATCH = 500  # refs in one push: a forge was seen to fail at ten thousand


class Compacted(NamedTuple):
    """The writers that were folded and whose refs are gone from the remote, those who have moved on meanwhile, and how
    many refs the remote has now."""

    folded: list[str]
    left: list[str]
    refs_left: int


def retired(
    store: Store, remote: str, there: dict[str, str], before: float, named: list[str]
) -> dict[str, dict[str, str]]:
    """writer -> kind -> tip of the writers on a remote who are named, or of whom nothing is later than a time (in
    seconds since 1970). Who is not here whole as he is there is left out, and so are we."""
    tips, me = store.tips(), store.writer()
    found: dict[str, dict[str, str]] = {}
    for ref, tip in there.items():
        kind, writer = refs.kind_of(ref) or ("", "")
        if kind in refs.OWN and writer != me:
            # A plain `git fetch` takes whatever is there for a ledger.
            here = tips.get(refs.fetched_as(remote, ref)) == tip and objects.is_commit(store.objects, tip)
            found.setdefault(writer, {})[kind] = tip if here else ""
    return {
        writer: kinds
        for writer, kinds in found.items()
        if "journal" in kinds
        and all(kinds.values())
        and (writer in named or (not named and _latest(store, kinds["journal"]) < before))
    }


def forked(store: Store, tips: dict[str, dict[str, str]]) -> list[str]:
    """The writers of whom an archive holds what neither leads to the present tips nor goes on from them. An archive has
    one tip of each: the other would be in no view."""
    held = archive.held(store.objects, store.tips())
    return [
        writer
        for writer, kinds in tips.items()
        if not all(
            _holds(store, tip, known) or _holds(store, known, tip)
            for kind, tip in kinds.items()
            for known in held.get(refs.OWN[kind] + writer, ())
        )
    ]


def fold(store: Store, me: str, tips: dict[str, dict[str, str]], who: str) -> dict[str, str]:
    """Put refs, writer -> kind -> tip, into this clone's archives; ref -> tip of the archives."""
    made = {}
    parts = {refs.ARCHIVED_JOURNALS + me: ("journal",), refs.ARCHIVED_NOTES + me: ("ledger", "decisions")}
    for ref, kinds in parts.items():
        before = refs.at(store.place, [ref]).get(ref)
        new = {}
        for kind in kinds:
            held = dict(archive.folded(store.objects, before, kind)) if before else {}
            wanted = {writer: found[kind] for writer, found in tips.items() if kind in found}
            new[kind] = {
                writer: tip
                for writer, tip in wanted.items()
                if writer not in held or not _holds(store, held[writer], tip)
            }
        if any(new.values()):
            pack = Pack(store.place)
            further = {kind: found for kind, found in new.items() if found}
            after = archive.fold(pack, store.objects, before, further, who)
            pack.write()
            swap(store.place, [Move(ref, before, after)], "memorylab: compact")
            made[ref] = after
        elif before is not None:
            made[ref] = before
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
    """Delete the refs on a remote whose content its archives hold. Raises Unreachable, or Denied."""
    held = {ref: tip for folded in archives.values() for ref, tip in in_archive(store.place, folded).items()}
    gone = [
        Update(ref, None, there[ref]) for ref, tip in held.items() if ref in there and _holds(store, tip, there[ref])
    ]
    for start in range(0, len(gone), _BATCH):
        for answer in transport.push(store.place, remote, gone[start : start + _BATCH], progress, atomic=False):
            if answer.outcome == "refused":
                raise Denied(f"{remote} deletes nothing: {answer.reason}.", "Everything is in the archive too.")
    tips, kept = store.tips(), transport.listing(store.place, remote, refs.SHARED)
    names = [name for update in gone if (name := refs.fetched_as(remote, update.ref)) in tips]
    git.update_refs(store.place, [f"delete {name} {tips[name]}" for name in names if refs.local_name(name) not in kept])
    # Not by the answers: another archiver may have been faster.
    writers = {writer for update in gone for _, writer in [refs.kind_of(update.ref) or ("", "")]}
    left = {writer for writer in writers if any(ref in kept for _, ref in refs.of(writer))}
    return Compacted(sorted(writers - left), sorted(left), len(kept))


def _latest(store: Store, journal: str) -> float:
    return float(objects.commit(store.objects, journal).time)


def _holds(store: Store, tip: str, earlier: str) -> bool:
    """Whether a commit is another one, or goes on from it."""
    found = store.objects
    return tip == earlier or (tip in found and earlier in found and found.descends(tip, earlier))
