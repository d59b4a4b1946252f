"""doctor: what is wrong with a clone's memory, why, and with --repair the mending of it.

Every examination (one of a list) yields findings; every finding that can be mended has its repair beside it. Without
--repair nothing is written. With it the repairs are made in the order of the list, which is that of what rests on what:
packs, locks, refs, objects, writers, ledgers, copies, index, hooks. Then all is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from memorylab.commands.doctor import copies, installed, ledger, objects, packs, places, room, writers
from memorylab.commands.doctor import index as indexed
from memorylab.commands.doctor.findings import Examination, Finding, Patient, error
from memorylab.commands.session import Session
from memorylab.core.text import count, inline
from memorylab.errors import MemoryLabError, NotARepository
from memorylab.store import git

_ROUNDS = 4  # one repair may bring to light what another can mend

EXAMINATIONS: tuple[Examination, ...] = (
    *packs.EXAMINATIONS, *places.EXAMINATIONS, *objects.EXAMINATIONS, *writers.EXAMINATIONS, *ledger.EXAMINATIONS,
    *copies.EXAMINATIONS, *indexed.EXAMINATIONS, *installed.EXAMINATIONS, *room.EXAMINATIONS,
)  # fmt: skip


class Health(Struct, frozen=True, kw_only=True):
    """What is wrong, in `findings`, after the repairs if there were any; `mended` is what they put right, and
    `remarks` is what is to be said of them. `advice` has the messages of those findings that are advice.

    Sizes in bytes. `loose_objects` are those in files of their own, which is what each record adds;
    `bytes_per_1000_runs` is what all objects of the repository take for that many runs, null without any. Where git
    itself cannot open the repository or count them they are 0."""

    runs: int
    loose_objects: int
    packs: int
    objects_bytes: int
    bytes_per_1000_runs: int | None
    index_bytes: int
    advice: list[str]
    findings: list[Finding]
    mended: list[Finding]
    remarks: list[str]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong; there may be advice."""
        return all(one.severity == "advice" for one in self.findings)


def unopened(problem: NotARepository) -> Health:
    """The health of a repository that git itself does not open. Raises the problem where there is none."""
    if problem.is_elsewhere:
        raise problem
    found = [places.unopened(problem)]
    return _health(room.Sizes(0, 0, 0, 0, 0), found, [], [])


def examine(session: Session, repair: bool = False) -> Health:
    """Look at everything, and with `repair` mend what can be mended and look again."""
    patient = Patient(session)
    found = _look(patient)
    first, remarks = list(found), []
    for _ in range(_ROUNDS if repair else 0):
        before = found
        if not any(one.mends for one in found):
            break
        remarks += _repair(patient, found)
        patient = patient.again()
        found = _look(patient)
        first += [one for one in found if one not in first]
        if found == before:
            break
    mended = [one for one in first if one not in found] if repair else []
    return _health(room.sizes(patient), found, mended, list(dict.fromkeys(remarks)))


def _look(patient: Patient) -> list[Finding]:
    return [found for one in EXAMINATIONS for found in _looked(patient, one)]


def _looked(patient: Patient, one: Examination) -> Iterator[Finding]:
    try:
        yield from one.look(patient)
    except (MemoryLabError, OSError) as problem:
        # Whatever stops one examination is no reason not to make the others.
        said = problem.message if isinstance(problem, MemoryLabError) else str(problem)
        hint = problem.hint if isinstance(problem, MemoryLabError) and problem.hint != git.MEND else ""
        yield error("not-examined", f"{one.name} could not be examined: {inline(said)}", hint or "Mend the rest first.")


def _repair(patient: Patient, found: list[Finding]) -> list[str]:
    """Make all repairs that these findings ask for."""
    said = []
    codes = {one.code for one in found if one.mends}
    for one in EXAMINATIONS:
        for work in dict.fromkeys(work for code, work in one.repairs.items() if code in codes):
            try:
                said += work(patient.again())
            except (MemoryLabError, OSError) as problem:
                told = problem.message if isinstance(problem, MemoryLabError) else str(problem)
                said.append(f"{one.name}: not mended: {inline(told)}")
    return said


def _health(sizes: room.Sizes, found: list[Finding], mended: list[Finding], remarks: list[str]) -> Health:
    runs, size = sizes.runs, sizes.objects_bytes
    return Health(
        runs=runs, loose_objects=sizes.loose_objects, packs=sizes.packs, objects_bytes=size,
        bytes_per_1000_runs=size * 1000 // runs if runs else None, index_bytes=sizes.index_bytes,
        advice=[one.message for one in found if one.severity == "advice"],
        findings=found, mended=mended, remarks=remarks,
    )  # fmt: skip


def render(found: Health) -> str:
    """What the terminal shows: the sizes, what was mended, and what is wrong, each with what is to be done."""
    lines = [
        f"{count(found.runs, 'run')}; git: {count(found.loose_objects, 'loose object')}, {count(found.packs, 'pack')}, "
        f"{_size(found.objects_bytes)}; index: {_size(found.index_bytes)}"
    ]
    if found.bytes_per_1000_runs is not None:
        lines.append(f"{_size(found.bytes_per_1000_runs)} of objects for 1,000 runs")
    lines += [f"mended {one.code}: {one.message}" for one in found.mended]
    for one in found.findings:
        how = f"--repair: {one.remedy}" if one.mends else one.remedy
        lines += [f"{one.severity} {one.code}: {one.message}", f"  {how}"]
    return "\n".join([*lines, _summary(found)])


def _summary(found: Health) -> str:
    wrong = [one for one in found.findings if one.severity != "advice"]
    mends = sum(one.mends for one in wrong)
    if not wrong:
        return "Nothing to be done." if not found.findings else "Nothing is wrong."
    left = " left" if found.mended else ""
    can = f"; `git memorylab doctor --repair` mends {mends}" if mends and not found.remarks and not found.mended else ""
    return f"{count(len(wrong), 'thing')} wrong{left}{can}."


def _size(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"
