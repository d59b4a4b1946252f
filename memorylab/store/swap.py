"""Compare-and-swap of refs, for refs that one lock orders the movers of."""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from memorylab.errors import NotFound, StoreBusy
from memorylab.store import git, refs
from memorylab.store.git import Place

_ATTEMPTS = 20
_PAUSE = 0.05  # seconds, besides those that git itself waits for a lock


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
    commands = [f"update {ref} {after} {before or '0' * 40}" for ref, before, after in moves]
    for attempt in range(_ATTEMPTS + 1):
        try:
            git.update_refs(place, commands, message)
            return
        except NotFound as problem:
            now = refs.at(place, [move.ref for move in moves])
            for ref, before, _ in moves:
                if now.get(ref) != before:
                    raise StoreBusy(f"{ref} was moved by something else than git-memorylab.", "Try again.") from None
            locks = [place.common_dir / f"{move.ref}.lock" for move in moves]
            if attempt == _ATTEMPTS:
                left = next((str(lock) for lock in locks if lock.exists()), "its lock")
                raise StoreBusy(f"A ref stays locked: {problem.message}.", f"Remove {left} if no git runs.") from None
            # Nobody else moves these refs while we hold the file lock: what is still there after a second was left by a
            # process that was killed between locking and moving.
            if attempt == _ATTEMPTS // 2:
                for lock in locks:
                    with suppress(FileNotFoundError):
                        lock.unlink()
            time.sleep(_PAUSE)
