"""What others wrote: it is fetched again where it is damaged here, and never written by anybody but them."""

from __future__ import annotations

from collections.abc import Iterator

from memorylab.commands import verify
from memorylab.commands.doctor.findings import Examination, Finding, Patient, error, warning
from memorylab.commands.doctor.own import walk
from memorylab.core.record import Unreadable, decode
from memorylab.core.text import count, inline
from memorylab.errors import Denied, Unreachable
from memorylab.store import git, rebuild, refs, seen, transport
from memorylab.store.files import locked
from memorylab.store.reader import commits


def _copies(patient: Patient) -> Iterator[Finding]:
    for one in verify.ledgers(patient.session):
        if one.writer == patient.me or not one.problems:
            continue
        if not any(ref.startswith(refs.REMOTES) for ref in _refs_of(patient, one.writer)):
            named = " and ".join(inline(ref) for ref in _refs_of(patient, one.writer))
            yield error(
                "stranger-damaged", f"{named or inline(one.writer)} is no memory that was fetched, nor ours: "
                f"{one.problems[0]}", "Whoever made it knows whether it is needed: `git update-ref -d` takes it away.",
            )  # fmt: skip
            continue
        more = f", and {count(len(one.problems) - 1, 'further problem')}" if len(one.problems) > 1 else ""
        yield error(
            "copy-damaged", f"What is here of {inline(one.writer)} is not whole: {one.problems[0]}{more}",
            "fetches it again, from whoever has it whole." if patient.remotes else
            "`git remote add` a clone that has it whole, then run this again.", bool(patient.remotes),
        )  # fmt: skip


def _refs_of(patient: Patient, name: str) -> list[str]:
    return [ref for ref in patient.tips if (refs.kind_of(refs.local_name(ref)) or ("", ""))[1] == name]


def _take_over(patient: Patient) -> list[str]:
    """Follow a remote where what is here is not whole and does not lead to what it has, if that holds all that can be
    read here."""
    session, place = patient.session, patient.place
    damaged = {one.writer for one in verify.ledgers(session) if one.problems and one.writer != patient.me}
    for remote in patient.remotes:
        try:
            there = transport.listing(place, remote, refs.SHARED)
        except (Unreachable, Denied):
            continue  # said when all was fetched again
        for ref, tip in there.items():
            kind, name = refs.kind_of(ref) or ("", "")
            here = patient.tips.get(refs.fetched_as(remote, ref)) if kind in refs.OWN else None
            if name not in damaged or here in (None, tip) or not _holds(patient, kind, tip, here or ""):
                continue
            transport.fetch(place, remote, [f"+{ref}:{refs.fetched_as(remote, ref)}"], None)
            seen.note(place, {refs.fetched_as(remote, ref): tip})
    return []


def _holds(patient: Patient, kind: str, tip: str, here: str) -> bool:
    """Whether what a remote has is whole, and has all that can be read here."""
    if patient.session.reader.kind(tip) != "commit":
        return False
    if kind == "journal":
        theirs, problem = walk(patient.session.store, tip)
        ours, _ = walk(patient.session.store, here)
        return not problem and {(one.anchor, one.line) for one in ours} <= {(one.anchor, one.line) for one in theirs}
    new, old = rebuild.read(patient.place, tip), rebuild.read(patient.place, here)
    lines = {(anchor, line) for anchor, note in new.notes.items() for line in rebuild.lines(note)}
    return new.is_readable and not new.lost and all(
        (anchor, line) in lines for anchor, note in old.notes.items() for line in rebuild.lines(note)
    )  # fmt: skip


# -- what the records are about ---------------------------------------------------------------------------------------


def _unpinned(patient: Patient) -> list[str]:
    """The commits of runs that are here, and that nothing keeps: a gc would take them."""
    named = set()
    for entry in patient.session.store.entries():
        record = decode(entry.line)
        named.add(entry.anchor)
        if not isinstance(record, Unreadable) and len(record.commit) == len(entry.anchor):
            named.add(record.commit)
    here = {oid for oid in commits(patient.place, sorted(named)) if oid is not None}
    asked = "".join(f"{oid}\n" for oid in sorted(here)) + "--not\n--all\n"
    listed = git.run(patient.place, "rev-list", "--stdin", "--ignore-missing", input=asked.encode(), check=False)
    return sorted(here.intersection(listed.decode().split()))


def _experiments(patient: Patient) -> Iterator[Finding]:
    loose = _unpinned(patient)
    if loose:
        yield warning(
            "experiment-unpinned", f"{count(len(loose), 'commit')} of runs, as {loose[0][:7]}, "
            f"{'is' if len(loose) == 1 else 'are'} kept by no ref: `git gc` takes what is not",
            f"keeps it in this clone, by {refs.SEEN}.", True,
        )  # fmt: skip


def _pin(patient: Patient) -> list[str]:
    loose = _unpinned(patient)
    if loose:
        with locked(patient.place.state / "lock"):
            seen.hold(patient.place, patient.session.reader, loose)
    return []


EXAMINATIONS = (
    Examination("the ledgers of others", _copies, {"copy-damaged": _take_over}),
    Examination("the commits of runs", _experiments, {"experiment-unpinned": _pin}),
)
