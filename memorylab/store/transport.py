"""The git program talking to a remote, so that credentials, ssh, proxies and partial clones work as users have them."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from memorylab.errors import Denied, Killed, Unreachable
from memorylab.store import git
from memorylab.store.files import sync_folders
from memorylab.store.git import Place
from memorylab.store.locks import PACKED, release
from memorylab.store.urls import without_passwords

ATTEMPTS = 5
_PAUSE = 0.2  # seconds, doubled with each attempt: five attempts end after at most six seconds of waiting
_SILENCE = 60.0  # seconds that a remote may take to say which refs it has
_LONGEST_LINE = 300

# What waiting does not cure. Anything else may be a remote that is away for a moment, or a cut connection.
_DENIED = re.compile(
    r"permission denied|authentication failed|access denied|could not read (username|password)|invalid credentials"
    r"|host key verification failed|repository not found|service not enabled|not authorized|returned error: 40[13]",
    re.IGNORECASE,
)
# The last is what git says before 2.40 where the remote is empty.
_OTHER_FORM = re.compile(
    r"mismatched algorithms|does not support this repository's hash algorithm|unexpected capabilities\^\{\}"
)
_BUSY = ("atomic", "failed to update ref", "lock", "report status", "already exists")

T = TypeVar("T")
Progress = Callable[[bytes], None]


class Update(NamedTuple):
    """A remote's ref to move: to an object here, or away with it (None). `expected` is what it must be there now, ""
    for not there; None asks for a fast-forward only."""

    ref: str
    target: str | None
    expected: str | None = None


class Answer(NamedTuple):
    """What became of an update: `done`, `moved` (the remote has something else), `refused`, or `busy`."""

    ref: str
    outcome: str
    reason: str


def listing(place: Place, remote: str, patterns: Iterable[str]) -> dict[str, str]:
    """ref -> object of the refs that a remote has. Raises Unreachable, or Denied."""
    listed = _git(place, None, "ls-remote", "--refs", "--quiet", "--", remote, *patterns, seconds=_SILENCE).stdout
    # Not by splitlines(): the name of a ref may have U+2028 in it.
    pairs = (line.split("\t", 1) for line in listed.decode("utf-8", "surrogateescape").split("\n") if line)
    return {name: oid for oid, name in pairs}


def fetch(place: Place, remote: str, refspecs: Iterable[str], progress: Progress | None, *options: str) -> bool:
    """Fetch without pruning, and whatever refspecs are configured; refs that would not be fast-forwarded stay. Whether
    all of them could be moved.

    Raises Unreachable, or Denied.
    """
    began = time.time() - 1
    done = _git(
        place, progress, "fetch", "--no-tags", "--no-prune", "--no-write-fetch-head", "--no-auto-maintenance",
        "--recurse-submodules=no", "--refmap=", *options, "--stdin", "--", remote,
        input="".join(f"{x}\n" for x in refspecs), fine=(0, 1), durable=True,
    )  # fmt: skip
    _sync_names(place, began)
    return done.returncode == 0


def _sync_names(place: Place, since: float) -> None:
    """git syncs what has come, and not the folders that have the names: those that any came into."""
    found = [place.common_dir / "objects", *(place.common_dir / "objects").iterdir()]
    sync_folders(folder for folder in found if _is_since(folder, since))
    walked = (Path(folder) for folder, _, _ in os.walk(place.common_dir / "refs" / "memorylab" / "remotes"))
    git.sync_refs(place, (folder for folder in walked if _is_since(folder, since)))


def _is_since(folder: Path, since: float) -> bool:
    return folder.is_dir() and folder.stat().st_mtime >= since


def fetch_objects(place: Place, remote: str, oids: Iterable[str]) -> None:
    """Fetch what a partial clone left out, all at once, as git does for one. Raises Unreachable, or Denied."""
    _git(
        place, None, "fetch", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--recurse-submodules=no",
        "--filter=blob:none", "--stdin", "--", remote, input="".join(f"{oid}\n" for oid in oids),
        config=("fetch.negotiationAlgorithm", "noop"), durable=True,
    )  # fmt: skip


def push(place: Place, remote: str, updates: list[Update], progress: Progress | None, atomic: bool) -> list[Answer]:
    """Move refs of a remote, all or none if `atomic`. Raises Unreachable, or Denied."""
    began = time.time() - 1
    answers = _push(place, remote, updates, progress, atomic)
    busy = {answer.ref for answer in answers if answer.outcome == "busy"}
    if busy and unlock(place, remote, busy):
        again = _push(place, remote, [one for one in updates if atomic or one.ref in busy], progress, atomic)
        answers = [*again, *(answer for answer in answers if answer.ref not in {one.ref for one in again})]
    _sync_names(place, began)
    return answers


def _push(
    place: Place, remote: str, updates: list[Update], progress: Progress | None, atomic: bool
) -> list[Answer]:  # fmt: skip
    leases = [f"--force-with-lease={u.ref}:{u.expected}" for u in updates if u.expected is not None]
    specs = [f"{update.target or ''}:{update.ref}" for update in updates]
    done = _git(
        place, progress, "push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no",
        *(["--atomic"] if atomic else []), *leases, "--", remote, *specs, fine=(0, 1),
        config=(f"remote.{remote}.mirror", "false"), durable=True,
    )  # fmt: skip
    answers = [found for line in done.stdout.decode("utf-8", "replace").splitlines() if (found := _answer(line))]
    if not answers:
        raise _failure(done.stderr)
    said = _told_by_remote(done.stderr)
    return [x._replace(reason=f"{said} ({x.reason})") if x.outcome == "refused" and said else x for x in answers]


def unlock(place: Place, remote: str, refs: Iterable[str] = ()) -> bool:
    """Remove the locks that a killed push has left on these refs, and on the list of all, of a remote that is a folder
    of this machine: its git was started by the push, and ended with it. Whether there were any."""
    url = git.run(place, "ls-remote", "--get-url", "--", remote, check=False).decode("utf-8", "surrogateescape").strip()
    folder = (place.top or place.git_dir) / url.removeprefix("file://")
    folder = folder / ".git" if (folder / ".git").is_dir() else folder
    locks = [folder / f"{name}.lock" for name in (*refs, PACKED, "reftable/tables.list")]
    return release(locks)


def patiently(work: Callable[[], T], retry: Callable[[T], bool], attempts: int = ATTEMPTS) -> T:
    """Do something that a remote takes part in; if it cannot be reached, or the result asks for it, again after a
    jittered pause that doubles each time. Gives the last result, or raises Unreachable, after that many attempts."""
    for attempt in range(attempts):
        last = attempt == attempts - 1
        try:
            result = work()
            if last or not retry(result):
                return result
        except Unreachable:
            if last:
                raise
        time.sleep(_PAUSE * 2**attempt * os.urandom(1)[0] / 255)
    raise AssertionError("not reached")


def _answer(line: str) -> Answer | None:
    """One line of `git push --porcelain`: flag, from:to, summary with a reason in brackets."""
    parts = line.split("\t")
    if len(parts) != 3 or len(parts[0]) != 1:
        return None
    flag, spec, summary = parts
    ref = spec.rpartition(":")[2]
    if flag != "!":
        return Answer(ref, "done", summary)
    reason = summary.partition("(")[2].rstrip(")") or summary
    if any(word in reason for word in ("fetch first", "non-fast-forward", "stale info", "needs force")):
        return Answer(ref, "moved", reason)
    # GitHub answers a bare "failed" where two push at once.
    if reason == "failed" or any(word in reason for word in _BUSY):
        return Answer(ref, "busy", reason)
    return Answer(ref, "refused", reason)


class _Done(NamedTuple):
    returncode: int
    stdout: bytes
    stderr: str


def _git(
    place: Place, progress: Progress | None, *arguments: str, input: str = "", fine: tuple[int, ...] = (0,),
    seconds: float | None = None, config: tuple[str, str] | None = None, durable: bool = False,
) -> _Done:  # fmt: skip
    """Run git with its words in English. Raises Unreachable or Denied unless the exit code is `fine`."""
    environment = git.environment() | {"LC_ALL": "C"}
    if progress is None:
        # Nobody is watching who could answer a question, and a loop must not hang.
        environment.setdefault("GIT_TERMINAL_PROMPT", "0")
    command = ["git", f"--git-dir={place.git_dir}"]
    if config is not None:
        name, environment["MEMORYLAB_VALUE"] = config
        command += [f"--config-env={name}=MEMORYLAB_VALUE"]  # -c would end a remote's name at its equals sign
    command += [*(git.hardened(place) if durable else ()), arguments[0]]
    command += (["--progress"] if progress else []) + list(arguments[1:])
    with subprocess.Popen(
        command, cwd=place.top or place.git_dir, env=environment,
        stdin=subprocess.PIPE if input else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            if progress is None or process.stderr is None:
                out, err = process.communicate(input.encode("utf-8", "surrogateescape") or None, timeout=seconds)
            else:
                if process.stdin is not None:
                    with suppress(BrokenPipeError), process.stdin:
                        process.stdin.write(input.encode("utf-8", "surrogateescape"))
                err = _pass_on(process.stderr, progress)
                out = process.stdout.read() if process.stdout is not None else b""
                process.wait()
        except subprocess.TimeoutExpired:
            process.kill()
            raise Unreachable(f"The remote said nothing for {seconds:.0f} seconds.") from None
        except BaseException:
            process.terminate()
            raise
    said = _harmless(err)
    if git.has_crashed(process.returncode):
        raise Killed(f"git {arguments[0]} was ended by signal {-process.returncode}.", git.MEND)
    if process.returncode not in fine:
        raise _failure(said)
    return _Done(process.returncode, out, said)


def _pass_on(stream: IO[bytes], progress: Progress) -> bytes:
    """All that git says, each line passed on when it is whole."""
    said = begun = b""
    while chunk := os.read(stream.fileno(), 1 << 16):
        said += chunk
        end = max(chunk.rfind(b"\r"), chunk.rfind(b"\n")) + 1
        if end:
            progress(_harmless(begun + chunk[:end]).encode())
            begun = b""
        begun += chunk[end:]
    return said


def _harmless(said: bytes) -> str:
    """What git says, a remote's words among it, as a terminal may show it: nothing moves a cursor, turns a line around,
    or is a password."""
    return without_passwords(
        "".join(c if c.isprintable() or c in "\r\n" else "?" for c in said.decode("utf-8", "replace"))
    )


def _failure(said: str) -> Unreachable | Denied:
    lines = [line.strip() for line in re.split(r"[\r\n]+", without_passwords(said)) if line.strip()]
    telling = [line for line in lines if _DENIED.search(line)]
    telling += [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))] or lines
    reason = telling[0][:_LONGEST_LINE].rstrip(".") if telling else "git failed without a word"
    if _OTHER_FORM.search(said):
        return Denied(
            "The remote names its objects by another hash than this repository, one by SHA-1 and one by SHA-256: git "
            "brings nothing from one to the other.",
            "Share by a remote of the same form; `git memorylab import` takes the runs of an experiments.jsonl over.",
        )
    if _DENIED.search(said):
        return Denied(f"The remote lets nobody in: {reason}.", "Check its URL and your credentials with `git fetch`.")
    return Unreachable(f"{reason}.")


def _told_by_remote(said: str) -> str:
    lines = (line.removeprefix("remote:").strip() for line in said.splitlines() if line.startswith("remote:"))
    return " ".join(line for line in lines if line)[:_LONGEST_LINE]
