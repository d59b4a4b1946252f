"""The ledger: the union of all writers' records. What the rest of the program reads and appends to."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from memorylab import index
from memorylab.core.record import (
    Amend,
    Artifact,
    Claim,
    Plan,
    Record,
    Rewrite,
    Run,
    Unreadable,
    amended,
    decode,
    encode,
    same_but_for_writer,
    to_json,
)
from memorylab.errors import BadInput, MemoryLabError, NotFound
from memorylab.store import refs, seen, writer
from memorylab.store.files import LOCK_SECONDS, locked
from memorylab.store.repo import Journaled, Store
from memorylab.store.swap import current
from memorylab.store.transaction import PACKET_FILE, Transaction

R = TypeVar("R", bound=Record)

__all__ = ["Ledger", "Memory", "check_line", "new_id", "timestamp"]


class Memory(msgspec.Struct, frozen=True):
    """Everything that is known, at one moment.

    `runs` is in the order of the views (time, writer, sequence; imported rows without a time first), amendments
    applied; `lines` holds the canonical line of each, `anchors` the commit that each is a note on; `plans` is
    by commit.
    """

    runs: tuple[Run, ...] = ()
    lines: dict[str, bytes] = {}
    anchors: dict[str, str] = {}
    plans: dict[str, Plan] = {}
    rewrites: tuple[Rewrite, ...] = ()
    claims: tuple[Claim, ...] = ()
    unreadable: tuple[tuple[str, Unreadable], ...] = ()

    def find(self, name: str) -> Run:
        """The run that a run id, a unique part of one, or a commit (the latest run on it) names. Raises NotFound."""
        wanted = name.strip()
        exact = [run for run in self.runs if run.run_id == wanted]
        on_commit = [run for run in self.runs if len(wanted) >= 4 and run.commit.startswith(wanted)]
        partly = [run for run in self.runs if len(wanted) >= 4 and wanted in run.run_id]
        for found in (exact, on_commit[-1:], partly):
            if len(found) == 1:
                return found[0]
        if partly:
            raise NotFound(f"{wanted!r} is part of {len(partly)} run ids.", "Give more of it.")
        raise NotFound(f"No run is called {wanted!r}.", "`git memorylab status` names the latest ones.")


def check_line(record: Record) -> bytes:
    """The canonical line of a record. Raises BadInput if it cannot be one."""
    try:
        return encode(record)
    except ValueError as problem:
        raise BadInput(f"This cannot be recorded: {problem}.", "Correct it; nothing was written.") from None


def timestamp(now: datetime) -> str:
    """A time as the records have it: UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id(now: datetime, commit: str) -> str:
    """<UTC time>-<short commit>-<64 random bits>: unique also for two runs in one second on one commit."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{commit[:7]}-{secrets.token_hex(8)}"


class Ledger:
    """The records of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def read(self) -> Memory:
        """The union of all ledgers. Lines that cannot be read are kept where they are and counted here."""
        records: dict[str, tuple[Record, bytes, str]] = {}
        unreadable: dict[bytes, tuple[str, Unreadable]] = {}
        for entry in index.entries(self.store):
            record = decode(entry.line)
            if not isinstance(record, Unreadable) and record.writer != entry.writer:
                record = Unreadable(entry.line, f"it says it is by {record.writer}")
            if isinstance(record, Unreadable):
                # The same line may stand in several ledgers, on several commits; no order of reading must decide.
                unreadable[entry.line] = (min(entry.writer, unreadable.get(entry.line, (entry.writer,))[0]), record)
                continue
            known = records.get(record.id)
            if known is not None and known[1] == entry.line:
                records[record.id] = (record, entry.line, min(known[2], entry.anchor))
                continue
            # Two records of one id can only be a mistake or an attack; every clone must settle on the same one.
            if known is not None:
                if same_but_for_writer(known[0], record):
                    # A writer who had to part from a namesake has written it anew.
                    if known[1] < entry.line:
                        continue
                    records[record.id] = (record, entry.line, entry.anchor)
                    continue
                loser = max(known[1], entry.line)
                unreadable[loser] = (entry.writer, Unreadable(loser, f"another record has its id {record.id}"))
                if loser == entry.line:
                    continue
            records[record.id] = (record, entry.line, entry.anchor)
        return _memory(records, tuple(unreadable[line] for line in sorted(unreadable)))

    def append_run(
        self, now: datetime, anchor: str, draft: Run, files: Mapping[str, bytes], packet: Callable[[Run], str],
        besides: Sequence[Record] = (),
    ) -> Run:  # fmt: skip
        """Store a finished run with its artifacts, and in the same transaction what else there is to say on its commit.
        `draft`'s writer, sequence and artifacts are filled in here; `packet` renders the decision packet of the
        finished record as Markdown."""
        with self.store.transaction(now) as transaction:
            contents = dict(files)
            if draft.decision_packet is not None:
                contents["decision_packet.json"] = msgspec.json.format(to_json(draft.decision_packet), indent=2) + b"\n"
                contents[PACKET_FILE] = packet(draft).encode()
            blobs = {name: transaction.create_blob(content) for name, content in contents.items()}
            artifacts = {name: Artifact(blob=blobs[name], size=len(contents[name])) for name in sorted(blobs)}
            run = self._number(transaction, msgspec.structs.replace(draft, artifacts=artifacts))
            self._add(transaction, anchor, run, blobs)
            for record in besides:
                self._add(transaction, anchor, self._number(transaction, record), {})
        return run

    def append(self, now: datetime, anchored: list[tuple[str, Record]], seconds: float = LOCK_SECONDS) -> list[Record]:
        """Store records that have no artifacts, all in one transaction: (the commit they are notes on, record)."""
        with self.store.transaction(now, seconds=seconds) as transaction:
            written = []
            for anchor, draft in anchored:
                record = self._number(transaction, draft)
                self._add(transaction, anchor, record, {})
                written.append(record)
        return written

    def part(self, now: datetime, theirs: str | None) -> str:
        """Become a writer of another name, because another clone writes under ours, and write anew what that one's
        journal, at the commit `theirs` (None: it has none), does not have. The new name."""
        with locked(self.store.state / "lock"):
            writer.change(self.store.place.common_dir, theirs or "")
        return self.settle(now)

    def settle(self, now: datetime) -> str:
        """Finish `part`, also after a process that was killed in it. This clone's name."""
        place = self.store.place
        with self.store.transaction(now) as transaction:
            # Read under the lock, from where on nobody writes under the former name.
            former, theirs = writer.former(place.common_dir) or ("", "")
            has: set[bytes] = set()
            # Somebody may have put something else there, which has nothing of ours.
            with suppress(MemoryLabError):
                has.update(entry.line for entry in self._journal(theirs))
            written = (decode(entry.line) for entry in self._journal(refs.JOURNAL + transaction.writer))
            done = {record.id for record in written if not isinstance(record, Unreadable)}
            for entry in reversed(list(self._journal(refs.JOURNAL + former))):
                record = decode(entry.line)
                if entry.line in has:
                    continue
                if isinstance(record, Unreadable):
                    raise BadInput(f"Entry {entry.seq} of {former} cannot be read: {record.reason}.", "Update.")
                if record.id not in done:
                    self._add(transaction, entry.anchor, self._number(transaction, record), entry.files)
            self.store.hand_over(former, transaction.writer)
        seen.forget(place, refs.owned(former))
        with locked(self.store.state / "lock"):
            writer.save(place.common_dir, transaction.writer)
        return transaction.writer

    def _journal(self, revision: str) -> Iterator[Journaled]:
        """The entries of a journal, by its ref or the commit that it is at, the latest first; none if there is none."""
        tip = current(self.store.repo, revision) if revision.startswith(refs.JOURNAL) else revision
        return self.store.journal(str(tip)) if tip else iter(())

    def _number(self, transaction: Transaction, draft: R) -> R:
        return msgspec.structs.replace(draft, writer=transaction.writer, seq=transaction.next_sequence)

    def _add(self, transaction: Transaction, anchor: str, record: Record, blobs: dict[str, str]) -> None:
        transaction.add(anchor, check_line(record), blobs, _title(record))


def _title(record: Record) -> str:
    """The subject of the journal commit: what `git log` of the journal shows."""
    if isinstance(record, Run):
        return f"{record.status}: {record.description}"[:200]
    if isinstance(record, Plan):
        return f"plan: {record.description}"[:200]
    if isinstance(record, Rewrite):
        return f"rewrite: {record.old_commit[:7]} is {record.commit[:7]} now"
    if isinstance(record, Claim):
        return f"{record.outcome or 'claim'}: {record.claim_id or record.description}"[:200]
    return f"amend: {record.run_id}"


def _order(record: Record) -> tuple[str, str, int, str]:
    # A writer that forked has two records of one number: their ids keep equal ledgers in one order.
    return record.timestamp_utc or "", record.writer, record.seq, record.id


def _memory(records: dict[str, tuple[Record, bytes, str]], unreadable: tuple[tuple[str, Unreadable], ...]) -> Memory:
    runs: dict[str, Run] = {}
    lines: dict[str, bytes] = {}
    anchors = {}
    plans: dict[str, Plan] = {}
    rewrites = []
    claims = []
    ordered = sorted(records.values(), key=lambda item: _order(item[0]))
    for record, line, anchor in ordered:
        anchors[record.id] = anchor
        if isinstance(record, Run):
            runs[record.run_id] = record
            lines[record.run_id] = line
        elif isinstance(record, Plan):
            plans[record.commit] = record
        elif isinstance(record, Rewrite):
            rewrites.append(record)
        elif isinstance(record, Claim):
            claims.append(record)
    for record, _, _ in ordered:
        if isinstance(record, Amend) and record.run_id in runs:
            runs[record.run_id] = amended(runs[record.run_id], record)
            lines[record.run_id] = to_json(runs[record.run_id])
    return Memory(tuple(runs.values()), lines, anchors, plans, tuple(rewrites), tuple(claims), unreadable)
