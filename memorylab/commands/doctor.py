"""doctor: how much room the memory takes in git, and what would help."""

from msgspec import Struct

from memorylab import index
from memorylab.commands.session import Session
from memorylab.core.text import count
from memorylab.store import git

_PACKS = 50  # git's own gc.autoPackLimit
_KIB = 1024


class Health(Struct, frozen=True, kw_only=True):
    """Sizes in bytes. `loose_objects` are those in files of their own, which is what each record adds;
    `bytes_per_1000_runs` is what all objects of the repository take for that many runs, null without any."""

    runs: int
    loose_objects: int
    packs: int
    objects_bytes: int
    bytes_per_1000_runs: int | None
    index_bytes: int
    advice: list[str]


def examine(session: Session) -> Health:
    """What git and the index say of themselves."""
    listed = git.run(session.place, "count-objects", "-v").decode().splitlines()
    counted = {name: int(value) for name, _, value in (line.partition(": ") for line in listed) if value.isdigit()}
    size = (counted.get("size", 0) + counted.get("size-pack", 0)) * _KIB
    runs, loose, packs = session.recall.size, counted.get("count", 0), counted.get("packs", 0)
    kept = [path.stat().st_size for path in session.place.state.glob(f"{index.FILE}*")]
    return Health(
        runs=runs, loose_objects=loose, packs=packs, objects_bytes=size,
        bytes_per_1000_runs=size * 1000 // runs if runs else None, index_bytes=sum(kept),
        advice=_advice(session, loose, packs, counted.get("garbage", 0)),
    )  # fmt: skip


def _advice(session: Session, loose: int, packs: int, garbage: int) -> list[str]:
    found = []
    said = dict(git.config(session.place, r"^gc\.(auto|autopacklimit)$"))
    most, limit = (_number(said.get(name), usual) for name, usual in (("gc.auto", 6700), ("gc.autopacklimit", _PACKS)))
    if loose > (most or 6700):
        off = " gc.auto is 0, so git never does it by itself." if most == 0 else ""
        found.append(f"{loose:,} loose objects slow git down: run `git gc`. Nothing that is remembered gets lost.{off}")
    if packs > (limit or _PACKS):
        found.append(f"{packs} packs slow git down: run `git gc`.")
    if garbage:
        found.append(f"{count(garbage, 'file')} in .git/objects are no objects: `git gc` clears away what was left.")
    return found


def _number(said: str | None, usual: int) -> int:
    return int(said) if said is not None and said.isdigit() else usual


def render(found: Health) -> str:
    """What the terminal shows."""
    lines = [
        f"{count(found.runs, 'run')}; git: {count(found.loose_objects, 'loose object')}, {count(found.packs, 'pack')}, "
        f"{_size(found.objects_bytes)}; index: {_size(found.index_bytes)}"
    ]
    if found.bytes_per_1000_runs is not None:
        lines.append(f"{_size(found.bytes_per_1000_runs)} of objects for 1,000 runs")
    return "\n".join([*lines, *(found.advice or ["Nothing to be done."])])


def _size(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"
