"""experiments.jsonl and results.tsv, a line for each run: what is new is appended, and only what comes after a run that
came in between, or was amended, is written again."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from memorylab.recall import Recall
from memorylab.store.files import replacing
from memorylab.views import fresh, table
from memorylab.views.fresh import LINES, TABLE, Length, State

_REMEMBERED = 48  # lengths; of those before the latest fewer the older they are


class Grown(NamedTuple):
    """The place of the first run that was written, and how long the files were after so many runs."""

    first: int
    lengths: list[Length]


def write(top: Path, recall: Recall, state: State, metric: str) -> Grown:
    """Bring both files up to the memory."""
    same = recall.same_since(state.version)
    known = [length for length in state.lengths if 0 < length.runs <= same]
    is_ours = fresh.is_intact(top, state, LINES) and fresh.is_intact(top, state, TABLE)
    if not known or not is_ours:
        with replacing(top / LINES) as lines, replacing(top / TABLE) as rows:
            rows.write(table.header(metric).encode())
            for run_line, row in _both(recall, 0, metric):
                lines.write(run_line)
                rows.write(row)
            return Grown(0, [Length(recall.size, lines.tell(), rows.tell())])
    last = known[-1]
    with (top / LINES).open("r+b") as lines, (top / TABLE).open("r+b") as rows:
        for file, length in ((lines, last.lines), (rows, last.rows)):
            file.truncate(length)
            file.seek(length)
        for run_line, row in _both(recall, last.runs, metric):
            lines.write(run_line)
            rows.write(row)
        now = Length(recall.size, lines.tell(), rows.tell())
    return Grown(last.runs, _thinned([*(one for one in known if one.runs < now.runs), now]))


def foreign_rows(found: bytes, recall: Recall, metric: str) -> list[str]:
    """The rows of a results.tsv that the memory does not have."""
    lines = [line for line in found.decode("utf-8", "replace").splitlines() if line.strip()]
    known = {table.header(metric).rstrip("\n")}
    if set(lines) - known:
        known |= {table.row(run, metric).rstrip("\n") for _, run, _ in recall.runs()}
    return [line for line in lines if line not in known]


def _both(recall: Recall, first: int, metric: str) -> Iterator[tuple[bytes, bytes]]:
    for _, run, line in recall.runs(first):
        yield line + b"\n", table.row(run, metric).encode("utf-8", "replace")


def _thinned(lengths: list[Length]) -> list[Length]:
    """Fewer of them: none that is not twice as far back as the one after it, beyond the latest few."""
    kept = lengths[-_REMEMBERED // 2 :]
    end = lengths[-1].runs
    for length in reversed(lengths[: -_REMEMBERED // 2]):
        if end - length.runs >= 2 * (end - kept[0].runs):
            kept.insert(0, length)
    return kept
