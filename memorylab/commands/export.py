"""export: the whole ledger for other programs, run by run as it is read, so that its length does not matter."""

import csv
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from memorylab.commands import tracking
from memorylab.commands.extras import library
from memorylab.commands.session import Session
from memorylab.core.record import Run
from memorylab.core.text import inline, quoted
from memorylab.errors import BadInput, UsageError
from memorylab.store import files
from memorylab.views import table

COLUMNS = (
    "run_id", "timestamp_utc", "writer", "branch", "commit", "parent_commit", "status", "family", "description",
    "hypothesis", "tags",
)  # fmt: skip
METRIC = "metrics."  # stands before the name of each metric, which may be that of a column
GROUP = 10_000  # rows of a Parquet file that are held in memory, and written as one group

Runs = Callable[[], Iterable[tuple[Run, bytes]]]  # every run with its canonical line, from the first one at each call

_ENDINGS = {".jsonl": "jsonl", ".tsv": "tsv", ".csv": "csv", ".parquet": "parquet"}
_TIME = COLUMNS.index("timestamp_utc")


def export(session: Session, form: str | None, output: str | None) -> str | None:
    """Write every run in the order of the views, amendments applied. What was written; None where that is stdout.

    Without `form` the ending of `output` tells. A file is there whole or not at all: a kill or a full disk leaves what
    was there before. Raises UsageError for a binary format without a file, BadInput where nothing can be written,
    MemoryLabError where a library is missing.
    """
    form = form or _ENDINGS.get(Path(output or "").suffix.lower(), "jsonl")
    to_stdout = output is None or output == "-"
    if form == "mlflow":
        if to_stdout:
            raise UsageError("An MLflow store is no stream.", "Give --output PATH, of its SQLite file, or a URI.")
        return tracking.export(_runs(session), str(output))
    if to_stdout and sys.stdout is None:
        raise UsageError("stdout is closed.", "Give --output PATH.")
    if form == "parquet" and (output is None or (to_stdout and sys.stdout.isatty())):
        raise UsageError("Parquet is not for a terminal.", "Give --output PATH.")
    write = _writer(session, form)
    if to_stdout:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return None
    with _whole(Path(str(output))) as file:
        write(file)
    return output


def _writer(session: Session, form: str) -> Callable[[BinaryIO], None]:
    runs = partial(_runs, session)
    if form == "parquet":
        return partial(_parquet, runs)
    lines: dict[str, Callable[[], Iterator[bytes]]] = {
        "jsonl": lambda: (line + b"\n" for _, line in runs()),
        "tsv": lambda: tsv_lines(runs, session.settings.metric),
        "csv": lambda: csv_lines(runs),
    }
    return lambda file: file.writelines(lines[form]())


def _runs(session: Session) -> Iterator[tuple[Run, bytes]]:
    return ((run, line) for _, run, line in session.recall.runs())


def tsv_lines(runs: Runs, metric: str) -> Iterator[bytes]:
    """results.tsv, line by line."""
    yield table.header(metric).encode()
    for run, _ in runs():
        yield table.row(run, metric).encode()


class _Echo:
    """Hands a row back instead of keeping it."""

    def write(self, row: str) -> str:
        return row


def csv_lines(runs: Runs) -> Iterator[bytes]:
    """RFC 4180, which has CR LF, in UTF-8. A cell that a spreadsheet would take for a
    formula begins with "'"."""
    metrics = _metrics(runs)
    writer = csv.writer(_Echo())
    yield writer.writerow([*COLUMNS, *(inline(METRIC + name) for name in metrics)]).encode()
    for run, _ in runs():
        cells = _cells(run, metrics)
        yield writer.writerow([_disarmed(cell) for cell in cells]).encode()


def _disarmed(cell: Any) -> Any:
    said = ",".join(cell) if isinstance(cell, list) else cell
    return quoted(inline(said)) if isinstance(said, str) else said


def _metrics(runs: Runs) -> dict[str, None]:
    """The names of all metrics, sorted: a pass of its own, because a table's header comes before its rows."""
    return dict.fromkeys(sorted({name for run, _ in runs() for name in run.metrics}))


def _cells(run: Run, metrics: dict[str, None]) -> list[Any]:
    """One row. Raises BadInput if the run came since the columns were counted, and needs one more."""
    if not run.metrics.keys() <= metrics.keys():
        raise BadInput("The ledger grew by a new metric while it was exported.", "Export again.")
    return [*(getattr(run, name) for name in COLUMNS), *map(run.metrics.get, metrics)]


def is_metric(column: str) -> bool:
    """Whether a column is one of the metrics'."""
    return column.startswith(METRIC)


def typed_columns(found: Sequence[Run]) -> dict[str, list[Any]]:
    """The columns of the Parquet file by name, of some runs that are held in memory."""
    metrics = _metrics(lambda: ((run, b"") for run in found))
    rows = [_typed(_cells(run, metrics)) for run in found]
    names = [*COLUMNS, *(METRIC + name for name in metrics)]
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def _parquet(runs: Runs, file: BinaryIO) -> None:
    """The columns of the CSV, typed: times to the microsecond, tags as lists, metrics as doubles."""
    arrow, parquet = library("pyarrow", "parquet"), library("pyarrow.parquet", "parquet")
    metrics = _metrics(runs)
    kinds = {"timestamp_utc": arrow.timestamp("us", tz="UTC"), "tags": arrow.list_(arrow.string())}
    fields = [(name, kinds.get(name, arrow.string())) for name in COLUMNS]
    schema = arrow.schema(fields + [(METRIC + name, arrow.float64()) for name in metrics])
    rows = (_typed(_cells(run, metrics)) for run, _ in runs())
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(rows, GROUP)):
            columns = zip(zip(*group, strict=True), schema.types, strict=True)
            arrays = [arrow.array(column, kind) for column, kind in columns]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _typed(cells: list[Any]) -> list[Any]:
    said, numbers = cells[: len(COLUMNS)], cells[len(COLUMNS) :]
    said[_TIME] = None if said[_TIME] is None else datetime.fromisoformat(said[_TIME])
    return said + [None if number is None else float(number) for number in numbers]


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes its name when all of it is written."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise _refused(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    try:
        with files.output(path) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as problem:
        # What names a file elsewhere was read, and is somebody else's trouble.
        if problem.filename is not None and Path(problem.filename).parent not in (path.parent, target.parent):
            raise
        raise _refused(path, problem) from None


def _refused(path: Path, problem: OSError) -> BadInput:
    return BadInput(f"{path} cannot be written: {problem.strerror or problem}.", "Give another --output PATH.")
