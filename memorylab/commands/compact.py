"""compact: fold the refs of retired writers on a remote into one archive, so that a swarm's thousands stay few."""

import msgspec

from memorylab.commands import sync
from memorylab.commands.session import Session
from memorylab.core.text import count
from memorylab.errors import BadInput, NotFound, Unreachable
from memorylab.store import archive, refs, transport
from memorylab.store import compact as folding
from memorylab.store.files import locked
from memorylab.store.pack import signed_by
from memorylab.store.swap import unlock


class Compacted(msgspec.Struct, frozen=True):
    """What a compaction did, or with `dry_run` would do: the ids of the writers that were `folded`, and of those that
    were `left` because they have moved on; `refs_left` counts the remote's memory refs after it."""

    remote: str
    folded: list[str]
    left: list[str]
    refs_left: int
    dry_run: bool


def compact(
    session: Session, name: str | None, days: float, writers: list[str], dry_run: bool, progress: sync.Progress
) -> Compacted:
    """Fold the writers who are named, else those who have been silent for `days`.

    Raises Unreachable or Denied: what has been done by then stays done, and nothing is lost.
    """
    if session.settings.notes_only:
        raise BadInput("This clone leaves out journals, as memorylab.notesOnly has it.", "Compact in another clone.")
    synced = sync.sync(session, name, sync.Options(progress=progress))
    remote = synced.remote
    if not synced.reached:
        raise Unreachable(f"{remote} was not reached: {synced.reason}", "Nothing was changed.")
    store = session.again().store
    with locked(session.place.state / "sync.lock"):
        there = transport.listing(session.place, remote, refs.SHARED)
        silent = session.now.timestamp() - days * 86_400
        found = folding.retired(store, remote, there, silent, writers)
        known = archive.held(store.objects, store.tips())
        for writer in writers:
            journal = refs.JOURNAL + writer
            if writer == store.writer() or not (journal in there or journal in known):
                raise NotFound(f"{remote} has no writer {writer!r} besides us.", "`git memorylab verify` names them.")
            if journal in there and writer not in found:
                raise NotFound(f"What {remote} has of {writer} is not what is here.", "`git memorylab sync` says why.")
        forked = folding.forked(store, found)
        found = {writer: tips for writer, tips in found.items() if writer not in forked}
        if dry_run:
            return Compacted(remote, sorted(found), sorted(forked), len(there), True)
        # One that was killed when all was deleted has left the lock on the list of refs, which nothing meets from here.
        transport.unlock(session.place, remote)
        unlock(session.place, (), alone=False)
        with session.ledger.writing(session.now) as transaction:
            me = transaction.writer
            archives = folding.fold(store, me, found, signed_by(store.place, me, session.now))
        if not archives:
            return Compacted(remote, [], sorted(forked), len(there), False)
        folding.publish(store, remote, archives, progress)
        done = folding.delete(store, remote, archives, there, progress)
    return Compacted(remote, done.folded, sorted({*done.left, *forked}), done.refs_left, False)


def render(done: Compacted) -> str:
    """What the terminal shows."""
    what = "would be folded" if done.dry_run else "folded"
    lines = [f"{done.remote}: {count(len(done.folded), 'writer')} {what}, {count(done.refs_left, 'ref')} there now"]
    lines += [f"  {writer}" for writer in done.folded[:20]]
    if len(done.folded) > 20:
        lines.append(f"  and {len(done.folded) - 20} more")
    lines += [f"  {writer} has moved on, or away from what is archived, and was left" for writer in done.left]
    return "\n".join(lines)
