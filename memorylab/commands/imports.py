"""import: ledgers that were kept as files, upstream's results.tsv and the predecessor's experiments.jsonl."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import msgspec

from memorylab.commands import experiment
from memorylab.commands.session import Session
from memorylab.core import tabular
from memorylab.core.record import ID_PATTERN, Change, Record, Run, decode
from memorylab.core.text import count
from memorylab.errors import BadInput, NotFound
from memorylab.store.transaction import placeholder
from memorylab.views import table

_LARGEST = 1 << 28


class Imported(msgspec.Struct, frozen=True):
    """What became of a file's rows: `rejected` is (line number, reason)."""

    added: int
    known: int
    rejected: list[tuple[int, str]]


def import_file(session: Session, path: Path, family: str = "") -> Imported:
    """Add a file's rows to the ledger, all in one transaction. Rows that are there already are left alone."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise BadInput(f"{path}: {problem.strerror}.", "Give the path of a results.tsv or experiments.jsonl.") from None
    if len(data) > _LARGEST:
        raise BadInput(f"{path} is larger than {_LARGEST:,} bytes.", "Split it.")
    data = _as_utf8(data)
    read = tabular.read_jsonl if data.lstrip()[:1] == b"{" else tabular.read_tsv
    rows, rejected = read(data)
    names = _Anchors(session, rows)
    recorded = (decode(entry.line) for entry in session.store.entries())
    known = {record.run_id: record for record in recorded if isinstance(record, Run)}  # as before any amendment
    ours = _our_rows(session, known)
    lines = data.decode("utf-8", "replace").split("\n")
    records: list[tuple[str, Record]] = []
    for key, row in tabular.keyed(rows):
        line = lines[row.line - 1].rstrip("\r")
        anchor, real = names.anchor(row)
        run = _record(row, _run_id(row, key), anchor, real, names, family)
        if row.run_id and run.run_id in known and not _is_same(run, known[run.run_id]):
            # The predecessor numbered runs by the second, and gave two of one second one id.
            run = msgspec.structs.replace(run, run_id=_derived_id(row, key))
        if run.run_id in known or ours[line] > 0:
            ours[line] -= 1
        else:
            known[run.run_id] = run
            records.append((anchor, run))
    if records:
        session.ledger.append(session.now, records, stand_ins=names.stand_ins())
    return Imported(len(records), len(rows) - len(records), [(bad.line, bad.reason) for bad in rejected])


def _as_utf8(data: bytes) -> bytes:
    """What a spreadsheet saved as UTF-16, or with the line ends of an old Macintosh, as everybody else has it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode()
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _our_rows(session: Session, recorded: Mapping[str, Run]) -> Counter[str]:
    """The lines that a results.tsv of our own holds, or held before an amendment: an edited one has them too."""
    metric = session.settings.metric
    amended = [recorded[run.run_id] for run in session.memory.runs if recorded[run.run_id] != run]
    return Counter(table.row(run, metric).rstrip("\n") for run in [*session.memory.runs, *amended])


def _is_same(one: Run, other: Run) -> bool:
    return (one.status, one.description, one.metrics) == (other.status, other.description, other.metrics)


class _Anchors:
    """Which commit a row is a note on: its own if that is certain, else a placeholder that the journal pins."""

    def __init__(self, session: Session, rows: list[tabular.Row]) -> None:
        self._session = session
        ideas: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            ideas[row.commit.lower()].add(row.description)
        # One hash under several ideas is the base they started from, or the last that was kept: not their code.
        self._shared = {commit for commit, found in ideas.items() if len(found) > 1}
        self._found: dict[str, tuple[str, bool]] = {}
        self._changes: dict[str, Change | None] = {}

    def anchor(self, row: tabular.Row) -> tuple[str, bool]:
        """(commit to annotate, whether it is the run's own)."""
        name = row.commit
        if name not in self._found:
            own = self._own(name)
            self._found[name] = (own or placeholder(name), bool(own))
        return self._found[name]

    def stand_ins(self) -> list[str]:
        """The names that placeholders are needed for."""
        return [name for name, (_, real) in self._found.items() if not real]

    def change(self, oid: str) -> Change | None:
        """What a commit does to the subject."""
        if oid not in self._changes:
            self._changes[oid] = experiment.of_commit(self._session, oid).change
        return self._changes[oid]

    def _own(self, name: str) -> str:
        name = name.lower()
        if name in self._shared or not re.fullmatch(r"[0-9a-f]{6,40}", name):
            return ""
        try:
            found = self._session.reader.resolve(f"{name}^{{commit}}").oid
        except NotFound:
            return ""
        # A branch may be called like a hash, and a tag is not what it points to.
        return found if found.startswith(name) else ""


def _run_id(row: tabular.Row, key: str) -> str:
    given = row.run_id or ""
    if given and len(given) <= 120 and re.search(ID_PATTERN, given):
        return given
    return _derived_id(row, key)


def _derived_id(row: tabular.Row, key: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9]", "", row.commit)[:7] or "nohash"
    return f"imported-{readable}-{key}"


def _record(row: tabular.Row, run_id: str, anchor: str, real: bool, names: _Anchors, family: str) -> Run:
    return Run(
        writer="_", seq=1, run_id=run_id, timestamp_utc=row.timestamp_utc, branch=row.branch,
        commit=anchor if real else row.commit, parent_commit=row.parent_commit, family=row.family or family,
        status=row.status, description=row.description, hypothesis=row.hypothesis, tags=list(row.tags),
        notes=row.notes, metrics=row.metrics, error=row.error, artifacts={}, novelty_guard=None, decision_packet=None,
        change=names.change(anchor) if real else None, environment=None,
    )  # fmt: skip


def summary(done: Imported, path: Path | str) -> str:
    """What the terminal shows."""
    lines = [f"{path}: {count(done.added, 'run')} imported, {done.known} already known, {len(done.rejected)} rejected"]
    reasons = Counter(reason for _, reason in done.rejected)
    lines += [f"  line {line}: {reason}" for line, reason in done.rejected[:20]]
    if len(done.rejected) > 20:
        lines.append(f"  and {len(done.rejected) - 20} more, of {len(reasons)} kinds; --json lists all.")
    return "\n".join(lines)
