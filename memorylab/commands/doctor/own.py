"""What this clone's own refs hold, beside what they ought to: the records that journal and notes have together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec

from memorylab import index
from memorylab.commands import experiment
from memorylab.commands.doctor.findings import Patient
from memorylab.commands.doctor.objects import is_whole
from memorylab.commands.doctor.said import Said, said
from memorylab.core import decision
from memorylab.core.record import Run, to_json
from memorylab.errors import MemoryLabError, NotFound
from memorylab.store import rebuild, refs
from memorylab.store.pack import Pack
from memorylab.store.reader import contents
from memorylab.store.rebuild import Commit, Entry, Noted
from memorylab.store.repo import Journaled, Store
from memorylab.store.transaction import PACKET_FILE, placeholder

Line = tuple[str, bytes]  # (annotated commit, line)


class Own:
    """The own refs of a clone that writes as `me`.

    `chain` is the journal, the earliest entry first, as far as it can be followed from its tip, `broken` why it cannot
    be further. `entries` are those that it is to have, by number. Of them `from_notes` and `from_objects` are not in it
    now; `made` are artifacts of theirs that can be made again, by id. `twice` are notes whose number another record
    has, `copied` those that are another commit's, `strange` those that cannot be read.
    """

    def __init__(self, patient: Patient, me: str) -> None:
        self.place, self.store, self.reader, self.me = patient.place, patient.session.store, patient.session.reader, me
        self.session = patient.session
        self.tips = {kind: patient.tips.get(ref) for kind, ref in refs.of(me)}
        self.copies = {kind: [tip for name, tip in self._chains(patient, kind) if name == me] for kind in refs.OWN}
        chain, self.broken = walk(self.store, self.tips["journal"])
        self.chain = chain[::-1]
        self.noted = self._noted("ledger")
        self.decided = self._noted("decisions")
        self.entries: dict[int, Entry] = {}
        self.made: dict[str, bytes] = {}
        self.from_notes: list[int] = []
        self.from_objects: list[int] = []
        self.twice: list[tuple[int, Line]] = []
        self.copied: list[Line] = []
        self.strange: list[Line] = []
        self._gather()

    def _chains(self, patient: Patient, kind: str) -> list[tuple[str, str]]:
        return refs.chains(patient.tips, kind)[0]

    def _noted(self, kind: str) -> Noted:
        tip = self.tips[kind]
        if tip is not None:
            self.store.complete_notes(tip)
        return rebuild.read(self.place, tip)

    @cached_property
    def salvage(self) -> tuple[list[Commit], list[Commit]]:
        """What may be of use of all commits that are here."""
        return rebuild.commits(self.place)

    # -- the records ------------------------------------------------------------------------------------------------

    def _gather(self) -> None:
        for one in self.chain:
            record = self._mine(one.line)
            seq = one.seq if record is None else record.seq
            if seq in self.entries:
                self.twice.append((seq, (one.anchor, one.line)))
            else:
                self.entries[seq] = self._entry(seq, one.anchor, one.line, one.files, record)
        noted = list(self._noted_lines())
        numbers = {record.seq for _, _, record in noted if record is not None} | self.entries.keys()
        is_gone = self.tips["journal"] is None and bool(noted)
        if self.broken or is_gone or len(numbers) < max(numbers, default=0):
            self._gather_objects(noted)
        self._gather_notes(noted)
        if self.gaps and self.tips["ledger"] is not None:
            self._gather_former(self.tips["ledger"])
        if self.gaps or self.broken or not self.noted.is_readable:
            self._gather_index()
        self.from_notes.sort()
        self.from_objects.sort()

    def _gather_objects(self, noted: list[tuple[str, bytes, Said | None]]) -> None:
        # What a killed log has left is no record where its number has become another's.
        lines = {record.seq: line for _, line, record in noted if record is not None}
        for commit in self.salvage[0]:
            found = rebuild.record_of(self.reader, commit)
            record = None if found is None else self._mine(found[0])
            if found is None or record is None or lines.get(record.seq, found[0]) != found[0]:
                continue
            if record.seq not in self.entries:
                self.entries[record.seq] = self._entry(record.seq, commit.parents[1], *found, record)
                self.from_objects.append(record.seq)

    def _gather_notes(self, noted: list[tuple[str, bytes, Said | None]]) -> None:
        journaled = {(one.anchor, one.line) for one in self.entries.values()}
        where = {one.line: one.anchor for one in self.entries.values()}
        for anchor, line, record in sorted(noted, key=lambda one: one[2] is None or one[2].commit != one[0]):
            if (anchor, line) in journaled:
                continue
            if line in where:
                self.copied.append((anchor, line))
            elif record is None:
                self.strange.append((anchor, line))
            elif record.seq in self.entries:
                self.twice.append((record.seq, (anchor, line)))
            else:
                self.entries[record.seq] = self._entry(record.seq, anchor, line, self._artifacts(record), record)
                self.from_notes.append(record.seq)
                where[line] = anchor

    def _gather_former(self, tip: str) -> None:
        lacking = set(self.gaps)
        for anchor, note in rebuild.former(self.place, tip):
            for line in rebuild.lines(note):
                record = self._mine(line)
                if record is not None and record.seq in lacking:
                    self.entries[record.seq] = self._entry(record.seq, anchor, line, self._artifacts(record), record)
                    self.from_objects.append(record.seq)
                    lacking.remove(record.seq)

    def _gather_index(self) -> None:
        """The index is a cache, and may be the last that has what git has lost."""
        for line in index.lines(self.place.state / index.FILE):
            record = self._mine(line)
            if record is not None and record.seq not in self.entries:
                anchor = record.commit if self.place.form.is_id(record.commit) else ""
                anchor = anchor or placeholder(self.place.form, record.commit)
                self.entries[record.seq] = self._entry(record.seq, anchor, line, self._artifacts(record), record)
                self.from_objects.append(record.seq)

    def _noted_lines(self) -> Iterator[tuple[str, bytes, Said | None]]:
        notes = self.noted.notes
        if not self.noted.is_readable or (self.tips["ledger"] is None and self.tips["journal"] is not None):
            notes = self._earlier_notes()
        for anchor, note in notes.items():
            for line in rebuild.lines(note):
                yield anchor, line, self._mine(line)

    def _earlier_notes(self) -> dict[str, bytes]:
        """Where the ledger cannot be read: what it was when it last could, of all tips that are still here."""
        for tip in [*self.copies["ledger"], *(commit.oid for commit in self.salvage[1])]:
            found = rebuild.read(self.place, tip)
            lines = (line for note in found.notes.values() for line in rebuild.lines(note))
            if any(self._mine(line) is not None for line in lines):
                return found.notes
        return {}

    def _mine(self, line: bytes) -> Said | None:
        """What a record of ours says, None for what is none."""
        found = said(line)
        return found if found is not None and found.writer == self.me else None

    def _entry(self, seq: int, anchor: str, line: bytes, files: dict[str, str], record: Said | None) -> Entry:
        if record is None:
            return Entry(seq, anchor, line, files, "entry", 0, "")
        name = record.commit if record.commit != anchor else ""
        return Entry(seq, anchor, line, files, record.title, record.when, name)

    def _artifacts(self, record: Said) -> dict[str, str]:
        """The artifacts that a record names, of which those are left that are here or can be made."""
        if record.run is None:
            return {}
        blobs = {name: one.blob for name, one in record.run.artifacts.items()}
        gone = {blob for blob in blobs.values() if not self.store.has(blob)}
        made = {self._id(content): content for content in self._of_run(record.run)} if gone else {}
        self.made |= {blob: made[blob] for blob in gone & made.keys()}
        return {name: blob for name, blob in blobs.items() if blob not in gone or blob in made}

    def _id(self, content: bytes) -> str:
        return Pack(self.place).blob(content)  # which is given to nobody

    # -- what is wrong ----------------------------------------------------------------------------------------------

    @cached_property
    def impossible(self) -> list[Entry]:
        """The entries that are not in the journal and cannot be: their commit is not here."""
        new = (self.entries[seq] for seq in (*self.from_notes, *self.from_objects))
        return [one for one in new if not rebuild.is_possible(self.reader, one)]

    @property
    def wanted(self) -> list[Entry]:
        """The journal as it is to be, the earliest entry first."""
        return [self.entries[seq] for seq in sorted(self.entries) if self.entries[seq] not in self.impossible]

    @property
    def is_journal_right(self) -> bool:
        """Whether the journal is as it is to be."""
        return not self.broken and [one.line for one in self.chain] == [one.line for one in self.wanted]

    @property
    def gaps(self) -> list[int]:
        """The numbers that no record has."""
        return [number for number in range(1, max(self.entries, default=0)) if number not in self.entries]

    @cached_property
    def unnoted(self) -> list[Entry]:
        """The entries whose record is not noted on their commit."""
        noted = {anchor: set(rebuild.lines(note)) for anchor, note in self.noted.notes.items()}
        return [one for one in self.entries.values() if one.line not in noted.get(one.anchor, ())]

    @cached_property
    def undecided(self) -> list[tuple[Entry, bytes]]:
        """The entries whose packet is not among the decisions, with it."""
        named = [(one, one.files[PACKET_FILE]) for one in self.wanted if PACKET_FILE in one.files]
        here = contents(self.place, [blob for _, blob in named])
        found = [(one, packet or self.made.get(blob)) for (one, blob), packet in zip(named, here, strict=True)]
        packets = [(one, packet.rstrip(b"\n")) for one, packet in found if packet is not None]
        return [(one, packet) for one, packet in packets if packet not in self.decided.notes.get(one.anchor, b"")]

    @property
    def bare(self) -> list[tuple[Run, list[str]]]:
        """The runs in the journal without all the artifacts that their records name, with the names of those."""
        records = ((self._mine(one.line), one.files) for one in self.chain)
        runs = [(one.run, files) for one, files in records if one is not None and one.run is not None]
        found = [(run, sorted(run.artifacts.keys() - files)) for run, files in runs]
        return [(run, names) for run, names in found if names]

    # -- what it is to be -------------------------------------------------------------------------------------------

    def base(self) -> tuple[str | None, int]:
        """(commit, how many entries) of the longest part of the wanted journal that is here from its root on."""
        wanted = [(one.anchor, one.line) for one in self.wanted]
        best: tuple[str | None, int] = (None, 0)
        seen: set[str] = set()
        tips = [one.oid for one in self.chain[::-1]] if not self.broken else [one.oid for one in self._newest()]
        for tip in tips:
            if tip in seen:
                continue
            chain, problem = walk(self.store, tip)
            seen.update(one.oid for one in chain)
            count = 0
            for one, pair in zip(chain[::-1], wanted, strict=False):
                if problem or (one.anchor, one.line) != pair:
                    break
                count += 1
            if count > best[1]:
                best = chain[::-1][count - 1].oid, count
            if best[1] and best[1] >= len(chain):
                break
        return best

    def _newest(self) -> list[Commit]:
        return sorted(self.salvage[0], key=lambda one: -one.seq)

    def notes(self) -> dict[str, bytes]:
        """The ledger as it is to be: what is noted and what is in the journal, in the order of the numbers."""
        lines: dict[str, list[bytes]] = {anchor: rebuild.lines(note) for anchor, note in self.noted.notes.items()}
        if not self.noted.is_readable or self.tips["ledger"] is None:
            lines = {}
            for anchor, line, _ in self._noted_lines():
                lines.setdefault(anchor, []).append(line)
        for anchor, line in self.copied:
            lines[anchor].remove(line)
        changed = {anchor for anchor, _ in self.copied} | set(self.noted.doubled)
        for one in self.unnoted:
            if one.line not in lines.setdefault(one.anchor, []):
                lines[one.anchor].append(one.line)
            changed.add(one.anchor)
        for anchor in changed:
            # A line that is no record of ours stays behind those that are.
            lines[anchor].sort(key=lambda line: record.seq if (record := self._mine(line)) is not None else 1 << 60)
        joined = {anchor: b"".join(b"%s\n" % line for line in found) for anchor, found in lines.items() if found}
        same = self.noted.notes
        return {anchor: note if anchor in changed else same.get(anchor, note) for anchor, note in joined.items()}

    def decisions(self) -> dict[str, bytes]:
        """The decisions as they are to be."""
        found = dict(self.decided.notes)
        for one, packet in sorted(self.undecided, key=lambda pair: pair[0].seq):
            before = found.get(one.anchor, b"")
            found[one.anchor] = before + (b"\n" if before and not before.endswith(b"\n") else b"") + packet + b"\n"
        return found

    def whole(self, kind: str) -> str | None:
        """The latest tip of our notes that is here with all that was before it; what is made new goes on from there."""
        own = self.tips[kind]
        tips = [*([own] if own else []), *self.copies[kind]]
        return next((tip for tip in tips if self.reader.kind(tip) == "commit" and is_whole(self.place, tip)), None)

    def remade(self) -> Iterator[tuple[str, bytes]]:
        """(id, content) of all that can be made of the records, as it was made when they were written."""
        for one in self.entries.values():
            record = self._mine(one.line)
            run = record.run if record is not None else None
            for content in (one.line + b"\n", *(self._of_run(run) if run is not None else ())):
                yield self._id(content), content
        for note in (*self.notes().values(), *self.decisions().values()):
            yield self._id(note), note

    def _of_run(self, run: Run) -> Iterator[bytes]:
        if run.decision_packet is not None:
            yield msgspec.json.format(to_json(run.decision_packet), indent=2) + b"\n"
            yield decision.markdown(run.decision_packet).encode()
        patches = [one for name, one in run.artifacts.items() if name.endswith(".patch")]
        if patches and not self.store.has(patches[0].blob):
            try:
                yield experiment.diff(self.session, run.parent_commit, run.commit)[: patches[0].size]
            except MemoryLabError:
                return  # the commit is not here


def walk(store: Store, tip: str | None) -> tuple[list[Journaled], str]:
    """The entries of a journal, the latest first, and why it cannot be followed to its root, "" if it can."""
    found: list[Journaled] = []
    if tip is None:
        return found, ""
    try:
        at = tip
        for one in store.journal(tip):
            found.append(one)
            at = one.oid
        end = store.reader.resolve(at)
        if (store.reader.resolve(end.parents[0]) if found else end).parents:
            return found, f"{at[:7]} has no journal before it"
    except NotFound:
        return found, f"what is before number {found[-1].seq} is not here" if found else "it is not here"
    except MemoryLabError as problem:
        return found, problem.message.rstrip(".")
    return found, ""
