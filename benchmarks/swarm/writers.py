"""What a remote with many writers costs: bare git beside ours, in the same run, and again after `compact`.

python -m benchmarks.swarm.writers --writers 10 1000 10000 --records 10000
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks.swarm.clones import SUBJECT, git, record, sealed
from memorylab.commands.session import Session
from memorylab.core.decision import markdown
from memorylab.core.record import Artifact, Run, encode
from memorylab.ledger import new_id
from memorylab.store import refs
from memorylab.store.git import locate
from memorylab.store.pack import NOBODY, Pack
from memorylab.store.reader import Reader
from memorylab.store.repo import Store
from memorylab.store.transaction import PACKET_FILE, Transaction
from tests import servers

FETCH, SYNC = ["git", "fetch", "-q", "origin"], ["git", "memorylab", "sync"]
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def fill(source: Path, writers: int, records: int) -> None:
    """Ledgers of many writers in one repository: copies of one real run, with numbers of their own."""
    record(source, 1)
    store = Store(locate(source))
    recall = Session(source).recall
    ((_, model, _),) = recall.runs(recall.size - 1)
    assert isinstance(model, Run) and model.decision_packet is not None
    packet = markdown(model.decision_packet).encode()
    share = [records // writers + (n < records % writers) for n in range(writers)]
    # A commit of its own for each run, as experiments have.
    reader, pack = Reader(store.place), Pack(store.place)
    tree, held = git(source, "rev-parse", f"{model.commit}^{{tree}}"), reader.resolve(model.commit)
    ideas = [f"MATRIX_LR 0.{n:05}" for n in range(1, records + 1)]
    anchors = [pack.commit(tree, held.parents, NOBODY, f"{idea}\n") for idea in ideas]
    pack.write()
    left = enumerate(zip(ideas, anchors, strict=True), 1)
    for n, count in enumerate(share):
        transaction = Transaction(store.place, f"agent{n:05}-0000{n % 65536:04x}", BEGAN, {}, reader)
        for written, (idea, anchor) in islice(left, count):
            when = BEGAN + timedelta(seconds=written)
            run_id = new_id(when, anchor)
            told = packet.replace(model.run_id.encode(), run_id.encode())
            blob = transaction.create_blob(told)
            run = msgspec.structs.replace(
                model, run_id=run_id, writer=transaction.writer, seq=transaction.next_sequence, commit=anchor,
                timestamp_utc=when.strftime("%Y-%m-%dT%H:%M:%SZ"), description=idea,
                artifacts={PACKET_FILE: Artifact(blob=blob, size=len(told))},
            )  # fmt: skip
            transaction.add(anchor, encode(run), {PACKET_FILE: blob}, f"discard: {run.description}")
        transaction.commit()


def timed(work: Callable[[], object]) -> float:
    """Wall seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(place: Path, times: int, *commands: list[str]) -> list[float]:
    """The median wall seconds of commands, run in turn so that all meet the same noise."""
    taken: list[list[float]] = [[] for _ in commands]
    for _ in range(times):
        for command, found in zip(commands, taken, strict=True):
            found.append(timed(lambda c=command: subprocess.run(c, cwd=place, capture_output=True, check=True)))  # type: ignore[misc]
    return [round(statistics.median(found), 4) for found in taken]


def measure(writers: int, records: int, times: int, ssh: bool) -> dict[str, object]:
    """Figures for one number of writers."""
    folder = Path(tempfile.mkdtemp(prefix="memorylab-writers-"))
    try:
        sealed(folder)
        source = folder / "source"
        source.mkdir()
        git(source, "init", "-q", "-b", "main")
        (source / "train.py").write_text(SUBJECT)
        git(source, "add", "train.py")
        git(source, "commit", "-q", "-m", "baseline")
        git(source, "memorylab", "init")
        fill(source, writers, records)
        git(folder, "clone", "-q", "--mirror", str(source), "remote.git")
        git(folder / "remote.git", "config", "core.logAllRefUpdates", "false")
        git(folder / "remote.git", "repack", "-adq")
        # As over a network: packed, not linked.
        git(folder, "clone", "-q", (folder / "remote.git").as_uri(), "clone")
        clone = folder / "clone"
        found: dict[str, object] = {"writers": writers, "records": records}
        found["init of a new clone"] = round(timed(lambda: git(clone, "memorylab", "init")), 2)
        found |= _figures(clone, times)
        if ssh:
            with servers.sshd(folder / "sshd") as server:
                os.environ |= server.env[""]
                git(clone, "remote", "set-url", "origin", f"{server.url}{folder / 'remote.git'}")
                fetch, sync = compare(clone, times, FETCH, SYNC)
                git(clone, "remote", "set-url", "origin", (folder / "remote.git").as_uri())
            found["over ssh"] = {"git fetch": fetch, "sync": sync, "sync / fetch": round(sync / fetch, 2)}
        git(clone, "memorylab", "compact", "--days", "30")
        found["after compact"] = _figures(clone, times)
        return found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _figures(clone: Path, times: int) -> dict[str, object]:
    place = locate(clone)
    record(clone, 2 + len(refs.tips(place)))
    git(clone, "memorylab", "sync")
    fetch, sync, nothing = compare(clone, times, FETCH, SYNC, ["python", "-c", "pass"])
    reads = [timed(lambda: Session(clone).recall) for _ in range(times)]
    names = git(clone, "for-each-ref", "--format=%(refname)", "refs/notes", "refs/memorylab/journal").split()
    own = [f"{name}:{name}" for name in names]
    pushes = []
    for n in range(times):
        record(clone, 100_000 + n + len(refs.tips(place)))
        pushes.append(timed(lambda: git(clone, "push", "-q", "--atomic", "origin", *own)))
    log, status = compare(clone, times, ["git", "log", "-1"], ["git", "memorylab", "status"])
    return {
        "refs on the remote": len(git(clone, "ls-remote", "origin").splitlines()),
        "bytes of a listing": len(git(clone, "ls-remote", "origin")),
        "python -c pass": nothing, "git fetch, nothing new": fetch, "sync, nothing new": sync,
        "sync / fetch": round(sync / fetch, 2), "union read": round(statistics.median(reads), 3),
        "git push of one record": round(statistics.median(pushes), 4), "git log -1": log, "status": status,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, nargs="+", default=[10, 1000, 10_000])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--ssh", action="store_true", help="over a server on loopback too")
    given = parser.parse_args()
    for count in given.writers:
        print(json.dumps(measure(count, given.records, given.times, given.ssh), indent=2), flush=True)
