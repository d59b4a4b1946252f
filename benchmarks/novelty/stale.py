"""Do repeats of failures succeed when the base has moved in between?

    python -m benchmarks.novelty.stale FOLDER

FOLDER holds ledgers (TSV). Each row that the guard takes for a repeat of a failure is counted by what the verdict says
of the base (stale or not) and by what became of the repeat.
"""

import sys
from collections import Counter
from pathlib import Path

from memorylab.core import evidence, tabular
from memorylab.core.history import Idea
from memorylab.core.record import Run
from memorylab.core.verdict import judge


def runs_of(path: Path) -> list[Run]:
    """The rows of a ledger as runs, in order."""
    rows, _ = tabular.read_tsv(path.read_bytes())
    return [
        Run(
            writer="w", seq=at, run_id=str(at), timestamp_utc=None, branch=None, commit="", parent_commit=None,
            family="", status=row.status, description=row.description, hypothesis="", tags=[], notes="",
            metrics={"val_bpb": None, **row.metrics}, error=None, artifacts={}, novelty_guard=None,
            decision_packet=None, change=None, environment=None,
        )
        for at, row in enumerate(rows, start=1)
    ]  # fmt: skip


def count(runs: list[Run]) -> Counter[tuple[str, str]]:
    """How many repeats of failures there are, by what is said of the base and by their status."""
    found: Counter[tuple[str, str]] = Counter()
    for at, run in enumerate(runs):
        verdict = judge(Idea(run.description), evidence.past(runs[:at], "val_bpb"), "exploit")
        closest = verdict.top_matches[0] if verdict.top_matches else None
        repeats = verdict.classification in ("duplicate_run", "repeat_failure") and closest and closest.status != "keep"
        if repeats:
            found["stale" if verdict.stale else "on the same base", run.status] += 1
    return found


def main(folder: str) -> int:
    total: Counter[tuple[str, str]] = Counter()
    for path in sorted(Path(folder).glob("*.tsv")):
        total += count(runs_of(path))
    for said in ("stale", "on the same base"):
        outcomes = {status: number for (base, status), number in total.items() if base == said}
        print(f"{said}: {sum(outcomes.values())} repeats of failures, {outcomes.get('keep', 0)} of them kept")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
