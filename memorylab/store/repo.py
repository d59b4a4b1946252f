"""A repository's memory: what its refs hold, and the one transaction that adds to them."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime

import msgspec
import pygit2
from pygit2.enums import FileMode

from memorylab.errors import BadInput, NotARepository, NotFound, StoreBusy
from memorylab.store import git, notes, refs, writer
from memorylab.store.files import LOCK_SECONDS, locked

RECORD_FILE = "record.json"
PACKET_FILE = "decision_packet.md"
_IDENTITY = ("user.name", "user.email")
_NO_ANGLES = str.maketrans("", "", "<>")
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Commit(msgspec.Struct, frozen=True):
    """A commit of the user's. `time` is the committer's, in seconds since 1970."""

    oid: str
    parents: tuple[str, ...]
    time: int
    message: str


class Entry(msgspec.Struct, frozen=True):
    """One line of a ledger: who wrote it, on which commit it is a note, and its bytes."""

    writer: str
    anchor: str
    line: bytes


class Store:
    """The memory of one repository. Opening it writes nothing."""

    def __init__(self, place: git.Place) -> None:
        self.place = place
        self.state = place.common_dir / "memorylab"
        try:
            self.repo = pygit2.Repository(str(place.git_dir))
        except pygit2.GitError as problem:
            raise NotARepository(
                f"This repository cannot be opened: {problem}.",
                "SHA-256 repositories, reftable and partial clones are not supported yet.",
            ) from None

    # -- reading ----------------------------------------------------------------------------------------------------

    def writer(self) -> str | None:
        """This clone's writer id, None before the first write."""
        return writer.current(self.place.common_dir)

    def tips(self) -> dict[str, str]:
        """Every ref that holds memory, own and fetched, with the object it points to."""
        found = {}
        for reference in self.repo.references.iterator():
            name = reference.name
            if name.startswith(("refs/notes/memorylab/", refs.JOURNAL, refs.REMOTES)):
                found[name] = str(reference.target)
        return found

    def entries(self) -> Iterator[Entry]:
        """Every line of every ledger, own and fetched, in the order of refs and commits; the same line may recur.

        Anyone who may push can push a ref that is no ledger: what cannot be read is one line that says so.
        """
        for ref, tip in sorted(self.tips().items()):
            name = refs.writer_of(ref, "ledger")
            if name is None:
                continue
            try:
                found = sorted(notes.read(self.repo, self._tree(tip)))
            except (KeyError, ValueError, pygit2.GitError):
                yield Entry(name, tip, f"the ledger of {name} cannot be read".encode())
                continue
            for anchor, blob in found:
                content = self.blob(str(blob))
                if content is None:
                    content = f"the note of {name} on {anchor} is not here".encode()
                for line in content.split(b"\n"):
                    if line.strip():
                        yield Entry(name, anchor, line)

    def blob(self, oid: str) -> bytes | None:
        """A blob's content, None if it is not here."""
        with suppress(KeyError, ValueError):
            found = self.repo[oid]
            return found.data if isinstance(found, pygit2.Blob) else None
        return None

    def resolve(self, revision: str) -> Commit:
        """The commit that a revision names. Raises NotFound."""
        try:
            found = self.repo.revparse_single(revision).peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError):
            raise NotFound(f"There is no commit {revision!r} here.", "`git log --all` lists what there is.") from None
        parents = tuple(str(parent) for parent in found.parent_ids)
        return Commit(str(found.id), parents, found.commit_time, found.raw_message.decode("utf-8", "replace"))

    def branch(self) -> str | None:
        """The branch that HEAD is on, None if it is detached."""
        head = self.repo.references.get("HEAD")
        target = head.raw_target if head is not None else None
        if isinstance(target, bytes) and target.startswith(b"refs/heads/"):
            return target[len(b"refs/heads/") :].decode("utf-8", "replace")
        return None

    def file_at(self, commit: str, path: str) -> tuple[str, bytes] | None:
        """(blob id, content) of a file in a commit, None if it is not in it."""
        try:
            found = self.repo[commit].peel(pygit2.Tree)[path]
        except (KeyError, ValueError):
            return None
        return (str(found.id), found.data) if isinstance(found, pygit2.Blob) else None

    def hash(self, content: bytes) -> str:
        """The id that content has as a blob."""
        return str(pygit2.hash(content))

    def nearest_logged_ancestors(self, logged: set[str]) -> dict[str, str | None]:
        """For each logged commit the closest ancestor, in git, that was logged too, None where there is none."""
        present = [oid for oid in sorted(logged) if len(oid) == 40 and oid in self.repo]
        if not present:
            return {}
        listed = git.run(
            self.place, "rev-list", "--topo-order", "--reverse", "--parents", "--stdin", "--",
            input="\n".join(present).encode() + b"\n",
        )  # fmt: skip
        nearest: dict[str, str | None] = {}
        found: dict[str, str | None] = {}
        for line in listed.decode().splitlines():
            oid, *parents = line.split()
            above = next((near for parent in parents if (near := nearest.get(parent))), None)
            nearest[oid] = oid if oid in logged else above
            if oid in logged:
                found[oid] = above
        return found

    # -- writing ----------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(
        self, now: datetime, name: str = "", seconds: float = LOCK_SECONDS
    ) -> Iterator["Transaction"]:
        """Add entries to this clone's memory; all of them, in a crash-safe order, when the block ends without error.

        Raises StoreBusy if another process writes for longer than `seconds`.
        """
        with locked(self.state / "lock", seconds):
            me = writer.ensure(self.place.common_dir, name)
            transaction = Transaction(self, me, now)
            yield transaction
            transaction.commit()

    def move(self, ref: str, expected: pygit2.Oid | None, target: pygit2.Oid, message: str) -> None:
        """Compare-and-swap of one ref. Raises StoreBusy if it has moved or stays locked."""
        lock_file = self.place.common_dir / f"{ref}.lock"
        for attempt in range(41):
            try:
                with self.repo.transaction() as moving:
                    moving.lock_ref(ref)
                    found = self.repo.references.get(ref)
                    if (found.target if found else None) != expected:
                        raise StoreBusy(f"{ref} was moved by something else than git-memorylab.", "Try again.")
                    moving.set_target(ref, target, message=message)
                return
            except pygit2.GitError as problem:
                if attempt == 40:
                    raise StoreBusy(f"{ref} stays locked: {problem}.", f"Remove {lock_file} if no git runs.") from None
                # We hold the clone's lock, and own refs are ours alone: what is still there after a second was
                # left by a process that was killed between locking and moving.
                if attempt == 20:
                    lock_file.unlink(missing_ok=True)
                time.sleep(0.05)

    def _tree(self, tip: str | pygit2.Oid) -> pygit2.Oid:
        return self.repo[tip].peel(pygit2.Tree).id

    def tip(self, ref: str) -> pygit2.Oid | None:
        """What a ref points to, None if it does not exist."""
        found = self.repo.references.get(ref)
        return found.resolve().target if found else None

    def signature(self, name: str, now: datetime) -> pygit2.Signature:
        """The user's identity, or the writer's where git has none, at a time."""
        offset = now.utcoffset()
        when = int(now.timestamp()), int(offset.total_seconds() // 60) if offset else 0
        config = self.repo.config
        try:
            # git drops angle brackets from a name; libgit2 refuses the name.
            known = [(config[key] or "").translate(_NO_ANGLES).strip() if key in config else "" for key in _IDENTITY]
            return pygit2.Signature(known[0] or name, known[1] or f"{name}@memorylab", *when)
        except (pygit2.GitError, ValueError):
            return pygit2.Signature(name, f"{name}@memorylab", *when)

    def placeholder(self, name: str) -> str:
        """A commit that stands for one that is not here: the same in every repository for the same name."""
        nobody = pygit2.Signature("memorylab", "memorylab", 0, 0)
        message = f"Placeholder for {name or 'an imported run'}\n\nThe commit itself was never in this repository.\n"
        tree = self.repo.TreeBuilder().write()
        return str(self.repo.create_commit(None, nobody, nobody, message, tree, []))


class Transaction:
    """Entries about to be added by one writer. Made by `Store.transaction`, under its lock."""

    def __init__(self, store: Store, me: str, now: datetime) -> None:
        self._store = store
        self._repo = store.repo
        self.writer = me
        self._signature = store.signature(me, now)
        self._refs = {kind: prefix + me for kind, prefix in _KINDS.items()}
        self._tips = {kind: store.tip(ref) for kind, ref in self._refs.items()}
        self._journal = self._tips["journal"]
        self._trees = {kind: self._notes(kind) for kind in ("ledger", "decisions")}
        self._count = self._sequence(self._journal)
        self._added = self._complete()

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
            self._journal = self._commit("", f"Journal of {self.writer}\n", [])
        builder = self._repo.TreeBuilder()
        builder.insert(RECORD_FILE, self._repo.create_blob(line + b"\n"), FileMode.BLOB)
        for name, blob in files.items():
            builder.insert(name, pygit2.Oid(hex=blob), FileMode.BLOB)
        message = f"{title}\n\nSeq: {self._count}\n"
        self._journal = self._commit(str(builder.write()), message, [self._journal, pygit2.Oid(hex=anchor)])
        self._annotate(anchor, line, files.get(PACKET_FILE))

    def commit(self) -> None:
        """Move the refs: journal, ledger, decisions. What a kill leaves out, `_complete` finds next time."""
        if not self._added:
            return
        note = "Notes added by 'git memorylab'\n"
        if self._journal is not None and self._journal != self._tips["journal"]:
            self._store.move(self._refs["journal"], self._tips["journal"], self._journal, "memorylab")
        for kind, tree in self._trees.items():
            before = self._tips[kind]
            written = str(tree.write())
            if (written == _EMPTY_TREE) if before is None else str(self._store._tree(before)) == written:
                continue
            target = self._commit(written, note, [before] if before else [])
            self._store.move(self._refs[kind], before, target, note.strip())

    def _annotate(self, anchor: str, line: bytes, packet: str | None) -> None:
        self._trees["ledger"].append(anchor, line)
        if packet:
            self._trees["decisions"].append(anchor, self._repo[packet].data.rstrip(b"\n"))
        self._added = True

    def _complete(self) -> bool:
        """Give the latest journal entries the notes that a killed process did not come to write."""
        missing = []
        at = self._journal
        while at is not None and (entry := self._read(at)) is not None:
            anchor, line, packet = entry
            noted = line in (self._trees["ledger"].get(anchor) or b"").split(b"\n")
            shown = packet is None or self._repo[packet].data.rstrip(b"\n") in (
                self._trees["decisions"].get(anchor) or b""
            )
            if noted and shown:
                break
            missing.append((anchor, line if not noted else None, packet if not shown else None))
            at = self._repo[at].parent_ids[0]
        for anchor, line, packet in reversed(missing):
            if line is not None:
                self._trees["ledger"].append(anchor, line)
            if packet is not None:
                self._trees["decisions"].append(anchor, self._repo[packet].data.rstrip(b"\n"))
        return bool(missing)

    def _read(self, oid: pygit2.Oid) -> tuple[str, bytes, str | None] | None:
        """(anchor, line, packet's blob) of a journal commit, None for the root of the chain."""
        commit = self._repo[oid]
        if len(commit.parent_ids) < 2:
            return None
        tree = commit.tree
        packet = str(tree[PACKET_FILE].id) if PACKET_FILE in tree else None
        return str(commit.parent_ids[1]), tree[RECORD_FILE].data.rstrip(b"\n"), packet

    def _sequence(self, tip: pygit2.Oid | None) -> int:
        if tip is None:
            return 0
        for line in reversed(self._repo[tip].message.splitlines()):
            if line.startswith("Seq: ") and line[5:].isdigit():
                return int(line[5:])
        if self._repo[tip].parent_ids:
            raise BadInput(f"The tip of {self._refs['journal']} is not a journal entry.", "Restore it from a remote.")
        return 0

    def _notes(self, kind: str) -> notes.NotesTree:
        tip = self._tips[kind]
        return notes.NotesTree(self._repo, self._store._tree(tip) if tip else None)

    def _commit(self, tree: str, message: str, parents: list[pygit2.Oid]) -> pygit2.Oid:
        oid = pygit2.Oid(hex=tree) if tree else self._repo.TreeBuilder().write()
        return self._repo.create_commit(None, self._signature, self._signature, message, oid, parents)


_KINDS = {"journal": refs.JOURNAL, "ledger": refs.LEDGER, "decisions": refs.DECISIONS}
