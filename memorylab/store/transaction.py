"""The one way to add to a writer's memory: all of it, in a crash-safe order, under the clone's lock."""

from collections.abc import Mapping
from datetime import datetime

import pygit2
from pygit2.enums import FileMode

from memorylab.errors import BadInput, NotFound
from memorylab.store import git, notes, objects, refs
from memorylab.store.git import Place
from memorylab.store.swap import current, swap

RECORD_FILE = "record.json"
PACKET_FILE = "decision_packet.md"


def sequence(message: str) -> int:
    """The number of a journal entry, from its commit message; 0 for a commit that has none."""
    for line in reversed(message.splitlines()):
        # int() raises at "\u00b2", which is a digit too, and at more than 4,300 of them.
        if line.startswith("Seq: ") and line[5:].isdecimal() and len(line) < 25:
            return int(line[5:])
    return 0


def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


class Transaction:
    """Entries about to be added by one writer. Made by `Store.transaction`, under its lock."""

    def __init__(self, repo: pygit2.Repository, place: Place, me: str, now: datetime, sign: bool = False) -> None:
        self._repo = repo
        self._place = place
        self._sign = sign
        self.writer = me
        self._signature = objects.signature(repo, me, now)
        self._refs = dict(refs.of(me))
        self._tips = {kind: current(repo, ref) for kind, ref in self._refs.items()}
        self._journal = self._tips["journal"]
        self._trees = {kind: notes.NotesTree(repo, self._tips[kind]) for kind in ("ledger", "decisions")}
        self._count = self._sequence(self._journal)
        self._added = False
        self._complete()

    @property
    def next_sequence(self) -> int:
        """The sequence number of the entry that `add` will write next; the first is 1."""
        return self._count + 1

    def create_blob(self, content: bytes) -> str:
        """Store an artifact's content."""
        return str(self._repo.create_blob(content))

    def add(self, anchor: str, line: bytes, files: Mapping[str, str], title: str) -> None:
        """Add one line as a note on a commit, with files (name -> blob) beside it in the journal, which pins both."""
        self._count += 1
        if self._journal is None:
            self._journal = self._commit(self._empty(), f"Journal of {self.writer}\n", [])
        builder = self._repo.TreeBuilder()
        builder.insert(RECORD_FILE, self._repo.create_blob(line + b"\n"), FileMode.BLOB)
        for name, blob in files.items():
            builder.insert(name, pygit2.Oid(hex=blob), FileMode.BLOB)
        message = f"{title}\n\nSeq: {self._count}\n"
        self._journal = self._commit(builder.write(), message, [self._journal, pygit2.Oid(hex=anchor)])
        self._annotate(anchor, line, self._packet(files[PACKET_FILE]) if PACKET_FILE in files else None)

    def commit(self) -> None:
        """Move the refs: journal, ledger, decisions. What a kill leaves out, `_complete` finds next time."""
        if not self._added:
            return
        note = "Notes added by 'git memorylab'\n"
        if self._journal is not None and self._journal != self._tips["journal"]:
            # A signature vouches for all that is before it: one for each transaction is enough.
            self._move("journal", self._signed(self._journal) if self._sign else self._journal)
        for kind, tree in self._trees.items():
            before = self._tips[kind]
            written = tree.write()
            if written == (objects.tree(self._repo, before).id if before else self._empty()):
                continue
            target = self._commit(written, note, [before] if before else [])
            self._move(kind, target)

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
            anchor, line, packet = entry
            noted = line in (self._trees["ledger"].get(anchor) or b"").split(b"\n")
            shown = packet is None or packet in (self._trees["decisions"].get(anchor) or b"")
            if noted and shown:
                break
            missing.append((anchor, None if noted else line, None if shown else packet))
            at = objects.commit(self._repo, at).parent_ids[0]
        for found in reversed(missing):
            self._annotate(*found)

    def _read(self, oid: pygit2.Oid) -> tuple[str, bytes, bytes | None] | None:
        """(anchor, line, packet) of a journal commit, None for the root of the chain."""
        commit = objects.commit(self._repo, oid)
        if len(commit.parent_ids) < 2:
            return None
        line = objects.data(self._repo, commit.tree[RECORD_FILE].id).rstrip(b"\n")
        packet = self._packet(commit.tree[PACKET_FILE].id) if PACKET_FILE in commit.tree else None
        return str(commit.parent_ids[1]), line, packet

    def _packet(self, blob: str | pygit2.Oid) -> bytes:
        return objects.data(self._repo, blob).rstrip(b"\n")

    def _sequence(self, tip: pygit2.Oid | None) -> int:
        if tip is None:
            return 0
        commit = objects.commit(self._repo, tip)
        found = sequence(commit.message)
        if not found and commit.parent_ids:
            raise BadInput(f"The tip of {self._refs['journal']} is not a journal entry.", "Restore it from a remote.")
        return found

    def _move(self, kind: str, target: pygit2.Oid) -> None:
        swap(self._repo, self._place.common_dir, self._refs[kind], self._tips[kind], target, "memorylab")

    def _signed(self, oid: pygit2.Oid) -> pygit2.Oid:
        """The same commit, signed by git as the user has configured it."""
        commit = objects.commit(self._repo, oid)
        parents = [word for parent in commit.parent_ids for word in ("-p", str(parent))]
        when = f"{commit.commit_time} {_offset(commit.commit_time_offset)}"
        name = {"NAME": commit.committer.name, "EMAIL": commit.committer.email, "DATE": when}
        identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in name.items()}
        try:
            # The text is UTF-8, whatever the user's own commits are in.
            made = git.run(
                self._place, "-c", "i18n.commitEncoding=UTF-8", "commit-tree", "-S", str(commit.tree_id), *parents,
                "-F", "-", input=commit.message.encode(), extra=identity,
            )  # fmt: skip
        except NotFound as problem:
            raise BadInput(
                f"The journal cannot be signed: {problem.message}.",
                "Set user.signingKey as for `git commit -S`, or memorylab.sign to false; nothing was written.",
            ) from None
        return pygit2.Oid(hex=made.decode().strip())

    def _empty(self) -> pygit2.Oid:
        return self._repo.TreeBuilder().write()

    def _commit(self, tree: pygit2.Oid, message: str, parents: list[pygit2.Oid]) -> pygit2.Oid:
        return self._repo.create_commit(None, self._signature, self._signature, message, tree, parents)
