"""The user's commits and files, read by the git program: one process of it answers all questions of a command.

Most commands ask for two or three objects, and libgit2 takes longer to be imported than git takes to answer.
"""

import subprocess
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple, TypeVar

from memorylab.errors import Killed, NotFound
from memorylab.store import git
from memorylab.store.git import Place
from memorylab.store.objects import Commit, Entries, commit_of, entries_of

T = TypeVar("T")
LONGEST = 16 << 20  # bytes of a note, a commit or the subject; as much as the server's hook lets through
_LONGEST_TREE = 64 << 20  # over a million notes in one folder
MOST = 1 << 30
_STREAMED = ("-c", f"core.bigFileThreshold={LONGEST}")  # what is longer git need not have in memory to give it


def too_long(oid: str) -> bytes:
    """What stands for a note that is too long to be one: a line that is no record."""
    return f"{oid} is longer than {LONGEST:,} bytes".encode()


# Before git 2.45 only the second is known: there git ends where it would fetch.
_FETCHES_NOTHING = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}


class _Object(NamedTuple):
    """`content` is None where it is longer than was asked for."""

    oid: str
    kind: str
    content: bytes | None


class Reader:
    """The objects of one repository, by any name that git knows them by. With `fetches` git gets what a partial clone
    left out."""

    def __init__(self, place: Place, fetches: bool = True) -> None:
        self.place = place
        self._extra = {} if fetches else _FETCHES_NOTHING
        self._process: subprocess.Popen[bytes] | None = None

    def resolve(self, revision: str) -> Commit:
        """The commit that a revision names. Raises NotFound."""
        found = self._peeled(revision)
        if found is None or found.kind != "commit" or found.content is None:
            raise NotFound(f"There is no commit {revision!r} here.", "`git log --all` lists what there is.")
        commit = commit_of(found.oid, found.content)
        return commit._replace(parents=self._here(found.oid, commit.parents))

    def _here(self, oid: str, parents: tuple[str, ...]) -> tuple[str, ...]:
        """The parents of a commit. One where a shallow clone ends names them too: they are only there if they came with
        others' experiments, and are not worth a fetch."""
        try:
            is_cut = oid in (self.place.common_dir / "shallow").read_text().split()
        except FileNotFoundError:
            return parents
        asked = ("rev-list", "--no-walk", "--exclude-promisor-objects", "--end-of-options")
        return parents if not is_cut or git.succeeds(self.place, *asked, *parents) else ()

    def ancestors(self, commit: str) -> Iterator[str]:
        """The commits that one descends from, as far as they are here: the nearest first, the first parent's before the
        others'. What is no commit's full name, as in an imported table, has none."""
        pending, seen = [commit] if self.place.form.is_id(commit) else [], {commit}
        while pending:
            try:
                parents = self.resolve(pending.pop()).parents
            except NotFound:
                continue
            new = [parent for parent in parents if parent not in seen]
            seen.update(new)
            yield from new
            pending += reversed(new)

    def file_at(self, commit: str, path: str) -> tuple[str, bytes] | None:
        """(blob id, content) of a file in a commit, None if it is not in it. Raises NotFound if it is, but a partial
        clone left it out and cannot fetch it: what is judged or recorded without it would be wrong."""
        try:
            found = self._object(f"{commit}:{path}", LONGEST)
        except EOFError:
            raise NotFound(
                f"{path} of {commit[:7]} is not in this partial clone, and its remote was not reached.",
                "Try again when it is.",
            ) from None
        if found is None or found.kind != "blob":
            return None
        if found.content is None:
            raise NotFound(
                f"{path} of {commit[:7]} is longer than {LONGEST:,} bytes.", "That is no program to learn from."
            )
        return found.oid, found.content

    def at(self, refs: Iterable[str]) -> dict[str, str]:
        """The objects that some refs point to; a ref that is not here, or whose object is not, is left out."""
        found = {ref: self._here_or_none(ref) for ref in refs}
        return {ref: target.oid for ref, target in found.items() if target is not None}

    def kind(self, name: str) -> str | None:
        """The kind of the object that a name stands for, None if there is none here."""
        try:
            fields = _twice(lambda: self._answer("info", name))
        except EOFError:
            return None
        return fields[1] if fields is not None else None

    def tree(self, name: str) -> tuple[str, Entries] | None:
        """(id, entries) of a tree, also that of a commit; None if there is none such here."""
        found = self._here_or_none(f"{name}^{{tree}}", _LONGEST_TREE)
        if found is None or found.kind != "tree" or found.content is None:
            return None
        try:
            return found.oid, entries_of(found.content, self.place.form)
        except ValueError:
            return None

    def read(self, name: str) -> tuple[str, bytes] | None:
        """(kind, content) of the object that a name stands for, None if there is none here."""
        found = self._here_or_none(name, MOST)
        return (found.kind, found.content) if found is not None and found.content is not None else None

    def blob(self, oid: str, longest: int = MOST) -> bytes | None:
        """A blob's content, None if there is none such here, or it has more bytes than `longest`."""
        found = self._here_or_none(oid, longest)
        return found.content if found is not None and found.kind == "blob" else None

    def note(self, oid: str) -> bytes | None:
        """A note's content, None if it is not here; of what is too long to be one a line that says so."""
        found = self._here_or_none(oid, LONGEST)
        if found is None or found.kind != "blob":
            return None
        return too_long(oid) if found.content is None else found.content

    def _peeled(self, revision: str) -> _Object | None:
        found = self._here_or_none(revision)
        return self._here_or_none(f"{found.oid}^{{}}") if found is not None and found.kind == "tag" else found

    def _here_or_none(self, name: str, longest: int = LONGEST) -> _Object | None:
        try:
            return self._object(name, longest)
        except EOFError:
            return None

    def _object(self, name: str, longest: int) -> _Object | None:
        """Raises EOFError where git gives up, as at an object that it would have to fetch and cannot."""
        return _twice(lambda: self._read(name, longest))

    def _read(self, name: str, longest: int) -> _Object | None:
        fields = self._answer("contents", name)
        if fields is None:
            return None
        process = self._running()
        if int(fields[2]) > longest:
            self._process = None
            _end(process)
            return _Object(fields[0], fields[1], None)
        assert process.stdout is not None
        content = process.stdout.read(int(fields[2]))
        if not process.stdout.read(1):
            self._process = None
            _fail(process)
        return _Object(fields[0], fields[1], content)

    def _answer(self, command: str, name: str) -> list[str] | None:
        """[id, kind, size] of what a name stands for, None for nothing; of `contents` the content is to be read."""
        try:
            asked = name.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None
        if not asked or b"\n" in asked or b"\0" in asked:
            return None
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(b"%s %s\n" % (command.encode(), asked))
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            self._process = None
            _fail(process)
            raise EOFError
        fields = line.decode("utf-8", "surrogateescape").split()
        if len(fields) != 3 or not fields[2].isdigit() or line.endswith((b" missing\n", b" ambiguous\n")):
            return None
        return fields

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                ["git", f"--git-dir={self.place.git_dir}", *_STREAMED, "cat-file", "--batch-command"],
                cwd=self.place.top or self.place.git_dir, env=_environment() | self._extra, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            weakref.finalize(self, _end, self._process)
        return self._process


def contents(place: Place, oids: Sequence[str], longest: int = sys.maxsize) -> Iterator[bytes | None]:
    """The contents of many blobs, in their order; None for one that is not here, and for one that has more bytes than
    `longest` a line that says so. git reads packed ones eight times as
    fast as libgit2, which does not keep what many deltas rest on."""

    def read(answer: subprocess.Popen[bytes]) -> bytes | None:
        fields = _line(answer).split()
        if len(fields) != 3:
            return None
        size = int(fields[2])
        content = answer.stdout.read(min(size, longest)) if answer.stdout is not None else b""
        if size > longest:
            content = _passed_over(answer, size - longest, fields[0].decode())
        if answer.stdout is None or not answer.stdout.read(1):
            raise EOFError
        return content if fields[1] == b"blob" else None

    return _each(place, "--batch", oids, read)


def commits(place: Place, names: Sequence[str]) -> Iterator[str | None]:
    """The commits that many names, of hexadecimal digits, stand for, in their order; None for what is none here."""

    def read(answer: subprocess.Popen[bytes]) -> str | None:
        fields = _line(answer).split()
        return fields[0].decode() if len(fields) == 3 and fields[1] == b"commit" else None

    return _each(place, "--batch-check", [f"{name}^{{commit}}" for name in names], read)


def all_here(place: Place) -> set[str]:
    """Every object that is here. It is told without fetching any that a partial clone left out."""
    options = ("--batch-all-objects", "--unordered", "--batch-check=%(objectname)")
    return set(git.run(place, "cat-file", *options).decode().split())


def are_blobs(place: Place, oids: Sequence[str]) -> Iterator[bool]:
    """Whether many objects are blobs that are here, in their order."""
    found = _each(place, "--batch-check", oids, lambda answer: _line(answer).split()[1:2] == [b"blob"])
    return (bool(one) for one in found)


def whole(place: Place, oids: Sequence[str]) -> list[str]:
    """Those of many objects that git can read, and that are what their names say."""

    def read(answer: subprocess.Popen[bytes]) -> str:
        oid, kind, *size = _line(answer).decode().split()
        if not size:
            return ""
        content = answer.stdout.read(int(size[0])) if answer.stdout is not None else b""
        if answer.stdout is None or not answer.stdout.read(1):
            raise EOFError
        return oid if place.form.object_id(kind, content) == oid else ""

    return [oid for oid in _each(place, "--batch", oids, read) if oid]


def _each(
    place: Place, how: str, names: Sequence[str], read: Callable[[subprocess.Popen[bytes]], T]
) -> Iterator[T | None]:
    """What git answers to each of some names, in their order. It ends at an object that is damaged, which is None then,
    and is asked for those behind it once more."""
    left = names
    while left:
        asked, left = left, []
        with _asked(place, how, asked) as answer:
            for number, _ in enumerate(asked, 1):
                try:
                    found = read(answer)
                except EOFError:
                    _fail(answer)
                    found, left = None, asked[number:]
                yield found
                if answer.returncode is not None:
                    break


@contextmanager
def _asked(place: Place, option: str, names: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """What git answers to all of some names."""
    import tempfile  # 4 ms that who reads a few objects need not pay

    command = ["git", f"--git-dir={place.git_dir}", *_STREAMED, "cat-file", option, "--buffer"]
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{name}\n" for name in names).encode())
        asked.seek(0)
        with subprocess.Popen(
            command, cwd=place.git_dir, env=_environment(), stdin=asked, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            yield process


def _passed_over(process: subprocess.Popen[bytes], left: int, oid: str) -> bytes:
    while process.stdout is not None and (read := process.stdout.read(min(left, 1 << 20))):
        left -= len(read)
    return too_long(oid)


def _line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise EOFError
    return line


def _twice(ask: Callable[[], T]) -> T:
    """An answer of git's, which is asked once more if it was killed."""
    try:
        return ask()
    except Killed:
        return ask()


def _fail(process: subprocess.Popen[bytes]) -> None:
    """Raises Killed if a process of git has ended by no will of its own, and what it did not say means nothing."""
    _end(process)
    if process.returncode < 0:
        raise Killed(
            f"git was stopped by signal {-process.returncode} while it was reading.", git.after(process.returncode)
        )


def _environment() -> dict[str, str]:
    # Nobody is watching who could give a password.
    return git.environment() | {"GIT_TERMINAL_PROMPT": "0"}


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    process.wait()
