"""A repository's memory: what its refs hold, and the one transaction that adds to them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property

import msgspec
import pygit2
from pygit2.enums import ObjectType

from memorylab.errors import BadInput, MemoryLabError, NotFound, Unreachable
from memorylab.store import archive, git, notes, objects, refs, seen, shallow, transport, writer
from memorylab.store.files import locked
from memorylab.store.objects import current
from memorylab.store.reader import contents
from memorylab.store.swap import Move, swap
from memorylab.store.transaction import PACKET_FILE, RECORD_FILE, sequence, writing


class Journaled(msgspec.Struct, frozen=True):
    """One commit of a journal. `files` are the artifacts beside the record, name -> blob."""

    oid: str
    seq: int
    anchor: str
    line: bytes
    files: dict[str, str]


class Growth(msgspec.Struct, frozen=True):
    """What a ledger has more than before, as (annotated commit, line), to be read once, and whether it has lost any
    line."""

    added: Iterable[tuple[str, bytes]]
    lost: bool


Notes = list[tuple[str, bytes | None]]  # (annotated commit, content), a content None if it is not here

_MANY = 100  # blobs; fewer are read sooner than a process starts

_OID = re.compile(r"[0-9a-f]{40}")

_BLOB = int(ObjectType.BLOB)


class Store:
    """The memory of one repository. Opening it writes nothing. With `sign` the journal is signed."""

    def __init__(self, place: git.Place, sign: bool = False) -> None:
        self.place = place
        self.sign = sign
        self.state = place.state
        self.repo = objects.repository(self.place)
        self.restored: list[str] = []

    def _mend(self) -> None:
        """Undo what a shallow fetch did to the memory. libgit2 reads what is shallow when it opens a repository."""
        if shallow.mend(self.place):
            self.repo = objects.repository(self.place)

    # -- reading ----------------------------------------------------------------------------------------------------

    def writer(self) -> str | None:
        """This clone's writer id, None before the first write."""
        return writer.current(self.place.common_dir)

    def tips(self) -> dict[str, str]:
        """Every ref that holds memory, own and fetched, with the object it points to."""
        found = {}
        for reference in self.repo.references.iterator():
            name = reference.name
            if name.startswith((refs.NOTES, refs.JOURNAL, refs.REMOTES)):
                found[name] = str(reference.target)
        return found

    def chains(self, kind: str) -> list[tuple[str, str]]:
        """(writer, tip) of every `journal`, `ledger` or `decisions` there is, own ones first, then fetched
        ones, then those out of archives; each tip once."""
        found, archives = refs.chains(self.tips(), kind)
        folded = ((writer, str(tip)) for one in archives for writer, tip in archive.folded(self.repo, one, kind))
        return list(dict.fromkeys([*found, *folded]))

    def fetched_writers(self) -> list[tuple[str, str, int]]:
        """(writer, remote, time of the latest entry) of every journal that was fetched."""
        found: list[tuple[str, str, int]] = []
        for ref, tip in self.tips().items():
            kind, name = refs.kind_of(refs.local_name(ref)) or ("", "")
            entry = self.repo.get(tip)
            if kind == "journal" and ref.startswith(refs.REMOTES) and isinstance(entry, pygit2.Commit):
                remote = ref[len(refs.REMOTES) :].removesuffix(f"/journal/{name}")
                found.append((name, remote, entry.commit_time))
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
        self._complete_objects(self._records(tip))
        at = tip
        while True:
            try:
                commit = objects.commit(self.repo, at)
                if len(commit.parent_ids) < 2:
                    return
                files = {entry.name or "": str(entry.id) for entry in commit.tree}
                line = objects.data(self.repo, files.pop(RECORD_FILE)).rstrip(b"\n")
            except KeyError as problem:
                raise NotFound(f"{problem} of the journal at {at[:7]} is not here.") from None
            except (ValueError, pygit2.GitError) as problem:
                raise BadInput(f"{at[:7]} is no entry of a journal: {problem}.") from None
            # Its encoding is whatever it says; ours is this one.
            seq = sequence(commit.raw_message.decode("utf-8", "replace"))
            yield Journaled(at, seq, str(commit.parent_ids[1]), line, files)
            at = str(commit.parent_ids[0])

    def _records(self, tip: str) -> Iterator[str]:
        """The blobs of a journal's records, the latest first, as far as it can be followed."""
        with suppress(KeyError, ValueError, pygit2.GitError):
            while len((commit := objects.commit(self.repo, tip)).parent_ids) > 1:
                yield str(commit.tree[RECORD_FILE].id)
                tip = str(commit.parent_ids[0])

    def notes(self, tip: str) -> Notes | None:
        """The notes at a tip, None if it has none."""
        return next(self.notes_of([tip]))

    def notes_of(self, tips: Iterable[str]) -> Iterator[Notes | None]:
        """The notes at each of some tips, None for one that has none. What a partial clone left out of them comes in
        one go."""
        listed = [self._notes(tip) for tip in tips]
        self._complete_objects(blob for found in listed for _, blob in found or ())
        for found in listed:
            yield None if found is None else [(anchor, self.blob(blob)) for anchor, blob in found]

    def growth(self, spans: Sequence[tuple[str | None, str]]) -> Iterator[Growth | None]:
        """How a ledger has changed over each span, from one tip (None: from nothing) to another; None where that cannot
        be told, because it is not whole here."""
        found: list[tuple[dict[str, str], dict[str, str]] | None] = []
        for old, new in spans:
            try:
                found.append(notes.differing(self.repo, old, new))
            except (KeyError, ValueError, pygit2.GitError):
                found.append(None)
        self._complete_objects(blob for pair in found for side in pair or () for blob in side.values())
        for pair in found:
            yield None if pair is None else self._grown(*pair)

    def _grown(self, before: dict[str, str], after: dict[str, str]) -> Growth | None:
        if not before:
            return Growth(self._lines(after), False) if all(blob in self.repo.odb for blob in after.values()) else None
        added: list[tuple[str, bytes]] = []
        lost = False
        for anchor in before.keys() | after.keys():
            then, now = (self.blob(side[anchor]) if anchor in side else b"" for side in (before, after))
            if then is None or now is None:
                return None
            old, new = (dict.fromkeys(line for line in side.split(b"\n") if line.strip()) for side in (then, now))
            added += [(anchor, line) for line in new if line not in old]
            lost |= not old.keys() <= new.keys()
        return Growth(added, lost)

    def _lines(self, found: dict[str, str]) -> Iterator[tuple[str, bytes]]:
        """The lines of all notes, commit -> blob, of a ledger that is read for the first time."""
        blobs = list(found.values())
        read = map(self.blob, blobs) if len(blobs) < _MANY else contents(self.place, blobs)
        for anchor, content in zip(found, read, strict=True):
            if content is None:
                raise NotFound(f"The note on {anchor[:7]} vanished while it was read.", "Try again.")
            yield from ((anchor, line) for line in dict.fromkeys(content.split(b"\n")) if line.strip())

    def complete_notes(self, tip: str) -> bool:
        """In a partial clone, fetch what it left out of the notes at a tip; whether they are whole now."""
        return self._promisor is None or self._complete_objects(blob for _, blob in self._notes(tip) or ())

    def _notes(self, tip: str) -> list[tuple[str, str]] | None:
        try:
            return sorted((anchor, str(blob)) for anchor, blob in notes.read(self.repo, tip))
        except (KeyError, ValueError, pygit2.GitError):
            return None

    @cached_property
    def _promisor(self) -> str | None:
        return git.promisor(self.place)

    def _complete_objects(self, oids: Iterable[str]) -> bool:
        """In a partial clone, fetch those of some objects that it left out, in one go; whether the remote had them."""
        if self._promisor is not None:
            missing = [oid for oid in dict.fromkeys(oids) if _OID.fullmatch(oid) and oid not in self.repo.odb]
            if missing:
                try:
                    transport.fetch_objects(self.place, self._promisor, missing)
                except MemoryLabError:
                    return False
        return True

    def has(self, oid: str) -> bool:
        """Whether an object is here. What is no object's name, as a record by anyone may have it, is not."""
        return _OID.fullmatch(oid) is not None and oid in self.repo.odb

    def blob(self, oid: str, fetch: bool = False) -> bytes | None:
        """A blob's content, None if it is not here; with `fetch` what a partial clone left out is fetched."""
        if fetch:
            self._complete_objects([oid])
        with suppress(KeyError, ValueError):
            kind, content = self.repo.read(oid)
            return content if kind == _BLOB else None
        return None

    # -- writing ----------------------------------------------------------------------------------------------------

    def hand_over(self, former: str, name: str) -> None:
        """Give a writer's archives to another name. Call it under the store's lock."""
        for old, new in zip(refs.archives(former), refs.archives(name), strict=True):
            tip = current(self.repo, old)
            if tip is not None and current(self.repo, new) is None:
                swap(self.place, [Move(new, None, str(tip))], "memorylab: handed over")

    def adopt(self, name: str, remote: str) -> None:
        """Go on as a writer whose refs are on a remote, from where they are there. They must have been fetched,
        and hold what ours hold; raises NotFound if they were not."""
        with locked(self.state / "lock"):
            tips = {ref: current(self.repo, refs.fetched_as(remote, ref)) for ref in refs.owned(name)}
            for ref, tip in tips.items():
                if tip is None and current(self.repo, ref) is None and ref in (refs.JOURNAL + name, refs.LEDGER + name):
                    raise NotFound(f"{remote} has no {ref}.", "`git memorylab sync` fetches what there is.")
            if not self._complete_objects(self._needed([str(tip) for tip in tips.values() if tip])):
                raise Unreachable(f"{remote} does not give the notes of {name}, which this partial clone left out.")
            for ref, tip in tips.items():
                ours = current(self.repo, ref)
                # One of ours may be ahead where another is behind: a record logged since, an archive made elsewhere.
                if tip is not None and (ours is None or self.repo.descendant_of(tip, ours)):
                    swap(self.place, [Move(ref, str(ours) if ours else None, str(tip))], "memorylab: adopted")
            writer.save(self.place.common_dir, name)

    def _needed(self, tips: list[str]) -> Iterator[str]:
        """The blobs that a transaction reads where it goes on from a writer's refs: all but artifacts."""
        for tip in tips:
            yield from (blob for _, blob in self._notes(tip) or ())
            yield from (str(one.id) for one in objects.tree(self.repo, tip) if one.name in (RECORD_FILE, PACKET_FILE))

    def protect(self) -> None:
        """Put back what a fetch or a push of plain git has taken from the memory; `restored` lists the refs."""
        self._mend()
        self.restored += seen.protect(self.repo, self.place, self.tips)

    def complete(self) -> None:
        """Write the notes that a process killed in the middle of a transaction did not come to write."""
        me = self.writer()
        tip = current(self.repo, refs.JOURNAL + me) if me else None
        if tip is not None:
            when = datetime.fromtimestamp(objects.commit(self.repo, tip).commit_time, UTC)
            with writing(self.place, when, seconds=1.0, sign=self.sign):
                pass
