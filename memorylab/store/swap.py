"""Compare-and-swap of refs, for refs that one lock orders the movers of."""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from memorylab.errors import NotFound, StoreBusy
from memorylab.store import git, refs
from memorylab.store.git import Place

_ATTEMPTS = 20
_PAUSE = 0.05  # seconds, besides those that git itself waits for a lock
_STALE = 60.0  # seconds, after which whoever has locked a ref is not there any more


class Move(NamedTuple):
    """A ref, the commit that it is at (None: not there), and the one that it is to be at."""

    ref: str
    before: str | None
    after: str


def swap(place: Place, moves: Sequence[Move], message: str) -> None:
    """Move refs from where they are expected to be, in this order. Raises StoreBusy if one has moved or stays locked;
    none is moved then.

    The caller holds the file lock of all who move these refs.
    """
    commands = [f"update {ref} {after} {before or place.form.null}" for ref, before, after in moves]
    for attempt in range(_ATTEMPTS + 1):
        try:
            git.update_refs(place, commands, message)
            return
        except NotFound as problem:
            now = refs.at(place, [move.ref for move in moves])
            for ref, before, _ in moves:
                if now.get(ref) != before:
                    raise StoreBusy(f"{ref} was moved by something else than git-memorylab.", "Try again.") from None
            names = [move.ref for move in moves]
            if attempt == _ATTEMPTS:
                left = next((str(lock) for lock in place.locks(names) if lock.exists()), "its lock")
                raise StoreBusy(f"A ref stays locked: {problem.message}.", f"Remove {left} if no git runs.") from None
            # Nobody else moves these refs while we hold the file lock: what is still there after a second was left by a
            # process that was killed between locking and moving.
            if attempt == _ATTEMPTS // 2:
                unlock(place, names, alone=True)
            time.sleep(_PAUSE)


def unlock(place: Place, names: Iterable[str], alone: bool) -> None:
    """Remove the locks on refs that a killed git has left: at once where nobody else could hold one (`alone`), else
    after longer than any git does. A reftable has one for all refs, which the user's git holds too."""
    for lock in place.locks(names):
        with suppress(OSError):
            if (alone and not place.reftable) or time.time() - lock.stat().st_mtime > _STALE:
                lock.unlink()
