"""What a writer costs everybody else who pushes nothing but junk, until it is muted, and then.

    python -m benchmarks.swarm.flood --runs 200 --garbage 1000000 --valid 100000 --journal 1000000

Three clones with the same honest runs: one whose remote has no junk, one that has all of it, one that has muted it.
Their commands take turns. Garbage are lines that are no records; `valid` are records, amendments of runs that nobody
has. `journal` are entries of a journal with nothing in them, each a commit.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.scale import measure
from benchmarks.swarm.clones import git, make, sealed
from benchmarks.swarm.writers import fill
from memorylab.core.record import Amend, encode
from memorylab.store import refs

FLOOD = "flood-00000000"
NOTES = 1000  # the junk is spread over
_OURS = ("git", "memorylab")
COMMANDS = {
    "status": (*_OURS, "status"), "check": (*_OURS, "check", "--description", "raise DEPTH to 12"),
    "sync": (*_OURS, "sync"), "report": (*_OURS, "report"),
}  # fmt: skip


def garbage(lines: int) -> Iterator[bytes]:
    """Lines that are no records."""
    return (b'{"kind":"run","junk":%d}\n' % n for n in range(lines))


def valid(lines: int) -> Iterator[bytes]:
    """Records that say nothing of anything that there is."""
    for n in range(lines):
        amend = Amend(
            writer=FLOOD, seq=n + 1, id=f"20260101T000000Z-0000000-{n:016x}", timestamp_utc="2026-01-01T00:00:00Z",
            commit="0" * 40, run_id=f"20260101T000000Z-0000000-{n:016d}", notes="junk",
        )  # fmt: skip
        yield encode(amend) + b"\n"


def pour(hub: Path, lines: Iterator[bytes], size: int) -> None:
    """Have the remote's ledger of the flood hold some lines."""
    stream = [b"commit %s%s\ncommitter x <x> 1767225600 +0000\ndata 0\n\n" % (refs.LEDGER.encode(), FLOOD.encode())]
    for n in range(NOTES):
        name = hashlib.sha1(b"%d" % n).hexdigest()
        note = b"".join(islice(lines, size // NOTES))
        at = f"{name[:2]}/{name[2:]}".encode()
        stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (at, len(note), note))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=hub, input=b"".join(stream), check=True)


def chain(hub: Path, size: int) -> None:
    """Have the remote's journal of the flood hold some entries."""
    name, about = f"refs/memorylab/journal/{FLOOD}".encode(), git(hub, "rev-parse", "main").strip().encode()
    with subprocess.Popen(["git", "fast-import", "--quiet"], cwd=hub, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"commit %s\ncommitter x <x> 1767225600 +0000\ndata 0\n\n" % name)
        for n in range(size):
            said = b"junk\n\nSeq: %d\n" % (n + 1)
            process.stdin.write(b"commit %s\ncommitter x <x> 1767225600 +0000\ndata %d\n%s" % (name, len(said), said))
            process.stdin.write(b"merge %s\nM 100644 inline record.json\ndata <<.\n%d\n.\n\n" % (about, n))


def compare(clones: dict[str, Path], times: int) -> dict[str, dict[str, float]]:
    """Of each command the median CPU seconds in each clone, in turn, and how many times those of the first the others
    are."""
    found = {}
    for name, arguments in COMMANDS.items():
        works = {clone: partial(measure.run, arguments, path, dict(os.environ), 900) for clone, path in clones.items()}
        taken = {clone: _cpu(figure) for clone, figure in measure.in_turn(works, times, 900, 900).items()}
        first = next(iter(taken.values()))
        found[name] = {clone: round(cpu, 3) for clone, cpu in taken.items()} | {
            f"times, {clone}": round(cpu / first, 2) for clone, cpu in taken.items() if cpu is not first
        }
    return found


def _cpu(figure: measure.Figure) -> float:
    if figure.sample is None:
        raise measure.Failed(figure.why)
    return figure.sample.cpu


def flooded(kind: str, flood: Callable[[Path], None], size: int, runs: int, times: int) -> dict[str, object]:
    """Figures for one kind of junk, which a function has a remote hold."""
    folder = Path(tempfile.mkdtemp(prefix="memorylab-flood-"))
    try:
        sealed(folder)
        calm, source = make(folder, 1)[0], folder / "calm"
        calm.rename(source)
        git(source, "memorylab", "init")
        fill(source, 1, runs)
        git(source, "memorylab", "sync")
        for name in ("flooded", "muted"):
            git(folder, "clone", "-q", "--bare", str(folder / "shared.git"), f"{name}.git")
            shutil.copytree(source, folder / name)
            git(folder / name, "remote", "set-url", "origin", str(folder / f"{name}.git"))
        flood(folder / "flooded.git")
        git(folder / "muted.git", "fetch", "-q", "../flooded.git", "refs/*:refs/*")
        begin = [(name, one) for name in ("muted", "flooded") for one in ("sync", "status")]
        taken = [measure.run(COMMANDS[one], folder / name, dict(os.environ), 3600) for name, one in begin][2:]
        cost = {"CPU seconds": round(sum(one.cpu for one in taken), 1), "peak MiB": round(max(x.peak for x in taken))}
        git(folder / "muted", "memorylab", "mute", FLOOD)
        places = {name: folder / name for name in ("calm", "flooded", "muted")}
        return {"junk": kind, "of them": size, "honest runs": runs, "first sync and status": cost} | compare(
            places, times
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Print it as JSON, a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--garbage", type=int, default=1_000_000)
    parser.add_argument("--valid", type=int, default=100_000)
    parser.add_argument("--journal", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=7)
    asked = parser.parse_args()
    kinds: dict[str, tuple[int, Callable[[Path], None]]] = {
        "garbage": (asked.garbage, lambda hub: pour(hub, garbage(asked.garbage), asked.garbage)),
        "valid": (asked.valid, lambda hub: pour(hub, valid(asked.valid), asked.valid)),
        "journal": (asked.journal, lambda hub: chain(hub, asked.journal)),
    }
    for kind, (size, flood) in kinds.items():
        if size:
            print(json.dumps(flooded(kind, flood, size, asked.runs, asked.times)), flush=True)


if __name__ == "__main__":
    main()
