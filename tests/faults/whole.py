"""What must hold after a fault: at once, and after the next command."""

import hashlib
import json
import subprocess
from collections import Counter
from pathlib import Path

from memorylab.store import refs
from memorylab.store.git import locate
from memorylab.store.repo import Store
from tests import memory
from tests.conftest import Lab
from tests.faults.stages import Stage

# Files that flock(2) is called on stay there; any other lock stops git until somebody removes it.
_LOCKS = frozenset(
    ("lock", "index.lock", "seen.lock", "spool.lock", "sync.lock", "display.lock", "claims.lock", "import.lock")
)


class Broken(AssertionError):
    """Something that must hold does not."""


def require(holds: object, said: str) -> None:
    if not holds:
        raise Broken(said)


def everything(path: Path) -> tuple[set[str], set[str]]:
    """The ids of all records that a repository has, of all writers, and of the runs among them. None is half there."""
    found = memory.read(Store(locate(path)))
    require(not found.unreadable, f"unreadable: {[str(one[1])[:200] for one in found.unreadable]}")
    runs = {run.run_id for run in found.runs}
    return {
        *runs, *(plan.id for plan in found.plans.values()),
        *(one.id for one in found.rewrites), *(one.id for one in found.claims),
    }, runs  # fmt: skip


def own(lab: Lab) -> list[dict]:
    """The records of this clone's writer, from first to last, as journal and notes both have them."""
    store = Store(locate(lab.path))
    writer = store.writer()
    tips = store.tips()
    if writer is None or refs.JOURNAL + writer not in tips:
        return []
    entries = list(store.journal(tips[refs.JOURNAL + writer]))[::-1]
    require([one.seq for one in entries] == list(range(1, len(entries) + 1)), "numbers of the journal have gaps")
    found = store.notes(tips[refs.LEDGER + writer]) or ()
    noted = [(anchor, line) for anchor, note in found for line in (note or b"").splitlines()]
    require(Counter(noted) == Counter((one.anchor, one.line) for one in entries), "journal and notes differ")
    for one in entries:
        require(all(store.has(blob) for blob in one.files.values()), f"an artifact of {one.oid} is not here")
    records = [json.loads(one.line) for one in entries]
    count = Counter(record.get("run_id") if record["kind"] == "run" else record["id"] for record in records)
    require(max(count.values()) == 1, f"doubled: {count.most_common(1)}")
    packets = dict(store.notes(tips[refs.DECISIONS + writer]) or ()) if refs.DECISIONS + writer in tips else {}
    for record in records:
        if record["kind"] == "run" and record["decision_packet"] is not None:
            shown = packets.get(record["commit"]) or b""
            require(shown.count(f"- Run: `{record['run_id']}`, ".encode()) == 1, f"no packet of {record['run_id']}")
    return records


def users(lab: Lab, stage: Stage) -> str:
    """A digest of what is none of ours: branches, HEAD and its reflog, index, files."""
    digest = hashlib.sha256()
    git = lab.path / ".git"
    paths = [git / "HEAD", git / "index", git / "logs" / "HEAD", *sorted((git / "refs" / "heads").rglob("*"))]
    paths += [lab.path / name for name in ("train.py", "notes.txt", "old.tsv", "said")]
    if stage.command[0] != "run":
        paths.append(lab.path / "run.log")
    for path in paths:
        digest.update(path.read_bytes() if path.is_file() else b"-")
    return digest.hexdigest()


def never_half(lab: Lab) -> None:
    """What a reader finds right after a kill: files that parse, folders that are whole."""
    folder = lab.path / "results" / "memorylab"
    lines = folder / "experiments.jsonl"
    for line in lines.read_text().splitlines() if lines.exists() else ():
        json.loads(line)
    board = folder / "champion_challenger.json"
    if board.exists():
        json.loads(board.read_text())
    for path in (folder / "runs").glob("*"):
        if not path.name.startswith("."):
            record = json.loads((path / "record.json").read_text())
            there = {file.name for file in path.iterdir()}
            require(there == {"record.json", *record["artifacts"]}, f"{path.name} is half there: {there}")


def views(lab: Lab, runs: set[str]) -> None:
    """The views show all runs, each once, and nothing is left of what was being written."""
    folder = lab.path / "results" / "memorylab"
    shown = [json.loads(line)["run_id"] for line in (folder / "experiments.jsonl").read_text().splitlines()]
    require(sorted(shown) == sorted(runs), "experiments.jsonl is not what the ledger holds")
    rows = (lab.path / "results.tsv").read_text().splitlines()
    require(len(rows) == 1 + len(runs), f"results.tsv has {len(rows) - 1} rows for {len(runs)} runs")
    there = {path.name for path in (folder / "runs").iterdir()}
    require(there == runs, f"runs/ is not what the ledger holds: {there ^ runs}")
    count = json.loads((folder / "champion_challenger.json").read_text())["num_experiments"]
    require(count == len(runs), f"the registry counts {count} of {len(runs)}")


def rendered(lab: Lab) -> dict[str, str]:
    """The views' files by their names."""
    found = {}
    for path in (lab.path / "results.tsv", *sorted((lab.path / "results").rglob("*"))):
        # A report is named after its moment, and is not made anew.
        if path.is_file() and "/reports/2" not in str(path):
            found[str(path.relative_to(lab.path))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def git_is_content(path: Path) -> None:
    """`git fsck --strict` finds nothing, and no lock is in the way of anybody."""
    command = ["git", "fsck", "--strict", "--no-dangling", "--no-progress"]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    require(done.returncode == 0 and not said, f"git fsck: {said[:500]}")
    no_locks(path)


def no_locks(path: Path) -> None:
    """No lock was left that stops git, or us, until somebody removes it. One of a ref that is gone stops nobody."""
    folder = path / ".git" if (path / ".git").exists() else path
    packed = folder / "packed-refs"
    names = {line.split()[-1] for line in packed.read_text().splitlines()} if packed.exists() else set()
    left = []
    for lock in folder.rglob("*.lock"):
        name = str(lock.relative_to(folder)).removesuffix(".lock")
        is_ours = lock.parent.name == "memorylab" and lock.name in _LOCKS or lock.name == "memorylab-views.lock"
        is_gone = name.startswith("refs/") and not (folder / name).exists() and name not in names
        # That of a table keeps it out of a compaction, until what is written a minute later clears it away.
        is_table = name.startswith("reftable/") and name.endswith(".ref")
        if not (is_ours or is_gone or is_table):
            left.append(name)
    require(not left, f"locks were left: {left}")
