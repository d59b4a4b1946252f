"""Compare-and-swap of a ref, for refs that one lock orders the movers of."""

import time
from pathlib import Path

import pygit2

from memorylab.errors import StoreBusy

_ATTEMPTS = 40
_PAUSE = 0.05


def current(repo: pygit2.Repository, ref: str) -> pygit2.Oid | None:
    """What a ref points to, None if it does not exist."""
    found = repo.references.get(ref)
    target = found.resolve().target if found else None
    return target if isinstance(target, pygit2.Oid) else None


def swap(
    repo: pygit2.Repository, common_dir: Path, ref: str, expected: pygit2.Oid | None, target: pygit2.Oid, message: str
) -> None:
    """Move a ref from what it is expected to be (None: not there). Raises StoreBusy if it has moved or stays locked.

    The caller holds the file lock of all who move this ref.
    """
    lock_file = common_dir / f"{ref}.lock"
    for attempt in range(_ATTEMPTS + 1):
        try:
            with repo.transaction() as moving:
                moving.lock_ref(ref)
                if current(repo, ref) != expected:
                    raise StoreBusy(f"{ref} was moved by something else than git-memorylab.", "Try again.")
                moving.set_target(ref, target, message=message)
            return
        except pygit2.GitError as problem:
            if attempt == _ATTEMPTS:
                raise StoreBusy(f"{ref} stays locked: {problem}.", f"Remove {lock_file} if no git runs.") from None
            # Nobody else moves this ref while we hold the file lock: what is still there after a second was left by a
            # process that was killed between locking and moving.
            if attempt == _ATTEMPTS // 2:
                lock_file.unlink(missing_ok=True)
            time.sleep(_PAUSE)
