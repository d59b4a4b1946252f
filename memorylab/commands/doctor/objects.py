"""Objects that are damaged, or not here though a ref of the memory leads to them; and fetching them again."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from memorylab import index
from memorylab.commands.doctor.findings import ASIDE, Examination, Finding, Patient, error, warning
from memorylab.commands.doctor.packs import put_lists_aside
from memorylab.commands.doctor.places import dangling
from memorylab.core.text import count, inline
from memorylab.errors import Denied, Unreachable
from memorylab.store import git, refs, seen, transport
from memorylab.store.files import locked, read
from memorylab.store.form import Form
from memorylab.store.git import Place
from memorylab.store.pack import Pack
from memorylab.store.reader import LONGEST
from memorylab.views.fresh import RUNS

_MISSING = re.compile(r"missing (blob|tree|commit|tag) ([0-9a-f]+)")
_AT_ONCE = 1 << 20  # bytes
_FSCK = ("fsck", "--connectivity-only", "--no-dangling", "--no-reflogs", "--no-progress")


def _damaged(place: Place) -> list[Path]:
    """The files of loose objects that hold something else than their names say: a power cut leaves them empty."""
    found = sorted((place.common_dir / "objects").glob("[0-9a-f][0-9a-f]/*"))
    return [path for path in found if not _is_sound(place.form, path)]


def _is_sound(form: Form, path: Path) -> bool:
    name = path.parent.name + path.name
    if not form.is_id(name):
        return True  # git's own temporary files
    try:
        with path.open("rb") as file:
            unpacked, hashed = zlib.decompressobj(), form.hash()
            # Who may push has made it, and a megabyte may hold a thousand.
            while not unpacked.eof:
                packed = unpacked.unconsumed_tail or file.read(_AT_ONCE)
                content = unpacked.decompress(packed, _AT_ONCE)
                if not packed and not content:
                    return False
                hashed.update(content)
        return bool(hashed.hexdigest() == name)
    except FileNotFoundError:  # a gc has packed it
        return True
    except (OSError, zlib.error):
        return False


def missing(place: Place, tips: Iterable[str]) -> dict[str, str]:
    """The objects that are not here though these commits lead to them, by git's account: id -> kind."""
    heads = list(dict.fromkeys(tips))
    if not heads:
        return {}
    listed = git.run(place, *_FSCK, "--", *heads, check=False, extra={"LC_ALL": "C"}).decode("utf-8", "replace")
    return {oid: kind for kind, oid in _MISSING.findall(listed)}


def is_whole(place: Place, tip: str, *known: str) -> bool:
    """Whether all that a commit leads to is here, but for what `known` commits lead to."""
    asked = ("rev-list", "--objects", "--quiet", "--end-of-options")
    return git.succeeds(place, *asked, tip, *(f"^{one}" for one in known))


def _heads(patient: Patient) -> dict[str, str]:
    """The refs of the memory that there is anything at, without those that are made of others."""
    gone = dangling(patient)
    return {name: oid for name, oid in patient.tips.items() if name not in gone}


def _objects(patient: Patient) -> Iterator[Finding]:
    place = patient.place
    damaged = _damaged(place)
    if damaged:
        name = damaged[0].parent.name + damaged[0].name
        yield error(
            "object-damaged", f"{count(len(damaged), 'object')} of git's cannot be read: {name[:7]} and others"
            if len(damaged) > 1 else f"The object {name[:7]} of git's cannot be read",
            f"sets it aside in {inline(str(place.state / ASIDE))}, so that it can be fetched or made again.", True,
        )  # fmt: skip
    heads = _heads(patient)
    gone = missing(place, heads.values())
    if gone:
        kind = next(iter(gone.values()))
        oid = next(iter(gone))
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        # What notes and journal have of each other is found in them; here is what only others can have.
        remedy = "fetches it from the remotes, else makes what can be made of the rest." if patient.remotes else (
            "makes what can be made of the rest. No remote could have it: `git remote add` a clone that does."
        )  # fmt: skip
        yield error("objects-missing", f"The {kind} {oid[:7]}{more} that the memory leads to is not here", remedy, True)
    kept = refs.at(place, [refs.SEEN]).get(refs.SEEN)
    if kept and kept not in dangling(patient).values() and not gone and missing(place, [kept]):
        yield warning(
            "seen-broken", f"{refs.SEEN} keeps what is no longer whole, and `git gc` stops at it",
            "keeps what is whole of it.", True,
        )  # fmt: skip


def _set_aside(patient: Patient) -> list[str]:
    folder = patient.place.state / ASIDE
    for path in _damaged(patient.place):
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            path.rename(folder / (path.parent.name + path.name))
    return []


def _make_again(patient: Patient) -> list[str]:
    """Make lost blobs of what the index and the views have, which their names prove; fetch the rest."""
    place, heads = patient.place, _heads(patient).values()
    gone = {oid for oid, kind in missing(place, heads).items() if kind == "blob"}
    pack = Pack(place)
    for content in _copies(place) if gone else ():
        if place.form.object_id("blob", content) in gone:
            pack.blob(content)
    pack.write()
    return refetch(patient) if missing(place, heads) else []


def _copies(place: Place) -> Iterator[bytes]:
    # A note of one record and the file of its journal entry are one object, whose loss takes both.
    yield from (line + b"\n" for line in index.lines(place.state / index.FILE))
    for path in sorted((place.top / RUNS).glob("*/*")) if place.top is not None else ():
        with suppress(OSError):
            yield read(path, LONGEST)


def refetch(patient: Patient) -> list[str]:
    """Have the remotes send again all that is remembered there, as to a clone that has nothing of it."""
    said = []
    put_lists_aside(patient.place)
    for remote in patient.remotes:
        try:
            there = transport.listing(patient.place, remote, refs.SHARED)
            specs = [f"{ref}:{refs.fetched_as(remote, ref)}" for ref in there if _is_wanted(patient, ref)]
            if specs:
                transport.fetch(patient.place, remote, specs, None, "--refetch")
        except (Unreachable, Denied) as problem:
            said.append(f"{remote}: nothing was fetched: {inline(problem.message)}")
    return said


def _is_wanted(patient: Patient, ref: str) -> bool:
    kind, name = refs.kind_of(ref) or ("", "")
    return bool(kind) and not (patient.session.settings.notes_only and "journal" in kind and name != patient.me)


def _renew_seen(patient: Patient) -> list[str]:
    """Let go of what is broken of what was seen, and of nothing else."""
    place, reader = patient.place, patient.session.reader
    tips = list(_heads(patient).values())
    kept, at = [], refs.at(place, [refs.SEEN]).get(refs.SEEN)
    while at is not None and reader.kind(at) == "commit":
        parents = reader.resolve(at).parents
        is_chain = bool(parents) and reader.tree(parents[0]) is not None and _is_seen(patient, parents[0])
        kept += [tip for tip in parents[is_chain:] if reader.kind(tip) == "commit" and is_whole(place, tip, *tips)]
        at = parents[0] if is_chain else None
    with locked(place.state / "seen.lock"):
        git.update_refs(place, [f"delete {refs.SEEN}"])
    seen.hold(place, reader, [*tips, *kept])
    return []


def _is_seen(patient: Patient, oid: str) -> bool:
    return patient.session.reader.resolve(oid).message == "Seen\n"


_REFETCHED = (
    "ref-dangling", "ref-unreadable", "copy-damaged", "journal-broken", "experiment-missing",
)  # fmt: skip

EXAMINATIONS = (
    Examination(
        "objects", _objects,
        {
            "object-damaged": _set_aside, "objects-missing": _make_again, **dict.fromkeys(_REFETCHED, refetch),
            "seen-broken": _renew_seen,
        },
    ),
)  # fmt: skip
