"""The one way to add to a writer's memory: all of it, in a crash-safe order, under the clone's lock.

By the git program, which a hook starts sooner than it imports libgit2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property

from memorylab.errors import BadInput, NotFound, StoreBusy
from memorylab.store import git, pack, refs, seen, shallow, writer
from memorylab.store.files import LOCK_SECONDS, locked
from memorylab.store.form import Form
from memorylab.store.git import Place
from memorylab.store.notestree import NotesTree
from memorylab.store.objects import FILE
from memorylab.store.pack import Pack
from memorylab.store.reader import Reader
from memorylab.store.swap import Move, swap

RECORD_FILE = "record.json"
PACKET_FILE = "decision_packet.md"
NOTED = "Notes added by 'git memorylab'\n"


@contextmanager
def writing(
    place: Place, now: datetime, *, name: str = "", seconds: float = LOCK_SECONDS, sign: bool = False,
    reader: Reader | None = None,
) -> Iterator[Transaction]:  # fmt: skip
    """Add entries to a clone's memory; all of them, in a crash-safe order, when the block ends without error. A clone
    that has no writer's id yet gets one, of `name`; with `sign` the journal is signed.

    Raises StoreBusy if another process writes for longer than `seconds`.
    """
    with locked(place.state / "lock", seconds):
        shallow.mend(place)
        me = writer.ensure(place.common_dir, name)
        own = [ref for _, ref in refs.of(me)]
        reader = reader or Reader(place)
        tips = reader.at(own)
        restored = seen.restore(place, reader, own, tips)
        if restored:
            tips = reader.at(own)
        if len(tips) < len(own):
            _refuse_lost(refs.at(place, own), tips)
        transaction = Transaction(place, me, now, tips, reader, sign)
        transaction.restored = restored
        yield transaction
        transaction.commit()
        seen.note(place, transaction.tips)


def _refuse_lost(pointed: Mapping[str, str], tips: Mapping[str, str]) -> None:
    """Raises StoreBusy if a ref points to what is not here: with a journal begun anew, what was in it would be lost."""
    for ref, oid in pointed.items():
        if ref not in tips:
            raise StoreBusy(f"{ref} points to {oid[:7]}, which is not here or damaged.", git.MEND)


def sequence(message: str) -> int:
    """The number of a journal entry, from its commit message; 0 for a commit that has none."""
    for line in reversed(message.splitlines()):
        # int() raises at "\u00b2", which is a digit too, and at more than 4,300 of them.
        if line.startswith("Seq: ") and line[5:].isdecimal() and len(line) < 25:
            return int(line[5:])
    return 0


def placeholder(form: Form, name: str) -> str:
    """The id of the commit that stands for one that is not here: the same in every repository of a form for the same
    name."""
    return form.object_id("commit", pack.commit_content(*_placeholder(form, name)))


def stand_in(form: Form, pack: Pack, name: str) -> str:
    """Make the commit that stands for one that is not here; its id."""
    pack.tree({})
    return pack.commit(*_placeholder(form, name))


def _placeholder(form: Form, name: str) -> tuple[str, list[str], str, str]:
    message = f"Placeholder for {name or 'an imported run'}\n\nThe commit itself was never in this repository.\n"
    return form.empty_tree, [], pack.NOBODY, message


class Transaction:
    """Entries about to be added by one writer, whose refs are at `tips`. Made by `writing`, under its lock.

    `tips` says after `commit` where they are then."""

    def __init__(
        self, place: Place, me: str, now: datetime, tips: Mapping[str, str], reader: Reader, sign: bool = False
    ) -> None:
        self._place, self._now, self._reader, self._sign = place, now, reader, sign
        self.writer = me
        self.restored: list[str] = []  # own refs that plain git had taken, and that were put back before
        self._refs = dict(refs.of(me))
        self.tips = dict(tips)
        self._journal = self._tip("journal")
        self._pack = Pack(place)
        self._contents: dict[str, bytes] = {}
        self._trees = {kind: NotesTree(reader, self._pack, self._tip(kind)) for kind in ("ledger", "decisions")}
        self._count = self._sequence(self._journal)
        self._added = False
        self._complete()

    @property
    def next_sequence(self) -> int:
        """The sequence number of the entry that `add` will write next; the first is 1."""
        return self._count + 1

    def create_blob(self, content: bytes) -> str:
        """Store an artifact's content."""
        oid = self._pack.blob(content)
        self._contents[oid] = content
        return oid

    def stand_in(self, name: str) -> str:
        """Make the commit that stands for one that is not here; its id."""
        return stand_in(self._place.form, self._pack, name)

    def add(self, anchor: str, line: bytes, files: Mapping[str, str], title: str) -> None:
        """Add one line as a note on a commit, with files (name -> blob) beside it in the journal, which pins both.
        Raises NotFound if the commit is not here."""
        if anchor not in self._pack and self._reader.kind(anchor) != "commit":
            raise NotFound(f"There is no commit {anchor} here to annotate.", "Fetch it; nothing was written.")
        self._count += 1
        if self._journal is None:
            self._journal = self._commit(self._pack.tree({}), f"Journal of {self.writer}\n", [])
        beside = {name: (FILE, blob) for name, blob in files.items()}
        tree = self._pack.tree({RECORD_FILE: (FILE, self._pack.blob(line + b"\n")), **beside})
        self._journal = self._commit(tree, f"{title}\n\nSeq: {self._count}\n", [self._journal, anchor])
        packet = self._content(files[PACKET_FILE]).rstrip(b"\n") if PACKET_FILE in files else None
        self._contents.clear()
        self._annotate(anchor, line, packet)

    def commit(self) -> None:
        """Move the refs: journal, ledger, decisions. What a kill leaves out, `_complete` finds next time."""
        if not self._added:
            return
        after = {}
        if self._journal is not None and self._journal != self._tip("journal"):
            after["journal"] = self._journal
        for kind, tree in self._trees.items():
            before, known = self._tip(kind), tree.tree
            written = tree.write()
            if written != known:
                after[kind] = self._commit(written, NOTED, [before] if before else [])
        self._pack.write()
        if self._sign and "journal" in after:
            # A signature vouches for all that is before it: one for each transaction is enough.
            after["journal"] = self._signed(after["journal"])
        moves = [Move(self._refs[kind], self._tip(kind), tip) for kind, tip in after.items()]
        # The journal is the first: where it alone was moved, the records are there, and their notes follow next time.
        self.tips |= {move.ref: move.after for move in swap(self._place, moves, "memorylab")}

    def _tip(self, kind: str) -> str | None:
        return self.tips.get(self._refs[kind])

    def _annotate(self, anchor: str, line: bytes | None, packet: bytes | None) -> None:
        if line is not None:
            self._trees["ledger"].append(anchor, line)
        if packet is not None:
            self._trees["decisions"].append(anchor, packet)
        self._added = True

    def _complete(self) -> None:
        """Give the latest journal entries the notes that a killed process did not come to write."""
        missing: list[tuple[str, bytes | None, bytes | None]] = []
        at = self._journal
        while at is not None and (entry := self._read(at)) is not None:
            anchor, line, packet, before = entry
            noted = line in (self._trees["ledger"].get(anchor) or b"").split(b"\n")
            shown = packet is None or packet in (self._trees["decisions"].get(anchor) or b"")
            if noted and shown:
                break
            missing.append((anchor, None if noted else line, None if shown else packet))
            at = before
        for found in reversed(missing):
            self._annotate(*found)

    def _read(self, oid: str) -> tuple[str, bytes, bytes | None, str] | None:
        """(anchor, line, packet, the entry before) of a journal commit, None for the root of the chain."""
        parents = self._reader.resolve(oid).parents
        if len(parents) < 2:
            return None
        _, files = self._reader.tree(oid) or ("", {})
        if RECORD_FILE not in files:
            raise BadInput(f"{oid[:7]} of {self._refs['journal']} is no journal entry.", git.MEND)
        line = self._content(files[RECORD_FILE][1]).rstrip(b"\n")
        packet = self._content(files[PACKET_FILE][1]).rstrip(b"\n") if PACKET_FILE in files else None
        return parents[1], line, packet, parents[0]

    def _content(self, oid: str) -> bytes:
        content = self._contents.get(oid)
        if content is None:
            content = self._reader.blob(oid)
        if content is None:
            raise NotFound(f"{oid[:7]} of {self._refs['journal']} is not here.", git.MEND)
        return content

    def _sequence(self, tip: str | None) -> int:
        if tip is None:
            return 0
        commit = self._reader.resolve(tip)
        found = sequence(commit.message)
        if not found and commit.parents:
            raise BadInput(f"The tip of {self._refs['journal']} is not a journal entry.", git.MEND)
        return found

    def _signed(self, oid: str) -> str:
        """The same commit, signed by git as the user has configured it."""
        commit = self._reader.resolve(oid)
        tree, _ = self._reader.tree(oid) or ("", {})
        parents = [f"-p{parent}" for parent in commit.parents]
        who, _, when = self._who.rpartition("> ")
        name, _, address = who.rpartition(" <")
        values = {"NAME": name, "EMAIL": address, "DATE": when}
        identity = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in values.items()}
        try:
            # The text is UTF-8, whatever the user's own commits are in.
            made = git.run(
                self._place, "-c", "i18n.commitEncoding=UTF-8", "commit-tree", "-S", *parents, "-F", "-",
                "--", tree, input=commit.message.encode(), extra=identity, durable=True,
            )  # fmt: skip
        except NotFound as problem:
            raise BadInput(
                f"The journal cannot be signed: {problem.message}.",
                "Set user.signingKey as for `git commit -S`, or memorylab.sign to false; nothing was written.",
            ) from None
        return made.decode().strip()

    @cached_property
    def _who(self) -> str:
        return pack.signed_by(self._place, self.writer, self._now)

    def _commit(self, tree: str, message: str, parents: list[str]) -> str:
        return self._pack.commit(tree, parents, self._who, message)
