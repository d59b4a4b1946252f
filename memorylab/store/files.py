"""Files that are there whole or not at all, and the lock that orders the writers of one clone."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from memorylab.errors import StoreBusy

LOCK_SECONDS = 60.0


def replace(path: Path, content: bytes) -> None:
    """Write a file by way of a temporary one beside it and a rename: a reader sees the old or the new content."""
    with replacing(path) as file:
        file.write(content)


def keep(path: Path, content: bytes) -> None:
    """`replace`, for what cannot be made anew: it is on the disk when this returns."""
    with replacing(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folders([path.parent])


def sync_folders(folders: Iterable[Path]) -> None:
    """Have the names of the files in some folders on the disk; a folder that is not there has none."""
    for folder in folders:
        _sync(folder, os.O_DIRECTORY)


def sync_files(folder: Path) -> None:
    """Have the files of a folder on the disk, and their names; a file that has gone meanwhile is left out."""
    for path in [*folder.iterdir(), folder]:
        _sync(path)


def _sync(path: Path, flags: int = 0) -> None:
    with suppress(FileNotFoundError):
        handle = os.open(path, os.O_RDONLY | flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """`replace`, for what is written bit by bit."""
    import tempfile  # 4 ms that a command which writes nothing need not pay

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


@contextmanager
def output(path: Path) -> Iterator[BinaryIO]:
    """`replacing`, for a path that the user gave: a link stays, and what it points to is replaced; a device or a pipe
    is written to as it is."""
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
    else:
        with replacing(Path(os.path.realpath(path))) as file:
            yield file


def read(path: Path, longest: int) -> bytes:
    """The content of a file. Raises OSError, also where it is no file, as a device that never ends, or is longer."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "It is no file", str(path))
        content = file.read(longest + 1)
        if len(content) > longest:
            raise OSError(errno.EFBIG, f"It is longer than {longest:,} bytes", str(path))
        return content


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, in a folder that only its owner may open. It is on the disk when this
    returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folders([path.parent, path.parent.parent])


@contextmanager
def locked(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold an exclusive lock on a file. The kernel drops it when the process dies, so it is never stale.

    Raises StoreBusy after `seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with open(path, "a+b") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreBusy(
                        f"Another git-memorylab has been writing here for {seconds:.0f} seconds.",
                        "Wait for it, or find it with `fuser " + str(path) + "`.",
                    ) from None
                # No two processes have the same number, so they do not keep meeting.
                time.sleep(0.002 + os.getpid() % 18 / 1000)
        yield
