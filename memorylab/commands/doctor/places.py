"""Where everything rests on: git's configuration, the settings, locks, and the refs themselves."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from memorylab.commands.doctor.findings import ASIDE, Examination, Finding, Patient, error, warning
from memorylab.commands.hook import SPOOL
from memorylab.core.text import count, inline, shorten
from memorylab.errors import NotARepository
from memorylab.store import git, refs, seen
from memorylab.store.files import locked
from memorylab.store.git import Place

_STALE = 60.0  # seconds; git holds the lock of a ref for milliseconds
_GITS = 600.0  # seconds; a commit whose message is being written holds the index no longer than that, mostly
_SHARED = ("index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock", "reftable/tables.list.lock")
_FILES, _ENDINGS = ("lock", SPOOL, "synced"), (".lock", ".json")  # of the local state
_OURS = ("refs/memorylab", "refs/notes/memorylab")


def unopened(problem: NotARepository) -> Finding:
    """What there is to say of a repository that git does not open."""
    said = inline(problem.message)
    if "config" in said:
        return error(
            "config-unreadable", f"git cannot read its configuration: {said}",
            "Correct that line, or take it out: `git config --edit`, or any editor. The memory is not touched by it.",
        )  # fmt: skip
    if "dubious ownership" in said:
        return error(
            "not-opened", f"git does not trust this repository, as it is another user's: {said}",
            f"`git config --global --add safe.directory {inline(str(Path.cwd()))}`, if you do.",
        )  # fmt: skip
    if "names no branch" in said:
        return error("head-unreadable", said, problem.hint)
    if "repo version" in said or problem.hint:
        return error(
            "format-unsupported", f"This repository is of a form that cannot be opened: {said}",
            problem.hint or "Update git, or use the program that made it so. The memory is not touched by it.",
        )  # fmt: skip
    return error("not-opened", f"git does not open this repository: {said}", "git's own words say what is wrong.")


def _settings(patient: Patient) -> Iterator[Finding]:
    if patient.unusable is not None:
        yield error("setting-unusable", inline(patient.unusable.message), inline(patient.unusable.hint))


# -- local state -----------------------------------------------------------------------------------------------------


def _folders(place: Place) -> list[Path]:
    """What is a folder of the local state where a file belongs."""
    found = sorted(place.state.iterdir()) if place.state.is_dir() else []
    return [path for path in found if path.is_dir() and (path.name in _FILES or path.suffix in _ENDINGS)]


def _state(patient: Patient) -> Iterator[Finding]:
    for path in _folders(patient.place):
        yield error(
            "state-in-the-way", f"{inline(str(path))} is a folder, where a file belongs",
            f"sets it aside in {inline(str(patient.place.state / ASIDE))}.", True,
        )  # fmt: skip


def _clear_state(patient: Patient) -> list[str]:
    aside = patient.place.state / ASIDE
    for path in _folders(patient.place):
        aside.mkdir(exist_ok=True)
        path.rename(aside / f"{path.name}-{time.time_ns()}")
    return []


# -- locks ------------------------------------------------------------------------------------------------------------


def _stale(place: Place) -> list[Path]:
    """The locks of refs that only this program and fetches for it move, that are older than git ever holds one."""
    found = [path for name in _OURS for path in (place.common_dir / name).rglob("*.lock")]
    return sorted(path for path in found if _age(path) > _STALE)


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime if path.is_file() else 0.0
    except OSError:
        return 0.0


def _locks(patient: Patient) -> Iterator[Finding]:
    stale = _stale(patient.place)
    if stale:
        first = stale[0].relative_to(patient.place.common_dir)
        yield warning(
            "lock-stale", f"{count(len(stale), 'lock')} of a git that was killed: {inline(str(first))}",
            "removes it, while nobody else writes.", True,
        )  # fmt: skip
    for path in dict.fromkeys(folder / name for folder in (patient.place.git_dir, patient.place.common_dir)
                              for name in _SHARED):  # fmt: skip
        if _age(path) > _GITS:
            yield warning(
                "lock-of-git", f"{inline(str(path))} is {_age(path) / 60:.0f} minutes old: git stops at it",
                "It is git's own, and may be that of a commit still being written: remove it once no git runs here.",
            )  # fmt: skip


def _unlock(patient: Patient) -> list[str]:
    with locked(patient.place.state / "lock"):
        for path in _stale(patient.place):
            with suppress(FileNotFoundError):
                path.unlink()
    return []


# -- refs -------------------------------------------------------------------------------------------------------------


def _unreadable(place: Place) -> list[tuple[str, Path, str]]:
    """(ref, file, content) of the refs that hold no object's name, which git passes over and can neither move nor
    delete: as a power cut leaves them, or an editor."""
    found = []
    for name in _OURS:
        for path in sorted((place.common_dir / name).rglob("*")):
            if path.suffix == ".lock" or not path.is_file() or path.name.startswith("."):
                continue
            said = path.read_bytes()[:200].decode("utf-8", "replace").strip()
            if not (place.form.is_id(said) and said != place.form.null) and not said.startswith("ref: "):
                found.append((path.relative_to(place.common_dir).as_posix(), path, said))
    return found


def _broken_branch(place: Place) -> tuple[Path, str] | None:
    """The file of the branch that is checked out if it holds no commit, as a power cut leaves it, and the last commit
    that its reflog names, empty if there is none."""
    head = (place.git_dir / "HEAD").read_text("utf-8", "replace").strip()
    name = head.removeprefix("ref: ")
    path = place.common_dir / name
    if place.reftable or name == head or not path.is_file():
        return None
    said = path.read_text("utf-8", "replace").strip()
    if place.form.is_id(said) or said.startswith("ref: "):
        return None
    with suppress(OSError):
        lines = (place.common_dir / "logs" / name).read_text("utf-8", "replace").splitlines()
        named = [field for line in lines for field in line.split(" ")[1:2] if place.form.is_id(field)]
        return path, named[-1] if named else ""
    return path, ""


def _in_the_way(place: Place, me: str | None) -> dict[str, str]:
    """The refs that git lets none of ours stand above or below of, as `git notes --ref memorylab add` makes one in a
    fresh clone, with what they point to."""
    ours = [*refs.owned(me or "x"), refs.DISPLAY, refs.SEEN, f"{refs.REMOTES}x/notes/x", f"{refs.REMOTES}x/journal/x"]
    listed = git.run(place, "for-each-ref", "--format=%(refname) %(objectname)", *_OURS, check=False).decode()
    found = (line.partition(" ") for line in listed.splitlines())
    return {
        name: oid for name, _, oid in found
        if any(ref.startswith(f"{name}/") or name.startswith(f"{ref}/") for ref in ours)
    }  # fmt: skip


def dangling(patient: Patient) -> dict[str, str]:
    """The refs of the memory that point to nothing that is here, with what that is."""
    tips = patient.tips | refs.at(patient.place, [refs.DISPLAY, refs.SEEN])
    tips |= dict(_boards(patient.place))
    asked = "".join(f"{oid}\n" for oid in tips.values()).encode()
    kinds = git.run(patient.place, "cat-file", "--batch-check=%(objecttype)", input=asked, check=False).decode()
    lines = kinds.splitlines()
    return {name: oid for (name, oid), kind in zip(tips.items(), lines, strict=False) if kind.endswith("missing")}


def _boards(place: Place) -> list[tuple[str, str]]:
    lines = git.run(place, "for-each-ref", "--format=%(refname) %(objectname)", refs.BOARDS, check=False).decode()
    return [(name, oid) for name, _, oid in (line.partition(" ") for line in lines.splitlines())]


def _refs(patient: Patient) -> Iterator[Finding]:
    if (broken := _broken_branch(patient.place)) is not None:
        path, last = broken
        where = "where its reflog says it was last" if last else "on a commit: `git log --all` has them"
        yield error(
            "branch-unreadable", f"{inline(str(path))} holds no commit: git knows no longer where this branch is",
            f"It is yours, and left as it is. `rm {shlex.quote(inline(str(path)))} && "
            f"git reset --soft {last or 'COMMIT'}` puts it {where}.",
        )  # fmt: skip
    for name, _, said in _unreadable(patient.place):
        yield error(
            "ref-unreadable", f"{inline(name)} holds no commit but {shorten(inline(said), 40) or 'nothing'!r}",
            "clears the file away and takes what the ref held from where else it is.", True,
        )  # fmt: skip
    for name in _in_the_way(patient.place, patient.me):
        yield error(
            "ref-in-the-way", f"{inline(name)} is a ref, where git can keep none of the memory's beside it",
            f"calls it {inline(_aside(name))}; nothing of it is lost.", True,
        )  # fmt: skip
    gone = dangling(patient)
    derived = [name for name in gone if not refs.kind_of(refs.local_name(name))]
    for names, how in (
        ([name for name in gone if name not in derived], "fetches it, else goes on from what is left."),
        (derived, "makes it anew."),
    ):
        if names:
            said = f"points to {gone[names[0]][:7]}, which is not here"
            said = said if len(names) == 1 else f"and {len(names) - 1} more point to what is not here"
            yield error("ref-dangling", f"{inline(names[0])} {said}", how, True)
    lost = seen.lost(patient.place, patient.session.reader, patient.tips)
    if lost:
        first = next(iter(sorted(lost)))
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        yield error(
            "ref-lost", f"{inline(first)}{more} no longer holds what it held: deleted, pruned, or moved back",
            "puts it back; so does the next command.", True,
        )  # fmt: skip


def _clear(patient: Patient) -> list[str]:
    """Files that are no refs are not in git's way any more: what is in packed-refs counts again, what was seen last is
    put back."""
    with locked(patient.place.state / "lock"):
        for _, path, _ in _unreadable(patient.place):
            with suppress(FileNotFoundError):
                path.unlink()
    return _put_back(patient.again())


def _aside(name: str) -> str:
    return name.replace("refs/", "refs/aside/", 1)


def _move_aside(patient: Patient) -> list[str]:
    place = patient.place
    with locked(place.state / "lock"):
        for name, oid in _in_the_way(place, patient.me).items():
            git.update_refs(place, [f"create {_aside(name)} {oid}", f"delete {name} {oid}"])
    return _put_back(patient.again())


def _put_back(patient: Patient) -> list[str]:
    patient.session.store.protect()
    return []


def _undangle(patient: Patient) -> list[str]:
    """Let go of what is derived, which the next command makes anew, and of our own, which the notes and the journal are
    made anew for. Not by git where it need not be: that would note in the reflog what is not here."""
    place = patient.place
    own = refs.owned(patient.me) if patient.me else []
    with locked(place.state / "lock"):
        for name, oid in dangling(patient.again()).items():
            path = place.common_dir / name
            if name in own and path.is_file() and path.read_bytes().strip() == oid.encode():
                path.unlink()
            elif name not in own and not refs.kind_of(refs.local_name(name)):
                git.update_refs(place, [f"delete {name}"])
    return _put_back(patient.again())


EXAMINATIONS = (
    Examination("the settings", _settings),
    Examination("the local state", _state, {"state-in-the-way": _clear_state}),
    Examination("locks", _locks, {"lock-stale": _unlock}),
    Examination(
        "refs",
        _refs,
        {
            "ref-unreadable": _clear,
            "ref-in-the-way": _move_aside,
            "ref-lost": _put_back,
            "ref-dangling": _undangle,
        },
    ),
)
