"""init: make a repository remember, idempotently, and forget how again without touching what it remembers."""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from memorylab.commands import hooks, imports, run, sync
from memorylab.commands.session import Session
from memorylab.core.record import Unreadable, decode
from memorylab.core.text import count, inline
from memorylab.errors import BadInput, MemoryLabError, NotFound
from memorylab.store import git, refs, writer
from memorylab.store.files import replace
from memorylab.store.locks import release
from memorylab.store.repo import Store
from memorylab.store.transaction import RECORD_FILE
from memorylab.views.fresh import FOLDER, TABLE
from memorylab.views.refresh import BEFORE

_EXCLUDE_BEGIN = "# >>> git-memorylab >>>\n"
_EXCLUDE_END = "# <<< git-memorylab <<<\n"
_EXCLUDED = ("/results/", "/results.tsv", "/results.tsv.*", "/run.log")
# So that `git log` shows the packets, and decorations do not show the memory's own refs.
_CONFIG = (
    ("notes.displayRef", refs.DISPLAY),
    ("log.excludeDecoration", "refs/notes/memorylab/"),
    ("log.excludeDecoration", "refs/memorylab/"),
)


def init(session: Session, name: str = "", progress: sync.Progress = None) -> list[str]:
    """Set everything up that is not yet; what was found and done, a line each. In a bare repository, which others push
    to, that is the hook that keeps their ledgers."""
    place = session.place
    if place.top is None:
        return hooks.install_server(place)
    configure(session)
    said = [line for remote in sync.remotes(session) for line in _fetch(session, remote, progress)]
    said.append(f"writer: {_identify(session, name)}")
    said += hooks.install(place, session.settings.subject)
    said += _in_a_submodule(session)
    _exclude(place, True)
    said += _adopt(session)
    said += session.refresh()
    said.append(f"ledger: {count(session.again().recall.size, 'run')}, views in {FOLDER}/ and {TABLE}")
    return said


def lacking(session: Session) -> list[tuple[str, str]]:
    """The configuration that `init` makes and that is not there."""
    there: dict[str, list[str]] = {}
    for key, _ in (wanted := _wanted(session)):
        if key not in there:
            listed = git.run(session.place, "config", "--local", "--get-all", "--", key, check=False)
            there[key] = os.fsdecode(listed).splitlines()
    return [(key, value) for key, value in wanted if value not in there[key]]


def configure(session: Session) -> None:
    """Make the configuration that is not there."""
    release([session.place.common_dir / "config.lock"])  # one that a killed init has left stops every `git config`
    for key, value in lacking(session):
        git.run(session.place, "config", "--local", "--add", "--", key, value)


def _fetch(session: Session, remote: str, progress: sync.Progress) -> list[str]:
    """Bring the memory that others have on a remote. One that is not reached can be fetched from later."""
    options = sync.Options(push=False, progress=progress, attempts=1)
    try:
        done = sync.sync(session, remote, options)
    except MemoryLabError as problem:
        return [f"{remote}: nothing was fetched: {problem.message}"]
    return [sync.render(done), *done.remarks] if done.came or done.remarks or not done.reached else []


def _in_a_submodule(session: Session) -> list[str]:
    """Why no experiment will be seen here, if the subject is committed in another repository."""
    top, subject = session.place.top, Path(session.settings.subject)
    folders = subject.parents if top is not None and not subject.is_absolute() else ()
    inner = next((one for one in folders if one.parts and ((top or one) / one / ".git").exists()), None)
    if inner is None:
        return []
    where = f"the submodule {inline(str(inner))}"
    return [f"{inline(str(subject))} is in {where}, and so are its commits: run `git memorylab init` there"]


def _identify(session: Session, name: str) -> str:
    """This clone's writer id. A name that a remote knows is taken over, with what was logged under it: so a container
    that comes back after its clone is gone goes on where it was."""
    store = session.store
    me = store.writer()
    if me is not None and name and name != me and writer.readable(name) != writer.readable(me):
        raise BadInput(
            f"This clone writes as {me} already.", "One clone is one writer: init another, or leave --writer out."
        )
    if me is None and name:
        like = _namesakes(session, name)
        if like:
            _, one, remote = max([found for found in like if found[1] == name] or like)
            store.adopt(one, remote)
    with session.ledger.writing(session.now, name) as transaction:
        return transaction.writer


def _namesakes(session: Session, name: str) -> list[tuple[int, str, str]]:
    """(time of the latest entry, writer, remote) of those on remotes who have the name, and a memory to go on from."""
    store = session.store
    noted = {one for one, _ in store.chains("ledger")} - {one for one, _, _ in store.fetched_writers()}
    for one in noted:
        if writer.readable(one) == writer.readable(name):
            sync.bring(session, one)  # its journal was left out
    like = [(when, one, remote) for one, remote, when in store.fetched_writers()]
    like = [found for found in like if writer.readable(found[1]) == writer.readable(name)]
    return [found for found in like if _is_sound(store, *found[1:])]


def _is_sound(store: Store, name: str, remote: str) -> bool:
    """Whether what a remote has as a writer's is that: anyone may have put it there."""
    tips = store.tips()
    if refs.fetched_as(remote, refs.LEDGER + name) not in tips:
        return False
    tip = tips[refs.fetched_as(remote, refs.JOURNAL + name)]
    try:
        latest = next(store.journal(tip), None)
    except NotFound:
        # A partial clone may have left the record out, and to adopt it is to fetch it; that it has one is known here.
        return git.succeeds(store.place, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{tip}:{RECORD_FILE}")
    except MemoryLabError:
        return False
    if latest is None:
        return False
    record = decode(latest.line)
    if isinstance(record, Unreadable) or (record.writer, record.seq) != (name, latest.seq):
        return False
    # One that has a number far ahead would leave none to be given.
    length = int(git.run(store.place, "rev-list", "--first-parent", "--count", "--end-of-options", tip))
    return latest.seq == length - 1


def uninstall(session: Session) -> list[str]:
    """Leave no trace but the refs, which hold the memory, and the user's own files as they were."""
    place = session.place
    # Without local state the files that have our views' names are the user's: there is nothing to clear twice.
    state = (place.state, place.git_dir / "memorylab-views.json")
    is_installed = any(path.exists() for path in state)
    hooks.uninstall(place)
    for key, value in _CONFIG:
        git.run(place, "config", "--local", "--fixed-value", "--unset-all", "--", key, value, check=False)
    # By what they fetch to, not by what they would be now: a remote may have been renamed since.
    for key, value in git.config(place, r"^remote\..*\.fetch$"):
        if f":{refs.REMOTES}" in value:
            git.run(place, "config", "--local", "--fixed-value", "--unset-all", "--", key, value, check=False)
    _exclude(place, False)
    listed = git.run(place, "worktree", "list", "--porcelain", "-z", check=False)
    for line in listed.split(b"\0") if is_installed else ():
        if line.startswith(b"worktree "):
            with suppress(MemoryLabError, OSError):
                _clear(Session(Path(os.fsdecode(line[len(b"worktree ") :]))))
    boards = git.run(place, "for-each-ref", "--format=%(refname)", refs.BOARDS, check=False).decode().split()
    for ref in (refs.DISPLAY, refs.SEEN, *boards):
        git.run(place, "update-ref", "-d", "--", ref, check=False)
    shutil.rmtree(place.state, ignore_errors=True)
    return ["Uninstalled. The memory stays in refs/notes/memorylab/ and refs/memorylab/, where `init` finds it again."]


def _clear(session: Session) -> None:
    """Take the views out of one working tree, and put back what they had taken the place of."""
    top = session.place.top
    if top is None:
        return
    session.views.remove()
    (session.place.git_dir / run.SIDECAR).unlink(missing_ok=True)
    for view in (top / TABLE, top / FOLDER):
        before = view.with_name(view.name + BEFORE)
        if before.exists() and not view.exists():
            before.rename(view)


def _wanted(session: Session) -> list[tuple[str, str]]:
    """Configuration to add: constant, and for each remote that is fetched from, where its memory goes."""
    wanted = list(_CONFIG)
    for key, _ in dict.fromkeys(git.config(session.place, r"^remote\..*\.fetch$")):
        remote = key[len("remote.") : -len(".fetch")]
        wanted += [(key, refspec) for refspec in refs.fetch_refspecs(remote, session.settings.notes_only)]
    return list(dict.fromkeys(wanted))


def _exclude(place: git.Place, wanted: bool) -> None:
    """The marked lines in .git/info/exclude: views and run.log are never committed."""
    path = place.common_dir / "info" / "exclude"
    found = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
    before, _, after = found.partition(_EXCLUDE_BEGIN)
    _, ended, rest = after.partition(_EXCLUDE_END)
    if not ended:
        before, rest = found, ""
    if wanted and before and not before.endswith("\n"):
        before += "\n"
    section = "".join([_EXCLUDE_BEGIN, *(f"{line}\n" for line in _EXCLUDED), _EXCLUDE_END]) if wanted else ""
    if before + section + rest:
        replace(path, (before + section + rest).encode("utf-8", "surrogateescape"))
    else:
        path.unlink(missing_ok=True)


def _adopt(session: Session) -> list[str]:
    """Import the ledgers that others left here, once, and keep them beside ours."""
    said = []
    ledger = session.views.foreign_ledger(session.recall)
    if ledger is not None:
        said += _import(session, ledger)
        said.append(f"{FOLDER}: what was there is {session.views.set_aside(session.recall)} now")
    path = session.views.foreign_table(session.recall)
    if path is not None:
        said += _import(session, path)
        kept = path.with_name(path.name + BEFORE)
        if kept.exists() and kept.read_bytes() != path.read_bytes():
            kept = path.with_name(f"{kept.name}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}")
        path.rename(kept)
    return said


def _import(session: Session, path: Path) -> list[str]:
    fresh = Session(session.place.top, session.now)
    fresh.progress = session.progress
    done = imports.import_file(fresh, path)
    return imports.summary(done, path.name).splitlines()
