"""Import of ledgers that other loops wrote: upstream's results.tsv with its many dialects, and experiments.jsonl.

Every line that is not blank becomes a row, is a header, or is rejected with a reason. A value that cannot be read for
certain becomes null and is kept as text in the notes: a wrong number in a ledger is worse than none.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from memorylab.core import cells as fields
from memorylab.core import text
from memorylab.core.record import ID_PATTERN, MAX_BYTES, Error, Number, Status, to_json
from memorylab.core.summary import MAX_METRICS, MAX_NAME, PUBLISHED, number, tail_of

MAX_DESCRIPTION = 20_000
MAX_NOTES = 100_000

# The header of karpathy/autoresearch, program.md.
_UPSTREAM = ("commit", "val_bpb", "memory_gb", "status", "description")

_ALIASES = {
    **dict.fromkeys(("desc", "change", "idea"), "description"),
    **dict.fromkeys(("outcome", "decision", "verdict"), "status"),
    **dict.fromkeys(("commit_hash", "sha", "hash"), "commit"),
    **dict.fromkeys(("timestamp", "datetime", "created_at"), "timestamp_utc"),
    "parent_hash": "parent_commit",
    "note": "notes",
}
_FIELDS = frozenset(
    ("commit", "status", "description", "timestamp_utc", "family", "hypothesis", "notes", "tags", "branch")
) | {"parent_commit", "run_id"}
_SPOKEN = frozenset(("commit", "description"))  # what results.tsv keeps from being a formula
_METRICS = {name.lower(): name for name in PUBLISHED} | dict.fromkeys(fields.MEMORY, "peak_vram_mb")
# Numbers that name something and measure nothing.
_LABELS = frozenset(("id", "#", "no", "experiment", "exp", "run", "iteration", "iter", "trial", "index", "round"))
_LABELS |= {"seed", "agent", "worker", "author", "device", "gpu", "parent", "date"}

_NAME = re.compile(r"[A-Za-z_#][\w ./%()#-]{0,60}")


class Row(msgspec.Struct, frozen=True):
    """One run as another loop recorded it. `line` counts physical lines from 1; `metrics` holds null for unknown."""

    line: int
    commit: str
    status: Status
    description: str
    metrics: dict[str, Number] = {}
    timestamp_utc: str | None = None
    family: str = ""
    hypothesis: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    run_id: str | None = None
    branch: str | None = None
    parent_commit: str | None = None
    error: Error | None = None


class Rejected(msgspec.Struct, frozen=True):
    """A line that is no row, why, and its beginning."""

    line: int
    reason: str
    text: str


class _Refused(Exception):
    """Why a line is no row."""


def read_tsv(data: bytes) -> tuple[list[Row], list[Rejected]]:
    """The rows of a results.tsv: columns by name, a new header anywhere, quotes are characters. Never raises."""
    rows, rejected, _ = partition_tsv(data)
    return rows, rejected


def partition_tsv(data: bytes) -> tuple[list[Row], list[Rejected], list[int]]:
    """As `read_tsv`, with the lines that are headers: together every line that is not blank."""
    rows: list[Row] = []
    rejected: list[Rejected] = []
    headers: list[int] = []
    columns: list[str] | None = None
    for line, raw in _lines(data, rejected):
        cells = [cell.strip() for cell in raw.split("\t")]
        if _is_header(cells) or (columns is None and _is_foreign_header(cells)):
            headers.append(line)
            columns = [text.inline(cell) for cell in cells]
            continue
        if columns is None and _is_upstream(cells):
            columns = list(_UPSTREAM)
        try:
            if columns is None:
                raise _Refused("no header has named its columns")
            rows.append(_tsv_row(line, columns, cells))
        except _Refused as refusal:
            rejected.append(_rejected(line, str(refusal), raw))
    return rows, sorted(rejected, key=lambda one: one.line), headers


def read_jsonl(data: bytes) -> tuple[list[Row], list[Rejected]]:
    """The rows of an experiments.jsonl, one JSON object per line. Never raises.

    Verdicts, packets and paths of artifacts are left behind: two can be derived again, the paths lead nowhere.
    """
    rows: list[Row] = []
    rejected: list[Rejected] = []
    for line, raw in _lines(data, rejected):
        try:
            found = json.loads(raw)
            if not isinstance(found, dict):
                raise _Refused("it is JSON, but no object")
            rows.append(_json_row(line, found))
        except _Refused as refusal:
            rejected.append(_rejected(line, str(refusal), raw))
        except json.JSONDecodeError as problem:
            rejected.append(_rejected(line, f"it is not JSON: {problem.msg} in column {problem.colno}", raw))
        except (RecursionError, ValueError):
            rejected.append(_rejected(line, "it is not JSON that can be read", raw))
    return rows, sorted(rejected, key=lambda one: one.line)


def import_key(row: Row, occurrence: int) -> str:
    """The identity of a row for an import that can be repeated: 16 hex digits.

    `occurrence` counts identical rows of one file from 1. Where the row stands, and its notes, are no part of it.
    """
    parts = [row.commit, row.status, row.description, row.metrics, row.timestamp_utc, occurrence]
    return hashlib.sha256(to_json(parts)).hexdigest()[:16]


def keyed(rows: Iterable[Row]) -> list[tuple[str, Row]]:
    """Each row with its import key: the same again when more rows have been appended to the file."""
    seen: Counter[str] = Counter()
    found = []
    for row in rows:
        base = import_key(row, 0)
        seen[base] += 1
        found.append((import_key(row, seen[base]), row))
    return found


def _lines(data: bytes, rejected: list[Rejected]) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, decoded, with their numbers; those that are too long go to `rejected`."""
    for line, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if len(raw) > MAX_BYTES:
            start = raw[:1_000].decode("utf-8", "replace")
            rejected.append(_rejected(line, f"it is longer than {MAX_BYTES:,} bytes", start))
        elif (decoded := raw.decode("utf-8", "replace")).strip():
            yield line, decoded.rstrip("\r")


def _rejected(line: int, reason: str, raw: str) -> Rejected:
    return Rejected(line, text.shorten(text.inline(reason), 300), text.shorten(text.inline(raw[:2_000]), 300))


# -- headers: which columns a table has


def _column(name: str) -> str:
    """What a column means: a field of Row, else its name in lower case with underscores."""
    plain = re.sub(r"[\s-]+", "_", name.strip().lower())
    return _ALIASES.get(plain, plain)


def _is_header(cells: list[str]) -> bool:
    """No number, and names that we know: two, or three where one may also be the result of a run ("error")."""
    if not 2 <= len(cells) <= MAX_METRICS or any(number(cell) is not None for cell in cells):
        return False
    names = [_column(cell) for cell in cells]
    known = {name for name in names if name in _FIELDS or name in _METRICS}
    return len(known) >= (3 if any(name in fields.STATUSES for name in names) else 2)


def _is_foreign_header(cells: list[str]) -> bool:
    """Names only, none of a result: the first line of a table of another kind, whose rows are not guessed at."""
    return (
        2 <= len(cells) <= MAX_METRICS
        and len(set(cells)) == len(cells)
        and all(_NAME.fullmatch(cell) and fields.status(cell) is None for cell in cells)
    )


def _is_upstream(cells: list[str]) -> bool:
    return len(cells) == len(_UPSTREAM) and fields.reads_as_number(cells[1]) and fields.status(cells[3]) is not None


def _place(names: list[str], cells: list[str]) -> dict[int, str]:
    """The cells by column number. Raises _Refused where that would take a guess."""
    width = len(names)
    lacking = [name for name in ("status", "description") if name not in names]
    if lacking:
        raise _Refused(f"its table has no {' and no '.join(lacking)} column")
    if len(cells) > width and names[-1] == "description":
        cells = [*cells[: width - 1], " ".join(cells[width - 1 :])]
    elif len(cells) > width and not any(cells[width:]):
        cells = cells[:width]
    if len(cells) == width:
        return dict(enumerate(cells))
    # A short row is anchored by the field that reads as its status: either fields at its end are missing, or the
    # memory, the one measurement that loops are known to leave out.
    orders = [list(range(len(cells))), [index for index, name in enumerate(names) if name not in fields.MEMORY]]
    fits = [dict(zip(order, cells, strict=True)) for order in orders if len(order) == len(cells) < width]
    fits = [fit for fit in fits if _is_plausible(names, fit)]
    if not fits or fits[0] != fits[-1]:
        raise _Refused(f"it has {len(cells)} fields for {width} columns and they cannot be placed without guessing")
    return fits[0]


def _is_plausible(names: list[str], fit: dict[int, str]) -> bool:
    placed = {names[index]: cell for index, cell in fit.items()}
    return (
        fields.status(placed.get("status", "")) is not None
        and all(fields.reads_as_number(cell) for name, cell in placed.items() if name in _METRICS)
        # A measurement where the commit belongs: the commit is what is missing.
        and not ("." in placed.get("commit", "") and number(placed["commit"]) is not None)
    )


class _Draft:
    """A row while it is read."""

    def __init__(self, status_word: str) -> None:
        status = fields.status(status_word)
        if status is None:
            shown = text.shorten(text.inline(status_word), 60)
            raise _Refused(f'its status "{shown}" is not known' if shown else "it has no status")
        self.status: Status = status
        self.metrics: dict[str, Number] = {}
        self.fields: dict[str, Any] = {}
        self.notes: list[str] = []
        if status_word.strip().lower() != status:
            self.note("status", status_word)

    def note(self, name: str, value: object) -> None:
        shown = text.inline(str(value))
        # The absence of a note says what a false flag says.
        if shown.lower() not in fields.ABSENT and shown.lower() != "false":
            self.notes.append(f"{text.shorten(text.inline(name), MAX_NAME) or 'unnamed'}: {shown}")

    def measure(self, header: str, value: object) -> None:
        """A value under a metric's name; what is no number for certain becomes a note."""
        column = _column(header)
        name = _METRICS.get(column, text.inline(header))
        written = text.inline(value) if isinstance(value, str) else to_json(value).decode()
        amount = fields.measure(column, written)
        is_loss = name.endswith(("bpb", "loss"))
        is_metric = is_loss or column in _METRICS
        if amount is None and not (is_metric and written.lower() in fields.ABSENT):
            self.note(header, written)
        if amount is None and not is_metric:
            return
        if not name or len(name) > MAX_NAME or (name not in self.metrics and len(self.metrics) >= MAX_METRICS):
            self.note(header, written)
            return
        # Loops write 0 where nothing was measured; memory is never 0, and a loss never exactly so.
        if amount == 0 and (self.status == "crash" or is_loss or column in fields.MEMORY):
            amount = None
        # Some write a very bad loss for "crashed".
        if self.status == "crash" and name == "val_bpb" and amount is not None:
            self.note(header, written)
            amount = None
        # Where the memory is stated twice, the column in MB is the exact one.
        if self.metrics.get(name) is None or (amount is not None and fields.MEMORY.get(column) == 1):
            self.metrics[name] = amount
        elif amount is not None and column not in fields.MEMORY:
            self.note(header, written)

    def field(self, header: str, value: str) -> None:
        """A cell under the name of a field of Row, or a label."""
        name = _column(header)
        shown = text.inline(value)
        if name in _SPOKEN:
            shown = text.unquoted(shown)
        is_absent = shown.lower() in fields.ABSENT
        if name in self.fields or name not in _FIELDS:
            self.note(header, value)
        elif name in ("commit", "description"):
            self.fields[name] = text.shorten(shown, 1_000 if name == "commit" else MAX_DESCRIPTION)
        elif is_absent:
            pass
        elif name in ("family", "hypothesis"):
            self.fields[name] = text.shorten(shown, MAX_DESCRIPTION)
        elif name in ("branch", "parent_commit"):
            self.fields[name] = text.shorten(shown, 1_000)
        elif name == "notes":
            self.notes.insert(0, shown)
        elif name == "tags":
            self.fields[name] = tuple(tag[:100] for tag in text.tags(value)[:100])
        elif name == "timestamp_utc" and (stamp := fields.timestamp(value, is_utc=header.lower().endswith("utc"))):
            self.fields[name] = stamp
        elif name == "run_id" and len(value) <= 120 and re.match(ID_PATTERN, value):
            self.fields[name] = value
        else:
            self.note(header, value)

    def row(self, line: int, error: Error | None = None) -> Row:
        fields = {"commit": "", "description": ""} | self.fields
        notes = text.shorten("; ".join(self.notes), MAX_NOTES)
        return Row(line=line, status=self.status, metrics=self.metrics, notes=notes, error=error, **fields)


# -- rows


def _tsv_row(line: int, columns: list[str], cells: list[str]) -> Row:
    names = [_column(column) for column in columns]
    placed = _place(names, cells)
    status = names.index("status")
    draft = _Draft(placed[status])
    for index, cell in placed.items():
        if index == status:
            continue
        if names[index] in _FIELDS or names[index] in _LABELS:
            draft.field(columns[index], cell)
        else:
            draft.measure(columns[index], cell)
    return draft.row(line)


def _json_row(line: int, found: dict[str, Any]) -> Row:
    if found.get("kind", "run") != "run":
        raise _Refused("it is not the record of a run")
    for name in ("commit", "status", "description"):
        if not isinstance(found.get(name), str):
            raise _Refused(f"it has no {name}")
    draft = _Draft(found["status"])
    metrics = found.get("metrics")
    for name, value in metrics.items() if isinstance(metrics, dict) else ():
        draft.measure(name, "a nested value" if isinstance(value, dict | list) else value)
    tags = found.get("tags")
    if isinstance(tags, list):
        found = found | {"tags": ",".join(tag for tag in tags if isinstance(tag, str))}
    for name in sorted(_FIELDS - {"status"}):
        if isinstance(found.get(name), str):
            draft.field(name, found[name])
    return draft.row(line, _json_error(found.get("error")) if draft.status == "crash" else None)


def _json_error(found: object) -> Error | None:
    if not isinstance(found, dict) or not isinstance(found.get("summary"), str):
        return None
    tail, source = found.get("tail"), found.get("source")
    return Error(
        summary=text.shorten(text.inline(found["summary"]), 2_000),
        tail=tail_of(line for line in tail if isinstance(line, str)) if isinstance(tail, list) else [],
        source=text.shorten(text.inline(source), 1_000) if isinstance(source, str) else "",
    )
