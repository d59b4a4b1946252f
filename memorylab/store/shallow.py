"""What `git fetch --depth` does to a memory that comes along with it is undone here.

A commit that is named in .git/shallow has no parents for git. Where it is a ledger's, gc deletes what was before it,
and no ref goes on from what it was: what others add would be taken for a ledger rewritten.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from memorylab.errors import MemoryLabError
from memorylab.store import git, refs, transport
from memorylab.store.git import Place

# The messages of notes, and of a journal's entries, its root, and archives.
_OURS = re.compile(rb"(Notes added by 'git memorylab'|[a-z]+: .*\n\nSeq: [0-9]+|(Journal|Archive) of .*)\s*")
_ALL = "--depth=2147483647"  # git's own number for it


def mend(place: Place) -> bool:
    """Give the commits of the memory their parents back, if need be from the remotes; whether any had none."""
    path = place.common_dir / "shallow"
    if not path.exists():
        return False
    lines = _lines(path)
    cut = _ours(place, lines)
    if cut and not _strike(place, path, lines, cut):
        _deepen(place)
        lines = _lines(path)
        if left := _ours(place, lines):
            _strike(place, path, lines, left)
    return bool(cut)


def _lines(path: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return path.read_text().split()
    return []


def _ours(place: Place, lines: list[str]) -> set[str]:
    asked = "".join(f"{line}\n" for line in lines).encode()
    options = ("--no-walk=unsorted", "--ignore-missing", "--no-show-signature", "-z", "--format=%H%n%B", "--stdin")
    listed = git.run(place, "log", *options, input=asked, check=False) if lines else b""
    commits = (commit.partition(b"\n") for commit in listed.split(b"\0"))
    return {oid.decode() for oid, _, message in commits if _OURS.fullmatch(message)}


def _strike(place: Place, path: Path, lines: list[str], cut: set[str]) -> bool:
    """Take commits out of the file, unless then something would be missing that a ref leads to; whether it was done."""
    lock = path.with_name("shallow.lock")  # git's own
    left = "".join(f"{line}\n" for line in lines if line not in cut)
    try:
        with lock.open("x") as file:
            file.write(left)
    except FileExistsError:
        return True  # git is at it; the next command comes back to it
    moved = False
    try:
        is_whole = git.succeeds(place, "--shallow-file", str(lock), "rev-list", "--quiet", "--all")
        if is_whole and _lines(path) == lines:
            if left:
                os.replace(lock, path)
                moved = True
            else:
                path.unlink()
        return is_whole
    finally:
        if not moved:
            lock.unlink()


def _deepen(place: Place) -> None:
    """Fetch the whole of what was fetched of the remotes' memory. With it comes the whole of the user's branches: a
    remote asked for this makes nothing shallow."""
    listed = os.fsdecode(git.run(place, "for-each-ref", "--format=%(refname)", refs.REMOTES)).split("\n")
    for key, _ in git.config(place, r"^remote\..*\.url$"):
        remote = key[len("remote.") : -len(".url")]
        named = [f"{refs.local_name(ref)}:{ref}" for ref in listed if ref.startswith(refs.tracking(remote))]
        named = [spec for spec in named if refs.kind_of(spec.partition(":")[0])]
        if named:
            with suppress(MemoryLabError):
                transport.fetch(place, remote, named, None, _ALL)
