"""Make a repository with a ledger of so many runs, and what is measured beside it: a results.tsv, a bare remote.

    python -m benchmarks.scale.generate FOLDER --runs 10000 [--writers 4] [--seed 0] [--end 2026-11-01T00:00:00Z]

FOLDER gets `lab` (a clone that is a writer, without index and views: `git memorylab init` makes them), `results.tsv`
and `remote.git`, which borrows its objects from `lab`.
"""

import argparse
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.scale.history import END, Lab, Step, history, name_of
from benchmarks.scale.stream import TIP, Stream
from memorylab.store import writer
from memorylab.views import table

# zlib asks for 256 KiB for each object: to get them from the kernel each time takes longer than all the rest.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 28)}


def generate(lab: Lab, folder: Path) -> Path:
    """Make the repository, the remote and the table; the repository's path."""
    place = folder / "lab"
    place.mkdir(parents=True)
    git(place, "init", "-q", "-b", "main")
    stream = Stream()
    command = ["git", "fast-import", "--quiet", "--force", f"--active-branches={4 * lab.writers + 2}"]
    with (folder / "results.tsv").open("w", encoding="utf-8") as rows:
        rows.write(table.header("val_bpb"))
        _feed(place, command, stream.parts(_written(history(lab), rows.write)))
    git(place, "reset", "-q", "--hard", TIP)
    share(place, folder / "remote.git", lab.writers)
    own(place)
    return place


def _feed(place: Path, command: list[str], parts: Iterable[bytes]) -> None:
    """Give a process its input while the next part of it is made."""
    process = subprocess.Popen(command, cwd=place, stdin=subprocess.PIPE, env=os.environ | _KEEP_MEMORY)
    assert process.stdin is not None
    with process.stdin as pipe, ThreadPoolExecutor(1) as writing:
        before = None
        for part in parts:
            if before is not None:
                before.result()
            before = writing.submit(pipe.write, part)
        if before is not None:
            before.result()
    if process.wait():
        raise RuntimeError(f"{command[1]} failed")


def own(place: Path) -> None:
    """Make a repository, also a copied one, the clone of the first writer."""
    writer.save(place / ".git", name_of(0))


def share(place: Path, remote: Path, writers: int) -> None:
    """A bare remote that has everything, under the names that its owners gave it, and is told of nothing."""
    git(remote.parent, "init", "-q", "--bare", "-b", "main", remote.name)
    (remote / "objects" / "info" / "alternates").write_text(f"../../{place.name}/.git/objects\n")
    listed = git(place, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    moved = (line.replace("refs/memorylab/remotes/origin/notes/", "refs/notes/memorylab/") for line in listed)
    moved = (line.replace("refs/memorylab/remotes/origin/journal/", "refs/memorylab/journal/") for line in moved)
    lines = "".join(f"create {name} {oid}\n" for oid, name in (line.split() for line in moved))
    git(remote, "update-ref", "--stdin", input=lines)
    if writers > 1:
        git(place, "remote", "add", "origin", remote.resolve().as_uri())


def git(where: Path, *arguments: str, input: str | None = None) -> str:
    """What git prints on stdout."""
    done = subprocess.run(["git", *arguments], cwd=where, input=input, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def _written(steps: Iterable[Step], write: Callable[[str], object]) -> Iterator[Step]:
    for step in steps:
        write(table.row(step.run, "val_bpb"))
        yield step


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--end", type=datetime.fromisoformat, default=END, help="when the last run was logged")
    given = parser.parse_args()
    generate(Lab(given.runs, given.writers, given.seed, given.end.astimezone(UTC)), given.folder)
