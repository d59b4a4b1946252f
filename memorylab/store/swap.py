"""Compare-and-swap of refs, for refs that one lock orders the movers of."""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memorylab.errors import Killed, NotFound, StoreBusy
from memorylab.store import git, refs
from memorylab.store.git import Place
from memorylab.store.locks import PACKED, release

_ATTEMPTS = 20
_PAUSE = 0.05  # seconds, besides those that git itself waits for a lock


class Move(NamedTuple):
    """A ref, the commit that it is at (None: not there), and the one that it is to be at."""

    ref: str
    before: str | None
    after: str


def swap(place: Place, moves: Sequence[Move], message: str) -> list[Move]:
    """Move refs from where they are expected to be, in this order; the moves that were made, which are all, unless git
    was stopped in the middle of them and cannot go on. Raises StoreBusy if one has moved or stays locked; none is moved
    then.

    The caller holds the file lock of all who move these refs.
    """
    left = list(moves)
    for attempt in range(_ATTEMPTS + 1):
        commands = [f"update {ref} {after} {before or place.form.null}" for ref, before, after in left]
        try:
            git.update_refs(place, commands, message)
            return list(moves)
        except (NotFound, Killed) as problem:
            now = refs.at(place, [move.ref for move in moves])
            # git renames one file after the other. What it has moved before it was killed is ours.
            left = [move for move in moves if now.get(move.ref) != move.after]
            made = [move for move in moves if move not in left]
            moved = next((move.ref for move in left if now.get(move.ref) != move.before), None)
            if not left or (made and (moved or attempt == _ATTEMPTS)):
                return made
            if moved:
                raise StoreBusy(f"{moved} was moved by something else than git-memorylab.", "Try again.") from None
            names = [move.ref for move in moves]
            if attempt == _ATTEMPTS:
                lock = next((str(lock) for lock in place.locks(names) if lock.exists()), "its lock")
                raise StoreBusy(f"A ref stays locked: {problem.message}.", f"Remove {lock} if no git runs.") from None
            # Nobody else moves these refs while we hold the file lock: what is still there after a second was left by a
            # process that was killed between locking and moving.
            if attempt == _ATTEMPTS // 2:
                unlock(place, names, alone=True)
            time.sleep(_PAUSE)
    return []


def unlock(place: Place, names: Iterable[str], alone: bool) -> None:
    """Remove the locks on refs that a killed git has left: at once where nobody else could hold one (`alone`), else
    after longer than any git does. A reftable has one for all refs, which the user's git holds too."""
    if alone and not place.reftable:
        release(place.locks(names), -1)
    else:
        release(place.locks([*names, PACKED]))
