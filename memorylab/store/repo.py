"""A repository's memory: what its refs hold. libgit2 is imported by what reads more than has come since last time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from memorylab.errors import BadInput, MemoryLabError, NotFound, Unreachable
from memorylab.store import git, refs, seen, shallow, transport, writer
from memorylab.store.files import locked
from memorylab.store.growth import Growth, Span, growth
from memorylab.store.reader import LONGEST, MOST, Reader
from memorylab.store.swap import Move, swap
from memorylab.store.transaction import PACKET_FILE, RECORD_FILE, sequence, writing

if TYPE_CHECKING:
    from memorylab.store.objects import Objects


class Journaled(msgspec.Struct, frozen=True):
    """One commit of a journal. `files` are the artifacts beside the record, name -> blob."""

    oid: str
    seq: int
    anchor: str
    line: bytes
    files: dict[str, str]


Notes = list[tuple[str, bytes | None]]  # (annotated commit, content), a content None if it is not here


class Store:
    """The memory of one repository. Opening it reads and writes nothing. With `sign` the journal is signed; what
    writers say whose names are as in `mute` is left out."""

    def __init__(
        self, place: git.Place, sign: bool = False, reader: Reader | None = None, mute: Sequence[str] = ()
    ) -> None:
        self.place = place
        self.sign = sign
        self.mute = mute
        self.state = place.state
        self.reader = reader or Reader(place)
        self.restored: list[str] = []

    @cached_property
    def objects(self) -> Objects:
        from memorylab.store.objects import opened

        return opened(self.place, self.reader)

    def _mend(self) -> None:
        """Undo what a shallow fetch did to the memory. What is shallow is read when a repository is opened."""
        if shallow.mend(self.place):
            self.__dict__.pop("objects", None)

    # -- reading ----------------------------------------------------------------------------------------------------

    def writer(self) -> str | None:
        """This clone's writer id, None before the first write."""
        return writer.current(self.place.common_dir)

    def tips(self) -> dict[str, str]:
        """Every ref that holds memory, own and fetched, with the object it points to."""
        return refs.tips(self.place)

    def chains(self, kind: str, tips: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
        """(writer, tip) of every `journal`, `ledger` or `decisions` there is, own ones first, then fetched
        ones, then those out of archives; each tip once. `tips` is where the refs are, if that was just asked."""
        is_muted = refs.muted(self.mute, self.writer())
        found, archives = refs.chains(self.tips() if tips is None else tips, kind, is_muted)
        if not archives:
            return found
        from memorylab.store import archive

        folded = (pair for one in archives for pair in archive.folded(self.objects, one, kind))
        return list(dict.fromkeys([*found, *(chain for chain in folded if not is_muted(chain[0]))]))

    def fetched_writers(self) -> list[tuple[str, str, int]]:
        """(writer, remote, time of the latest entry) of every journal that was fetched."""
        found: list[tuple[str, str, int]] = []
        for ref, tip in self.tips().items():
            kind, name = refs.kind_of(refs.local_name(ref)) or ("", "")
            if kind == "journal" and ref.startswith(refs.REMOTES) and self.reader.kind(tip) == "commit":
                remote = ref[len(refs.REMOTES) :].removesuffix(f"/journal/{name}")
                found.append((name, remote, self.reader.resolve(tip).time))
        return found

    def entries(self) -> Iterator[refs.Entry]:
        """Every line of every ledger, own and fetched, in the order of writers and commits; the same line may recur.

        Anyone who may push can push a ref that is no ledger: what cannot be read is one line that says so.
        """
        return self.entries_of(self.chains("ledger"))

    def entries_of(self, ledgers: Sequence[tuple[str, str]]) -> Iterator[refs.Entry]:
        """Every line of some ledgers, (writer, tip) each, as `entries` has it."""
        for (name, tip), found in zip(ledgers, self.notes_of(tip for _, tip in ledgers), strict=True):
            if found is None:
                yield refs.Entry(name, tip, f"the ledger of {name} cannot be read".encode())
            for anchor, content in found or ():
                if content is None:
                    content = f"the note of {name} on {anchor} is not here".encode()
                for line in content.split(b"\n"):
                    if line.strip():
                        yield refs.Entry(name, anchor, line)

    def journal(self, tip: str) -> Iterator[Journaled]:
        """The entries of a journal, the latest first, down to its root. Raises BadInput at a commit that is no entry,
        NotFound at one that is not here."""
        from memorylab.store import objects

        self._complete_objects(self._records(tip))
        at = tip
        while True:
            try:
                commit = objects.commit(self.objects, at)
                if len(commit.parents) < 2:
                    return
                files = {name: oid for name, (_, oid) in objects.tree(self.objects, commit.tree).items()}
                line = objects.blob(self.objects, files.pop(RECORD_FILE)).rstrip(b"\n")
            except KeyError as problem:
                raise NotFound(f"{problem} of the journal at {at[:7]} is not here.") from None
            except objects.UNREADABLE as problem:
                raise BadInput(f"{at[:7]} is no entry of a journal: {problem}.") from None
            yield Journaled(at, sequence(commit.message), commit.parents[1], line, files)
            at = commit.parents[0]

    def _records(self, tip: str) -> Iterator[str]:
        """The blobs of a journal's records, the latest first, as far as it can be followed."""
        from memorylab.store import objects

        with suppress(*objects.UNREADABLE):
            while len((commit := objects.commit(self.objects, tip)).parents) > 1:
                yield objects.tree(self.objects, commit.tree)[RECORD_FILE][1]
                tip = commit.parents[0]

    def notes(self, tip: str) -> Notes | None:
        """The notes at a tip, None if it has none."""
        return next(self.notes_of([tip]))

    def notes_of(self, tips: Iterable[str]) -> Iterator[Notes | None]:
        """The notes at each of some tips, None for one that has none. What a partial clone left out of them comes in
        one go."""
        listed = [self._notes(tip) for tip in tips]
        self._complete_objects(blob for found in listed for _, blob in found or ())
        for found in listed:
            yield None if found is None else [(anchor, self._note(blob)) for anchor, blob in found]

    def _note(self, oid: str) -> bytes | None:
        # In a partial clone git would fetch what is not here, one object at a time.
        return self.blob(oid, longest=LONGEST) if git.is_partial(self.place) else self.reader.note(oid)

    def growth(self, spans: Sequence[Span]) -> Iterator[Growth | None]:
        """How a ledger has changed over each span, as store/growth.py tells."""
        return growth(self.reader, spans, self._complete_objects)

    def complete_notes(self, tip: str) -> bool:
        """In a partial clone, fetch what it left out of the notes at a tip; whether they are whole now."""
        return self._promisor is None or self._complete_objects(blob for _, blob in self._notes(tip) or ())

    def _notes(self, tip: str) -> list[tuple[str, str]] | None:
        from memorylab.store import notes, objects

        try:
            return sorted(notes.read(self.objects, tip))
        except objects.UNREADABLE:
            return None

    @cached_property
    def _promisor(self) -> str | None:
        return git.promisor(self.place) if git.is_partial(self.place) else None

    def _complete_objects(self, oids: Iterable[str]) -> bool:
        """In a partial clone, fetch those of some objects that it left out, in one go; whether the remote had them."""
        if self._promisor is not None:
            missing = self.objects.missing([oid for oid in dict.fromkeys(oids) if self.place.form.is_id(oid)])
            if missing:
                try:
                    transport.fetch_objects(self.place, self._promisor, missing)
                except MemoryLabError:
                    return False
        return True

    def has(self, oid: str) -> bool:
        """Whether an object is here. What is no object's name, as a record by anyone may have it, is not."""
        return self.place.form.is_id(oid) and oid in self.objects

    def blob(self, oid: str, fetch: bool = False, longest: int = MOST) -> bytes | None:
        """A blob's content, None if it is not here, or has more bytes than `longest`; with `fetch` what a partial clone
        left out is fetched."""
        if fetch:
            self._complete_objects([oid])
        if git.is_partial(self.place):
            from memorylab.store import objects

            # git would fetch it, one object at a time.
            with suppress(*objects.UNREADABLE):
                content = objects.blob(self.objects, oid)
                return content if len(content) <= longest else None
            return None
        return self.reader.blob(oid, longest) if self.place.form.is_id(oid) else None

    # -- writing ----------------------------------------------------------------------------------------------------

    def hand_over(self, former: str, name: str) -> None:
        """Give a writer's archives to another name. Call it under the store's lock."""
        tips = refs.at(self.place, [*refs.archives(former), *refs.archives(name)])
        for old, new in zip(refs.archives(former), refs.archives(name), strict=True):
            if old in tips and new not in tips:
                swap(self.place, [Move(new, None, tips[old])], "memorylab: handed over")

    def adopt(self, name: str, remote: str) -> None:
        """Go on as a writer whose refs are on a remote, from where they are there. They must have been fetched,
        and hold what ours hold; raises NotFound if they were not."""
        with locked(self.state / "lock"):
            own = refs.owned(name)
            here = refs.at(self.place, [*own, *(refs.fetched_as(remote, ref) for ref in own)])
            tips = {ref: here.get(refs.fetched_as(remote, ref)) for ref in own}
            for ref, tip in tips.items():
                if tip is None and ref not in here and ref in (refs.JOURNAL + name, refs.LEDGER + name):
                    raise NotFound(f"{remote} has no {ref}.", "`git memorylab sync` fetches what there is.")
            if not self._complete_objects(self._needed([tip for tip in tips.values() if tip])):
                raise Unreachable(f"{remote} does not give the notes of {name}, which this partial clone left out.")
            for ref, tip in tips.items():
                ours = here.get(ref)
                # One of ours may be ahead where another is behind: a record logged since, an archive made elsewhere.
                if tip is not None and (ours is None or self.objects.descends(tip, ours)):
                    swap(self.place, [Move(ref, ours, tip)], "memorylab: adopted")
            writer.save(self.place.common_dir, name)

    def _needed(self, tips: list[str]) -> Iterator[str]:
        """The blobs that a transaction reads where it goes on from a writer's refs: all but artifacts."""
        from memorylab.store import objects

        for tip in tips:
            yield from (blob for _, blob in self._notes(tip) or ())
            files = objects.tree(self.objects, tip)
            yield from (files[name][1] for name in (RECORD_FILE, PACKET_FILE) if name in files)

    def protect(self, tips: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """Put back what a fetch or a push of plain git has taken from the memory; `restored` lists the refs. Where all
        refs are then; `tips` is where they were, if that was just asked."""
        self._mend()
        back, tips = seen.protect(self.place, self.reader, self.tips() if tips is None else tips)
        self.restored += back
        return tips

    def complete(self) -> None:
        """Write the notes that a process killed in the middle of a transaction did not come to write."""
        me = self.writer()
        ref = refs.JOURNAL + (me or "")
        tip = self.reader.at([ref]).get(ref)
        if tip is not None:
            when = datetime.fromtimestamp(self.reader.resolve(tip).time, UTC)
            with writing(self.place, when, seconds=1.0, sign=self.sign, reader=self.reader) as transaction:
                self.restored += transaction.restored
