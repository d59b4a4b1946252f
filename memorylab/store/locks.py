"""Locks of git's that a killed process has left behind. git holds one for milliseconds, and leaves what it finds to the
user, whom nobody is to wake for it."""

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PACKED = "packed-refs"  # the file that git keeps many refs in, which has a lock as a ref has
_STALE = 60.0  # seconds, after which whoever has locked a file is not there any more


def release(locks: Iterable[Path], seconds: float = _STALE) -> bool:
    """Remove those of some lock files that have been there for longer than that; whether there were any."""
    released = False
    for lock in locks:
        with suppress(OSError):
            # One of the future is from before the clock was put back.
            if abs(time.time() - lock.stat().st_mtime) > seconds:
                lock.unlink()
                released = True
    return released
