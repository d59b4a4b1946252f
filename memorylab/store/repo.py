"""A repository's memory: what its refs hold, and the one transaction that adds to them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property

import msgspec
import pygit2

from memorylab.errors import BadInput, MemoryLabError, NotARepository, NotFound
from memorylab.store import archive, git, notes, objects, refs, seen, transport, writer
from memorylab.store.files import LOCK_SECONDS, locked
from memorylab.store.swap import current, swap
from memorylab.store.transaction import RECORD_FILE, Transaction, sequence


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


class Journaled(msgspec.Struct, frozen=True):
    """One commit of a journal. `files` are the artifacts beside the record, name -> blob."""

    oid: str
    seq: int
    anchor: str
    line: bytes
    files: dict[str, str]


# libgit2 refuses a partial clone unless told that somebody looks after its missing objects; `Store.blob` does.
pygit2.settings.set_extensions(["partialclone"])


class Store:
    """The memory of one repository. Opening it writes nothing. With `sign` the journal is signed."""

    def __init__(self, place: git.Place, sign: bool = False) -> None:
        self.place = place
        self.sign = sign
        self.state = place.state
        try:
            self.repo = pygit2.Repository(str(place.git_dir))
        except pygit2.GitError as problem:
            raise NotARepository(
                f"This repository cannot be opened: {problem}.",
                "SHA-256 repositories and reftable are not supported yet.",
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
            if name.startswith((refs.NOTES, refs.JOURNAL, refs.REMOTES)):
                found[name] = str(reference.target)
        return found

    def chains(self, kind: str) -> list[tuple[str, str]]:
        """(writer, tip) of every `journal`, `ledger` or `decisions` there is, own ones first, then fetched
        ones, then those out of archives; each tip once."""
        found: dict[tuple[str, str], None] = {}
        archives = []
        for ref, tip in sorted(self.tips().items(), key=lambda item: (item[0].startswith(refs.REMOTES), item[0])):
            named, writer = refs.kind_of(refs.local_name(ref)) or ("", "")
            if named == kind:
                found[writer, tip] = None
            elif named == ("archived journals" if kind == "journal" else "archived notes"):
                archives.append(tip)
        for archived in archives:
            found |= {(writer, str(tip)): None for writer, tip in archive.folded(self.repo, archived, kind)}
        return list(found)

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

    def entries(self) -> Iterator[Entry]:
        """Every line of every ledger, own and fetched, in the order of writers and commits; the same line may recur.

        Anyone who may push can push a ref that is no ledger: what cannot be read is one line that says so.
        """
        ledgers = [(name, tip, self._notes(tip)) for name, tip in self.chains("ledger")]
        self._complete_objects(blob for _, _, found in ledgers for _, blob in found or ())
        for name, tip, found in ledgers:
            if found is None:
                yield Entry(name, tip, f"the ledger of {name} cannot be read".encode())
                continue
            for anchor, blob in found:
                content = self.blob(blob)
                if content is None:
                    content = f"the note of {name} on {anchor} is not here".encode()
                for line in content.split(b"\n"):
                    if line.strip():
                        yield Entry(name, anchor, line)

    def journal(self, tip: str) -> Iterator[Journaled]:
        """The entries of a journal, the latest first, down to its root. Raises BadInput at a commit that is no entry,
        NotFound at one that is not here."""
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
            yield Journaled(at, sequence(commit.message), str(commit.parent_ids[1]), line, files)
            at = str(commit.parent_ids[0])

    def notes(self, tip: str) -> list[tuple[str, bytes | None]] | None:
        """(annotated commit, content) of the notes at a tip, a content None if it is not here; None if it has none."""
        found = self._notes(tip)
        self._complete_objects(blob for _, blob in found or ())
        return None if found is None else [(anchor, self.blob(blob)) for anchor, blob in found]

    def _notes(self, tip: str) -> list[tuple[str, str]] | None:
        try:
            return sorted((anchor, str(blob)) for anchor, blob in notes.read(self.repo, tip))
        except (KeyError, ValueError, pygit2.GitError):
            return None

    @cached_property
    def _promisor(self) -> str | None:
        return git.promisor(self.place)

    def _complete_objects(self, oids: Iterable[str]) -> None:
        """In a partial clone, fetch those of some objects that it left out, in one go, if the remote is reached."""
        if self._promisor is not None:
            missing = [oid for oid in dict.fromkeys(oids) if oid not in self.repo]
            if missing:
                with suppress(MemoryLabError):
                    transport.fetch_objects(self.place, self._promisor, missing)

    def has(self, oid: str) -> bool:
        """Whether an object is here."""
        return oid in self.repo

    def blob(self, oid: str, fetch: bool = False) -> bytes | None:
        """A blob's content, None if it is not here; with `fetch` what a partial clone left out is fetched."""
        if fetch:
            self._complete_objects([oid])
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

    def worktree(self) -> str:
        """The name of this linked worktree, empty in the clone's first one."""
        return "" if self.place.git_dir == self.place.common_dir else self.place.git_dir.name

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
            found = self._at(commit, path)
        except (KeyError, ValueError):
            if self._promisor is None:
                return None
            named = git.run(self.place, "rev-parse", "--verify", "--quiet", f"{commit}:{path}", check=False).decode()
            self._complete_objects([named.strip()] if named.strip() else [])
            try:
                found = self._at(commit, path)
            except (KeyError, ValueError):
                return None
        return (str(found.id), found.data) if isinstance(found, pygit2.Blob) else None

    def _at(self, commit: str, path: str) -> pygit2.Object:
        return self.repo[commit].peel(pygit2.Tree)[path]

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
    def transaction(self, now: datetime, name: str = "", seconds: float = LOCK_SECONDS) -> Iterator[Transaction]:
        """Add entries to this clone's memory; all of them, in a crash-safe order, when the block ends without error.

        Raises StoreBusy if another process writes for longer than `seconds`.
        """
        with locked(self.state / "lock", seconds):
            yield from self._writing(writer.ensure(self.place.common_dir, name), now)

    @contextmanager
    def succession(self, now: datetime) -> Iterator[Transaction]:
        """A transaction of a new writer, who takes the place of this clone's present one when the block ends without
        error. The present one's refs are deleted then: what they held must be elsewhere, or in the transaction."""
        with locked(self.state / "lock"):
            before = writer.ensure(self.place.common_dir)
            after = writer.mint(writer.readable(before))
            yield from self._writing(after, now)
            writer.save(self.place.common_dir, after)
            left = [ref for _, ref in refs.of(before)]
            seen.forget(self.place, left)
            for ref in left:
                git.run(self.place, "update-ref", "-d", ref)

    def _writing(self, me: str, now: datetime) -> Iterator[Transaction]:
        own = {ref: str(current(self.repo, ref) or "") for _, ref in refs.of(me)}
        seen.restore(self.repo, self.place, own)
        transaction = Transaction(self.repo, self.place, me, now, self.sign)
        yield transaction
        transaction.commit()

    def adopt(self, name: str, remote: str) -> None:
        """Go on as a writer whose refs are on a remote, from where they are there. They must have been fetched,
        and hold what ours hold; raises NotFound if they were not."""
        with locked(self.state / "lock"):
            for _, ref in refs.of(name):
                tip = current(self.repo, refs.fetched_as(remote, ref))
                if tip is not None:
                    swap(self.repo, self.place.common_dir, ref, current(self.repo, ref), tip, "memorylab: adopted")
                elif not ref.startswith(refs.DECISIONS):
                    raise NotFound(f"{remote} has no {ref}.", "`git memorylab sync` fetches what there is.")
            writer.save(self.place.common_dir, name)

    def protect(self) -> list[str]:
        """Put back what a fetch or a push of plain git has taken from the memory; the refs that were put back."""
        return seen.protect(self.repo, self.place, self.tips)

    def complete(self) -> None:
        """Write the notes that a process killed in the middle of a transaction did not come to write."""
        me = self.writer()
        tip = current(self.repo, refs.JOURNAL + me) if me else None
        if tip is not None:
            when = datetime.fromtimestamp(objects.commit(self.repo, tip).commit_time, UTC)
            with self.transaction(when, seconds=1.0):
                pass

    def placeholder(self, name: str) -> str:
        """A commit that stands for one that is not here: the same in every repository for the same name."""
        nobody = pygit2.Signature("memorylab", "memorylab", 0, 0)
        message = f"Placeholder for {name or 'an imported run'}\n\nThe commit itself was never in this repository.\n"
        tree = self.repo.TreeBuilder().write()
        return str(self.repo.create_commit(None, nobody, nobody, message, tree, []))
