"""The ledger: what the rest of the program appends records to."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from memorylab.core.masking.redact import Masked, mask, redact_bytes, redact_record, summed
from memorylab.core.record import Artifact, Claim, Plan, Record, Rewrite, Run, Unreadable, decode, encode, to_json
from memorylab.core.versions import changed
from memorylab.errors import BadInput, MemoryLabError
from memorylab.store import git, refs, seen, writer
from memorylab.store.files import LOCK_SECONDS, locked, write_private
from memorylab.store.git import Place
from memorylab.store.reader import Reader
from memorylab.store.transaction import PACKET_FILE, Transaction, writing

if TYPE_CHECKING:  # a hook appends, and has no time to import libgit2
    from memorylab.store.repo import Journaled, Store

ORIGINALS = "originals"  # a folder of this clone's: what stood where something is masked, for each record
COUNTS_FILE = "redacted.json"  # an artifact: how many credentials of each kind were masked in the run and its artifacts

R = TypeVar("R", bound=Record)


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
    """The records of one clone. With `sign` its journal is signed. Unless `redact` is off, credentials are masked in
    all that is stored; `tell` is told of them, in a line for each append that had any."""

    def __init__(
        self, place: Place, sign: bool = False, reader: Reader | None = None, redact: bool = True,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:  # fmt: skip
        self.place, self._sign, self._reader, self._redact, self._tell = place, sign, reader, redact, tell

    def masked(self, record: R) -> R:
        """A record as it would be stored: without credentials."""
        return redact_record(record)[0] if self._redact else record

    def masked_file(self, content: bytes) -> bytes:
        """An artifact as it would be stored."""
        return redact_bytes(content)[0] if self._redact else content

    def writing(
        self, now: datetime, name: str = "", seconds: float = LOCK_SECONDS
    ) -> AbstractContextManager[Transaction]:
        """A transaction, of which all or nothing is written; as store/transaction.py has it."""
        return writing(self.place, now, name=name, seconds=seconds, sign=self._sign, reader=self._reader)

    def append_run(
        self, now: datetime, anchor: str, draft: Run, files: Mapping[str, bytes], packet: Callable[[Run], str],
        besides: Sequence[Record] = (),
    ) -> Run:  # fmt: skip
        """Store a finished run with its artifacts, and in the same transaction what else there is to say on its commit.
        `draft`'s writer, sequence and artifacts are filled in here; `packet` renders the decision packet of the
        finished record as Markdown."""
        done = self._mask(files, [draft, *besides])
        contents, (draft, *besides) = done.files, done.records
        if done.counts:
            contents[COUNTS_FILE] = to_json(done.counts) + b"\n"
        self._keep(draft.run_id, done)
        with self.writing(now) as transaction:
            if draft.decision_packet is not None:
                contents["decision_packet.json"] = msgspec.json.format(to_json(draft.decision_packet), indent=2) + b"\n"
                contents[PACKET_FILE] = packet(draft).encode()
            blobs = {name: transaction.create_blob(content) for name, content in contents.items()}
            artifacts = {name: Artifact(blob=blobs[name], size=len(contents[name])) for name in sorted(blobs)}
            run = self._number(transaction, msgspec.structs.replace(draft, artifacts=artifacts))
            self._add(transaction, anchor, run, blobs)
            for record in besides:
                self._add(transaction, anchor, self._number(transaction, record), {})
        self._warn(draft.run_id, done)
        return run

    def append(
        self, now: datetime, anchored: list[tuple[str, Record]], seconds: float = LOCK_SECONDS,
        stand_ins: Iterable[str] = (),
    ) -> list[Record]:  # fmt: skip
        """Store records that have no artifacts, all in one transaction: (the commit they are notes on, record). First
        of all the commits are made that stand for those of some names, which are not here."""
        done = self._mask({}, [record for _, record in anchored])
        anchored = [(anchor, record) for (anchor, _), record in zip(anchored, done.records, strict=True)]
        first = anchored[0][1].id if anchored else ""
        self._keep(first, done)
        with self.writing(now, seconds=seconds) as transaction:
            for name in stand_ins:
                transaction.stand_in(name)
            written = []
            for anchor, draft in anchored:
                record = self._number(transaction, draft)
                self._add(transaction, anchor, record, {})
                written.append(record)
        self._warn(first, done)
        return written

    def _mask(self, files: Mapping[str, bytes], records: Sequence[Record]) -> Masked:
        return mask(files, records) if self._redact else Masked(dict(files), list(records), {}, {})

    def _originals(self, name: str) -> Path:
        return self.place.state / ORIGINALS / name

    def _keep(self, name: str, masked: Masked) -> None:
        """Put what stood where something is masked now where only this user reads it; before the masked is there."""
        for file, content in masked.originals.items():
            write_private(self._originals(name) / file, content)

    def _warn(self, name: str, masked: Masked) -> None:
        if masked.originals:
            where = self._originals(name)
            self._tell(f"{summed(masked.counts)} masked; what was there is in {where}, which is never pushed")

    def part(self, now: datetime, theirs: str | None, store: Store) -> str:
        """Become a writer of another name, because another clone writes under ours, and write anew what that one's
        journal, at the commit `theirs` (None: it has none), does not have. The new name."""
        with locked(self.place.state / "lock"):
            self._refuse_damaged(store, theirs or "")
            writer.change(self.place.common_dir, theirs or "")
        return self.settle(now, store)

    def _refuse_damaged(self, store: Store, theirs: str) -> None:
        """Raises BadInput if not all that was noted under our name is in our journal, or in the one of another clone at
        `theirs`: it would be let go of with the name. So would be what is about a commit that is not here."""
        me = writer.current(self.place.common_dir) or ""
        tip = refs.at(self.place, [refs.LEDGER + me]).get(refs.LEDGER + me)
        known: set[bytes] = set()
        with suppress(MemoryLabError):
            known.update(entry.line for entry in self._journal(store, theirs))
        with suppress(MemoryLabError):
            known.update(
                entry.line for entry in self._journal(store, refs.JOURNAL + me)
                if entry.line in known or store.reader.kind(entry.anchor) == "commit"
            )  # fmt: skip
        lost = [entry for entry in store.entries_of([(me, tip)] if tip else []) if entry.line not in known]
        if lost:
            raise BadInput(f"Not all that {me} has noted is in its journal, with its commit.", git.MEND)

    def settle(self, now: datetime, store: Store) -> str:
        """Finish `part`, also after a process that was killed in it. This clone's name."""
        place = self.place
        with self.writing(now) as transaction:
            # Read under the lock, from where on nobody writes under the former name.
            former, theirs = writer.former(place.common_dir) or ("", "")
            has: set[bytes] = set()
            # Somebody may have put something else there, which has nothing of ours.
            with suppress(MemoryLabError):
                has.update(entry.line for entry in self._journal(store, theirs))
            written = (decode(entry.line) for entry in self._journal(store, refs.JOURNAL + transaction.writer))
            done = {record.id for record in written if not isinstance(record, Unreadable)}
            for entry in reversed(list(self._journal(store, refs.JOURNAL + former))):
                record = decode(entry.line)
                if entry.line in has:
                    continue
                if isinstance(record, Unreadable):
                    raise BadInput(f"Entry {entry.seq} of {former} cannot be read: {record.reason}.", "Update.")
                if record.id not in done:
                    line = changed(entry.line, writer=transaction.writer, seq=transaction.next_sequence)
                    transaction.add(entry.anchor, line, entry.files, title(record))
            store.hand_over(former, transaction.writer)
        seen.forget(place, refs.owned(former))
        with locked(place.state / "lock"):
            writer.save(place.common_dir, transaction.writer)
        return transaction.writer

    def _journal(self, store: Store, revision: str) -> Iterator[Journaled]:
        """The entries of a journal, by its ref or the commit that it is at, the latest first; none if there is none."""
        tip = refs.at(self.place, [revision]).get(revision) if revision.startswith(refs.JOURNAL) else revision
        return store.journal(tip) if tip else iter(())

    def _number(self, transaction: Transaction, draft: R) -> R:
        return msgspec.structs.replace(draft, writer=transaction.writer, seq=transaction.next_sequence)

    def _add(self, transaction: Transaction, anchor: str, record: Record, blobs: dict[str, str]) -> None:
        transaction.add(anchor, check_line(record), blobs, title(record))


def title(record: Record) -> str:
    """The subject of a journal commit: what `git log` of the journal shows."""
    if isinstance(record, Run):
        return f"{record.status}: {record.description}"[:200]
    if isinstance(record, Plan):
        return f"plan: {record.description}"[:200]
    if isinstance(record, Rewrite):
        return f"rewrite: {record.old_commit[:7]} is {record.commit[:7]} now"
    if isinstance(record, Claim):
        return f"{record.outcome or 'claim'}: {record.claim_id or record.description}"[:200]
    return f"amend: {record.run_id}"
