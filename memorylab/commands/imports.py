"""import: ledgers that were kept as files, upstream's results.tsv and the predecessor's experiments.jsonl."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from memorylab.commands import experiment
from memorylab.commands.session import Session
from memorylab.core import tabular
from memorylab.core.record import ID_PATTERN, Change, Record, Run
from memorylab.core.text import count
from memorylab.errors import BadInput
from memorylab.recall import Recall
from memorylab.store.files import locked
from memorylab.store.reader import commits
from memorylab.store.transaction import placeholder
from memorylab.views import table

_LARGEST = 1 << 28
_STEP = 50  # rows between two words on how far it has come
_HASH = re.compile(r"[0-9a-f]{6,}")


class Imported(msgspec.Struct, frozen=True):
    """What became of a file's rows: `rejected` is (line number, reason)."""

    added: int
    known: int
    rejected: list[tuple[int, str]]


def import_file(session: Session, path: Path, family: str = "") -> Imported:
    """Add a file's rows to the ledger, all in one transaction. Rows that are there already are left alone."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as problem:
        raise BadInput(f"{path}: {problem.strerror}.", "Give the path of a results.tsv or experiments.jsonl.") from None
    if len(data) > _LARGEST:
        raise BadInput(f"{path} is larger than {_LARGEST:,} bytes.", "Split it.")
    # Two at once would each add what the other is about to.
    with locked(session.place.state / "import.lock"):
        return _take(session, _as_utf8(data), family)


def _take(session: Session, data: bytes, family: str) -> Imported:
    read = tabular.read_jsonl if data.lstrip()[:1] == b"{" else tabular.read_tsv
    rows, rejected = read(data)
    names = _Anchors(session, rows)
    lines = [line.rstrip("\r") for line in data.decode("utf-8", "replace").split("\n")]
    recall = session.again().recall  # closed at the end of this: the index grows without bound while it is being read
    known = _Known(recall)
    ours = _our_rows(recall, session.settings.metric, (lines[row.line - 1] for row in rows))
    records: list[tuple[str, Record]] = []
    stand_ins: dict[str, None] = {}
    tell = session.progress("Importing")
    for done, (key, row) in enumerate(tabular.keyed(rows), start=1):
        if tell is not None and (done % _STEP == 0 or done == len(rows)):
            tell(done, len(rows))
        line = lines[row.line - 1]
        anchor, real = names.anchor(row)
        # As it is stored, so that it is known again.
        run = session.ledger.masked(
            _record(row, _run_id(row, key), anchor, real, names, family, session.settings.metric)
        )
        if row.run_id and not known.may_be(run):
            # The predecessor numbered runs by the second, and gave two of one second one id.
            run = msgspec.structs.replace(run, run_id=_derived_id(row, key))
        if run.run_id in known or ours[line] > 0:
            ours[line] -= 1
        else:
            known.add(run)
            if not real:
                stand_ins[row.commit] = None
            records.append((anchor, run))
    if records:
        session.ledger.append(session.now, records, stand_ins=stand_ins)
    return Imported(len(records), len(rows) - len(records), [(bad.line, bad.reason) for bad in rejected])


def _as_utf8(data: bytes) -> bytes:
    """What a spreadsheet saved as UTF-16, or with the line ends of an old Macintosh, as everybody else has it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode()
    return data if b"\n" in data else data.replace(b"\r", b"\n")


class _Known:
    """The runs that there are, as they were before any amendment, and those that come."""

    def __init__(self, recall: Recall) -> None:
        self._recall = recall
        self._new: dict[str, Run] = {}

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._new or self._recall.has(run_id)

    def add(self, run: Run) -> None:
        self._new[run.run_id] = run

    def may_be(self, run: Run) -> bool:
        """Whether no other run has its id."""
        other = self._new.get(run.run_id) or self._recall.recorded(run.run_id)
        return other is None or (run.status, run.description, run.metrics) == (
            other.status, other.description, other.metrics
        )  # fmt: skip


def _our_rows(recall: Recall, metric: str, lines: Iterable[str]) -> Counter[str]:
    """Those of some lines that a results.tsv of our own holds, or held before an amendment: an edited one has them
    too."""
    found = Counter[str]()
    for commit in {line.partition("\t")[0] for line in lines}:
        for run, amended in recall.on(commit):
            found.update(
                table.row(one, metric).rstrip("\n") for one in ([amended] if run == amended else [run, amended])
            )
    return found


class _Anchors:
    """Which commit a row is a note on: its own if that is certain, else a placeholder that the journal pins."""

    def __init__(self, session: Session, rows: list[tabular.Row]) -> None:
        self._session = session
        ideas: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            ideas[row.commit.lower()].add(row.description)
        # One hash under several ideas is the base they started from, or the last that was kept: not their code.
        may_be = [commit for commit, found in ideas.items() if len(found) == 1 and _HASH.fullmatch(commit)]
        self._own = dict(zip(may_be, commits(session.place, may_be), strict=True))
        self._found: dict[str, tuple[str, bool]] = {}
        self._changes: dict[str, Change | None] = {}

    def anchor(self, row: tabular.Row) -> tuple[str, bool]:
        """(commit to annotate, whether it is the run's own)."""
        name = row.commit
        if name not in self._found:
            own = self._own.get(name.lower())
            # A branch may be called like a hash, and a tag is not what it points to.
            real = own is not None and own.startswith(name.lower())
            self._found[name] = own if real and own else placeholder(self._session.place.form, name), real
        return self._found[name]

    def change(self, oid: str) -> Change | None:
        """What a commit does to the subject."""
        if oid not in self._changes:
            self._changes[oid] = experiment.of_commit(self._session, oid).change
        return self._changes[oid]


def _run_id(row: tabular.Row, key: str) -> str:
    given = row.run_id or ""
    if given and len(given) <= 120 and re.search(ID_PATTERN, given):
        return given
    return _derived_id(row, key)


def _derived_id(row: tabular.Row, key: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9]", "", row.commit)[:7] or "nohash"
    return f"imported-{readable}-{key}"


def _record(
    row: tabular.Row, run_id: str, anchor: str, real: bool, names: _Anchors, family: str, metric: str
) -> Run:  # fmt: skip
    metrics, notes = row.metrics, row.notes
    if row.status == "crash" and metrics.get(metric) is not None:
        # What a crash states of the metric is how bad it is to crash, and no result.
        notes = "; ".join(filter(None, [notes, f"{metric}: {metrics[metric]}"]))
        metrics = metrics | {metric: None}
    return Run(
        writer="_", seq=1, run_id=run_id, timestamp_utc=row.timestamp_utc, branch=row.branch,
        commit=anchor if real else row.commit, parent_commit=row.parent_commit, family=row.family or family,
        status=row.status, description=row.description, hypothesis=row.hypothesis, tags=list(row.tags),
        notes=notes, metrics=metrics, error=row.error, artifacts={},
        novelty_guard=None, decision_packet=None, change=names.change(anchor) if real else None, environment=None,
    )  # fmt: skip


def summary(done: Imported, path: Path | str) -> str:
    """What the terminal shows."""
    lines = [f"{path}: {count(done.added, 'run')} imported, {done.known} already known, {len(done.rejected)} rejected"]
    reasons = Counter(reason for _, reason in done.rejected)
    lines += [f"  line {line}: {reason}" for line, reason in done.rejected[:20]]
    if len(done.rejected) > 20:
        lines.append(f"  and {len(done.rejected) - 20} more, of {len(reasons)} kinds; --json lists all.")
    return "\n".join(lines)
