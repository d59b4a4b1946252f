"""The git program, for what libgit2 does not do as users have configured it: where we are, diffs, rev-lists."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from memorylab.errors import BadInput, Killed, NotARepository, NotFound
from memorylab.store.files import sync_files, sync_folders
from memorylab.store.form import FORMS, Form
from memorylab.store.locks import PACKED, release

# Hooks inherit these from git; each would send a command about another commit or index to the wrong place
# (GIT_INDEX_FILE of `git commit -- path` is a lock file that is gone a moment later).
_INHERITED = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_REFLOG_ACTION",
    "GIT_EDITOR",
    # Magit sets the first for all it starts, hooks among it: our own pathspecs say themselves what they are.
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
)


MEND = "`git memorylab doctor` says what is damaged here, and mends what can be mended with --repair."
_DAMAGED = re.compile(
    r"reference broken|packed-refs|object file|is corrupt|inflate|index file|bad object|too long, exceeds"
)
_NOWHERE = os.path.join(os.devnull, "none")  # git has a word of advice about a file of grafts that is there, and empty
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Place(NamedTuple):
    """Where a repository is, and in which form it keeps objects and refs. `top` is the working tree's folder, None for
    a bare repository; `reftable` says that its refs are no files."""

    git_dir: Path
    common_dir: Path
    top: Path | None
    form: Form
    reftable: bool = False

    @property
    def state(self) -> Path:
        """Where what is local to this clone is kept."""
        return self.common_dir / "memorylab"

    @property
    def worktree(self) -> str:
        """The name of this linked worktree, empty in the clone's first one."""
        return "" if self.git_dir == self.common_dir else self.git_dir.name

    def locks(self, refs: Iterable[str]) -> list[Path]:
        """The files that git makes while it moves refs: of each its own, but one for all of them in a reftable."""
        if self.reftable:
            return [self.common_dir / "reftable" / "tables.list.lock"]
        return [self.common_dir / f"{ref}.lock" for ref in refs]


def locate(start: Path) -> Place:
    """The repository that `start` is in, as git itself finds it. Raises NotARepository, or git's own complaint."""
    # A git that does not know the ref format, as before 2.45, says the option itself, and opens no reftable.
    asked = ("--git-dir", "--git-common-dir", "--show-object-format", "--show-ref-format", "--show-toplevel")
    command = ["git", "rev-parse", "--path-format=absolute", *asked]
    try:
        done = subprocess.run(command, cwd=start, env=os.environ | {"LC_ALL": "C"}, capture_output=True, check=False)
    except FileNotFoundError:
        raise NotARepository("git is not installed, or this folder is gone.", "Install git 2.39 or later.") from None
    lines = [Path(os.fsdecode(line)) for line in done.stdout.splitlines()]
    if done.returncode and len(lines) < 4:
        said = done.stderr.decode("utf-8", "replace").strip()
        if "not a git repository" in said:
            if (head := _lost_head(start)) is not None:
                line = shlex.quote(f"ref: {_last_branch(head) or 'refs/heads/BRANCH'}")
                raise NotARepository(
                    f"git sees no repository here, as {head} names no branch.",
                    f"`echo {line} > {shlex.quote(str(head))}` puts it back.",
                )
            problem = NotARepository("This is not a git repository.", "Run `git init`, or change into one.")
            problem.is_elsewhere = True
            raise problem
        if "extension" in said:
            unknown = said.rpartition("\n")[2].strip()
            raise NotARepository(f"This git cannot open this repository: {unknown}.", "A newer git may know that.")
        raise NotARepository(said.splitlines()[0] if said else "git rev-parse failed.")
    git_dir, common_dir, form, refs, *top = lines
    if form.name not in FORMS:
        raise NotARepository(f"This repository names its objects by {form.name}, which is not known here.")
    return Place(git_dir, common_dir, top[0] if top else None, FORMS[form.name], refs.name == "reftable")


def _lost_head(start: Path) -> Path | None:
    """The HEAD that git takes for none, as a power cut leaves it, of what is a repository but for that."""
    if "GIT_DIR" in os.environ:
        return None
    for folder in (start.absolute(), *start.absolute().parents):
        for found in (folder / ".git", folder):
            with suppress(OSError):
                if found.is_file():  # that of a linked worktree, or of a submodule
                    named = found.read_text("utf-8", "replace").removeprefix("gitdir:").strip()
                    found = Path(os.path.normpath(folder / named))
                is_git = (found / "commondir").is_file() or all((found / x).is_dir() for x in ("objects", "refs"))
                head = found / "HEAD"
                if is_git and not (head.is_file() and re.match(r"ref: refs/|[0-9a-f]{40}", head.read_text())):
                    return head
    return None


def _last_branch(head: Path) -> str:
    """The branch that a HEAD was on by its reflog, or the only one there is; empty if that leaves it open."""
    with suppress(OSError):
        log = (head.parent / "logs" / "HEAD").read_text("utf-8", "replace")
        moved = re.findall(r"\tcheckout: moving from .* to (\S+)$", log, re.MULTILINE)
        if moved:
            return "" if re.fullmatch("[0-9a-f]{40,64}", moved[-1]) else f"refs/heads/{moved[-1]}"
    branches = [path for path in (head.parent / "refs" / "heads").rglob("*") if path.is_file()]
    return branches[0].relative_to(head.parent).as_posix() if len(branches) == 1 else ""


def environment() -> dict[str, str]:
    """The environment without what ties a hook's children to the commit in progress. What a user has replaced or
    grafted is not what was committed."""
    kept = {name: value for name, value in os.environ.items() if name not in _INHERITED}
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": _NOWHERE}


def run(
    place: Place,
    *arguments: str,
    input: bytes | None = None,
    check: bool = True,
    extra: Mapping[str, str] = _NOTHING,
    durable: bool = False,
) -> bytes:
    """What a git command prints on stdout, with `extra` in its environment. Raises NotFound with git's own words if it
    fails and `check` is set. What it writes is on the disk then if it is to be `durable`."""
    where = [f"--git-dir={place.git_dir}"] + ([f"--work-tree={place.top}"] if place.top else [])
    done = subprocess.run(
        ["git", *where, *(hardened(place) if durable else ()), *arguments],
        cwd=place.top or place.git_dir,
        env={**environment(), **extra},
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        check=False,
    )
    _survived(done.returncode, arguments[0])
    if check and done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        told = said[0] if said else f"git {arguments[0]} failed with exit code {done.returncode}"
        raise NotFound(told, MEND if is_damage(told) else "")
    return done.stdout


def is_damage(said: str) -> bool:
    """Whether git complains of what it cannot read, here or on a remote."""
    return bool(_DAMAGED.search(said))


def succeeds(place: Place, *arguments: str) -> bool:
    """Whether a git command ends with exit code 0."""
    where = ["git", f"--git-dir={place.git_dir}"]
    done = subprocess.run([*where, *arguments], cwd=place.git_dir, env=environment(), capture_output=True, check=False)
    _survived(done.returncode, arguments[0])
    return done.returncode == 0


def _survived(returncode: int, command: str) -> None:
    # Its silence would be taken for an answer.
    if returncode < 0:
        raise Killed(f"git {command} was ended by signal {-returncode}.", after(returncode))


def after(returncode: int) -> str:
    """What helps where a signal has ended git: one of its own crashes comes again, mostly at what is damaged."""
    return MEND if has_crashed(returncode) else "Try again."


def has_crashed(returncode: int) -> bool:
    """Whether git was ended by what it did itself."""
    return -returncode in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)


def update_refs(place: Place, commands: list[str], message: str = "") -> None:
    """Move refs by lines of `git update-ref --stdin`, all or none, with a message for their reflogs. Raises NotFound
    with git's own words. When it returns, they are on the disk."""
    if not commands:
        return
    said = ("-m", message) if message else ()
    command = ("update-ref", *said, "--stdin")
    lines, names = "".join(f"{line}\n" for line in commands).encode(), [line.split(" ")[1] for line in commands]
    try:
        run(place, *command, input=lines, durable=True)
    except NotFound:
        if not release(place.locks([*names, PACKED])):
            raise
        run(place, *command, input=lines, durable=True)
    sync_refs(place, {(place.common_dir / name).parent for name in names})


def sync_refs(place: Place, folders: Iterable[Path]) -> None:
    """Have refs on the disk that git has moved: it syncs what is in a file, and not the folder that has its new name;
    of a reftable all but the footer, which it writes when it has synced the rest (2.55)."""
    if place.reftable:
        tables = place.common_dir / "reftable"
        release(tables.glob("*.ref.lock"))  # which keep a table out of every compaction, and git never misses
        sync_files(tables)
    else:
        sync_folders(folders)


@lru_cache
def hardened(place: Place) -> tuple[str, ...]:
    """The options with which git has what it writes on the disk by the time it ends. The user's own core.fsync wins:
    git has none of its own for loose objects and refs."""
    return () if run(place, "config", "--get", "core.fsync", check=False) else ("-c", "core.fsync=committed")


def is_lure(place: Place, path: Path) -> bool:
    """Whether a path of the working tree is a symbolic link that came with a commit: what the user has not made himself
    is not followed, nor to another place in the working tree, which has .git in it."""
    if place.top is None or not path.is_symlink():
        return False
    try:
        listed = run(place, "ls-files", "-s", "--", f":(top,literal){path.relative_to(place.top)}")
    except NotFound:  # in a submodule, whose commit it then came with
        return True
    return listed.startswith(b"120000 ")


def is_beyond_link(place: Place, path: str) -> bool:
    """Whether a path of the working tree leads over a symbolic link, as git itself follows none."""
    return any((place.top or place.git_dir).joinpath(folder).is_symlink() for folder in Path(path).parents[:-1])


def branch(place: Place) -> str | None:
    """The branch that HEAD is on, None if it is detached."""
    head = run(place, "symbolic-ref", "-q", "HEAD", check=False).decode("utf-8", "replace").rstrip("\n")
    return head.removeprefix("refs/heads/") if head.startswith("refs/heads/") else None


def identity(place: Place, writer: str) -> tuple[str, str]:
    """(name, e-mail address) of the user, without what git leaves out of them, and the writer's where there is none."""
    known = dict(config(place, r"^user\.(name|email)$"))
    name, address = (_clean(known.get(key, "")) for key in ("user.name", "user.email"))
    return name or writer, address or f"{writer}@memorylab"


def _clean(name: str) -> str:
    # What git calls crud: at the ends it is dropped, angle brackets and line ends wherever they are.
    return re.sub(r"[<>\n\0]", "", name).strip("".join(map(chr, range(33))) + "<>.,:;\\\"'")


def config(place: Place, pattern: str) -> list[tuple[str, str]]:
    """Settings whose name matches a regular expression, in git's order, so that a later one wins. A name alone is
    "true", as git has it."""
    listed = run(place, "config", "-z", "--get-regexp", pattern, check=False).decode("utf-8", "replace")
    found = (item.partition("\n") for item in listed.split("\0") if item)
    return [(name, value if equals else "true") for name, equals, value in found]


def moment(place: Place, said: str, now: datetime) -> datetime | None:
    """The time that a date stands for, as git takes dates: `2026-11-01`, `yesterday`, `2 days ago`, in the zone of the
    user. None where it sees none in the words; git itself would take them for now."""
    then = {"GIT_TEST_DATE_NOW": f"{now.timestamp():.0f}"}
    found = run(place, "rev-parse", f"--since={said}", extra=then).decode().strip().partition("=")[2]
    if found == then["GIT_TEST_DATE_NOW"] and not re.search(r"\d|now|today", said, re.IGNORECASE):
        return None
    return datetime.fromtimestamp(int(found), UTC)


def is_on(value: str | None) -> bool:
    """Whether git takes a setting for yes."""
    return (value or "").lower() in ("true", "yes", "on", "1")


def advises() -> bool:
    """Whether hints are wanted: `advice.memorylab`, as for git's own advice, or GIT_ADVICE, which `git --no-advice`
    sets. Asked where an error is told of, so outside of repositories and without a git too."""
    if "GIT_ADVICE" in os.environ:
        return is_on(os.environ["GIT_ADVICE"])
    command = ["git", "config", "--type=bool", "--get", "advice.memorylab"]
    try:
        return subprocess.run(command, capture_output=True, check=False).stdout.strip() != b"false"
    except OSError:
        return True


def is_partial(place: Place) -> bool:
    """Whether this is a partial clone: git marks the packs of what it may have left something out of."""
    return any((place.common_dir / "objects" / "pack").glob("*.promisor"))


def promisor(place: Place) -> str | None:
    """The remote that has the objects which a partial clone left out, None if this is no partial clone."""
    found = config(place, r"^(extensions\.partialclone|remote\..*\.promisor)$")
    named = [value for key, value in found if key == "extensions.partialclone"]
    marked = [
        key[len("remote.") : -len(".promisor")]
        for key, value in found
        if key.endswith(".promisor") and value != "false"
    ]
    return next(iter(named + marked), None)


def version() -> tuple[int, int]:
    """git's own version, for features that arrived later than the oldest git we support."""
    said = subprocess.run(["git", "version"], capture_output=True, check=False).stdout.decode("utf-8", "replace")
    try:
        major, minor = said.split()[2].split(".")[:2]
        return int(major), int(minor)
    except (IndexError, ValueError):
        raise BadInput(f"git answers {said.strip()!r} when asked for its version.") from None
