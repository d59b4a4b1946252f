"""How much room the memory takes in git, and what would help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from memorylab import index
from memorylab.commands.doctor.findings import Examination, Finding, Patient, advice
from memorylab.core.record import Run, decode
from memorylab.core.text import count
from memorylab.errors import MemoryLabError
from memorylab.store import git

_PACKS = 50  # git's own gc.autoPackLimit
_KIB = 1024


class Sizes(NamedTuple):
    """Of everything, in bytes or numbers."""

    runs: int
    loose_objects: int
    packs: int
    objects_bytes: int
    index_bytes: int


def sizes(patient: Patient) -> Sizes:
    """What git and the ledgers say of themselves."""
    counted: dict[str, int] = {}
    runs: set[str] = set()
    with suppress(MemoryLabError):
        counted = _counted(patient)
        records = (decode(entry.line) for entry in patient.session.store.entries())
        runs = {record.run_id for record in records if isinstance(record, Run)}
    kept = sum(path.stat().st_size for path in patient.place.state.glob(f"{index.FILE}*") if path.is_file())
    size = (counted.get("size", 0) + counted.get("size-pack", 0)) * _KIB
    return Sizes(len(runs), counted.get("count", 0), counted.get("packs", 0), size, kept)


def _counted(patient: Patient) -> dict[str, int]:
    listed = git.run(patient.place, "count-objects", "-v", check=False).decode().splitlines()
    return {name: int(value) for name, _, value in (line.partition(": ") for line in listed) if value.isdigit()}


def _room(patient: Patient) -> Iterator[Finding]:
    counted = _counted(patient)
    loose, packs, garbage = (counted.get(name, 0) for name in ("count", "packs", "garbage"))
    said = dict(git.config(patient.place, r"^gc\.(auto|autopacklimit)$"))
    most, limit = (_number(said.get(name), usual) for name, usual in (("gc.auto", 6700), ("gc.autopacklimit", _PACKS)))
    if loose > (most or 6700):
        off = " gc.auto is 0, so git never does it by itself." if most == 0 else ""
        yield advice("objects-loose", f"{loose:,} loose objects slow git down.",
                     f"`git gc` packs them. Nothing that is remembered gets lost.{off}")  # fmt: skip
    if packs > (limit or _PACKS):
        yield advice("packs-many", f"{packs} packs slow git down.", "`git gc` makes one of them.")
    if garbage:
        yield advice("objects-garbage", f"{count(garbage, 'file')} in .git/objects are no objects.",
                     "`git gc` clears away what was left.")  # fmt: skip


def _number(said: str | None, usual: int) -> int:
    return int(said) if said is not None and said.isdigit() else usual


EXAMINATIONS = (Examination("the room", _room),)
