"""This clone's own journal, notes and decisions: each is rebuilt from the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memorylab.commands.doctor.findings import Examination, Finding, Patient, advice, error, warning
from memorylab.commands.doctor.objects import missing
from memorylab.commands.doctor.own import Own
from memorylab.commands.doctor.writers import PARTING
from memorylab.core.text import count, inline
from memorylab.store import rebuild, refs, seen
from memorylab.store.files import locked
from memorylab.store.pack import Pack
from memorylab.store.swap import Move, swap
from memorylab.store.transaction import NOTED


def _ledger(patient: Patient) -> Iterator[Finding]:
    me = patient.me
    if me is None:
        return
    own = Own(patient, me)
    yield from _journal(own)
    yield from _notes(own)
    yield from _records(own, patient.remotes)


def _journal(own: Own) -> Iterator[Finding]:
    me = own.me
    if own.broken:
        yield error(
            "journal-broken", f"The journal of {me} cannot be followed: {inline(own.broken)}",
            "makes it anew of the objects and notes that are here.", True,
        )  # fmt: skip
    possible = [seq for seq in own.from_notes if own.entries[seq] not in own.impossible]
    if possible:
        yield error(
            "notes-without-journal", f"{_records_of(possible)} of {me} {_are(possible)} noted and not in the journal",
            "enters them; artifacts that are nowhere here are lost.", True,
        )  # fmt: skip
    elif own.from_objects and not own.broken and not set(own.from_objects) <= {one.seq for one in own.impossible}:
        yield error(
            "journal-gap", f"{_records_of(own.from_objects)} of {me} {_are(own.from_objects)} not in the journal",
            "enters them again, out of what is still here.", True,
        )  # fmt: skip
    elif not own.is_journal_right and not own.broken and not own.twice:
        yield error("journal-disordered", f"The journal of {me} is not in the order of its numbers", "orders it.", True)


def _notes(own: Own) -> Iterator[Finding]:
    me = own.me
    if not own.noted.is_readable or own.noted.lost:
        what = "The ledger" if not own.noted.is_readable else count(len(own.noted.lost), "note")
        yield error("notes-unreadable", f"{what} of {me} cannot be read", "makes it anew out of the journal.", True)
    elif own.unnoted:
        numbers = [one.seq for one in own.unnoted]
        yield error(
            "journal-without-notes", f"{_records_of(numbers)} of {me} {_are(numbers)} in the journal and not noted: "
            "pruned, or a process was killed", "notes them.", True,
        )  # fmt: skip
    if not own.decided.is_readable or own.decided.lost or own.undecided:
        number = len(own.undecided)
        yield warning(
            "decisions-missing", f"{count(number, 'decision packet')} of {me} {_are(range(number))} not shown by "
            "`git log`" if number else f"The decisions of {me} cannot be read", "takes them from the journal.", True,
        )  # fmt: skip
    doubled = len(own.noted.doubled) + len(own.decided.doubled)
    if doubled:
        yield warning(
            "notes-doubled", f"{count(doubled, 'note')} of {me} {'stand' if doubled > 1 else 'stands'} there twice",
            "makes one of the two, with the lines of both.", True,
        )  # fmt: skip
    if own.copied:
        yield warning(
            "notes-copied", f"{count(len(own.copied), 'record')} of {me} {_are(own.copied)} noted on a second commit "
            "too, as notes.rewriteRef has git do", "takes the copy away; the record stays on its own commit.", True,
        )  # fmt: skip
    fullest = max(own.noted.fullest, own.decided.fullest)
    if own.noted.is_overfull or own.decided.is_overfull:
        yield advice("notes-flat", f"{fullest:,} notes of {me} stand in one folder, which makes each new one slow",
                     "lays them out in folders.", True)  # fmt: skip


def _records(own: Own, remotes: Sequence[str]) -> Iterator[Finding]:
    me = own.me
    if own.impossible:
        first = own.impossible[0]
        name = f", of number {first.seq} of {me},"
        where = "from the remotes, if they have it" if remotes else ""
        yield error(
            "experiment-missing", f"{first.anchor[:7]}{name} is not here, so that its journal entry cannot be made",
            f"fetches it {where}; else `git fetch` it from the clone that made it." if remotes else
            "`git fetch` it from a clone that has it, then run this again.", bool(remotes),
        )  # fmt: skip
    if own.gaps:
        yield error(
            "records-lost", f"{_records_of(own.gaps)} of {me} {_are(own.gaps)} nowhere here",
            "A clone that has fetched them has them still: `git remote add` it, `git fetch` it, then run this again.",
        )  # fmt: skip
    if own.twice:
        seq, (anchor, _) = own.twice[0]
        yield error(
            "number-twice", f"Number {seq} of {me} is two records, one of them on {anchor[:7]}: two clones wrote as it",
            "Both are read and shown. `git memorylab sync` parts the two clones.",
        )  # fmt: skip
    if own.strange:
        anchor, _ = own.strange[0]
        yield error(
            "note-strange", f"{count(len(own.strange), 'line')} noted by {me} {_are(own.strange)} no record of its, as "
            f"on {anchor[:7]}", "It is left as it is. If a later version wrote it, update; if you did, take it out: "
            f"`git notes --ref memorylab/ledger/{me} edit {anchor[:7]}`.",
        )  # fmt: skip
    if own.bare:
        run, names = own.bare[0]
        yield warning(
            "artifacts-lost", f"{count(len(own.bare), 'run')} of {me} {_are(own.bare)} without what was kept beside "
            f"{'it' if len(own.bare) == 1 else 'them'}: {inline(', '.join(names))} of {inline(run.id)}",
            "What is left stands. A clone that has fetched the journal as it was has it still.",
        )  # fmt: skip


def _are(found: Sequence[object]) -> str:
    return "is" if len(found) == 1 else "are"


def _records_of(numbers: Sequence[int]) -> str:
    """How many, and which: `3 records (4 to 6)`."""
    first, last = min(numbers), max(numbers)
    return f"{count(len(numbers), 'record')} ({first if first == last else f'{first} to {last}'})"


# -- repairs ----------------------------------------------------------------------------------------------------------


def _remake(patient: Patient) -> list[str]:
    """Make those missing objects again that say what records or notes say: they are the same, so nothing leads to
    anything else than before."""
    me = patient.me
    own = Own(patient, me) if me is not None else None
    gone = missing(patient.place, [tip for tip in own.tips.values() if tip]) if own is not None else {}
    if own is None or not gone:
        return []
    pack = Pack(patient.place)
    for oid, content in own.remade():
        if oid in gone:
            pack.blob(content)
    pack.write()
    return []


def _rebuild(patient: Patient) -> list[str]:
    """Journal, ledger and decisions as they are to be: first the objects, then the refs, in this order. Killed in
    between, it is found again as what it was, or with less that is wrong."""
    me = patient.me
    if me is None:
        return []
    place = patient.place
    with locked(place.state / "lock"):
        own = Own(patient.again(), me)
        pack = Pack(place)
        after = dict(own.tips)
        if not own.is_journal_right:
            after["journal"] = _made_journal(own, pack)
        for kind, found, tree in (("ledger", own.noted, own.notes()), ("decisions", own.decided, own.decisions())):
            if _is_as_it_is_to_be(found, tree):
                continue
            parent = own.whole(kind)
            who = f"memorylab <{me}@memorylab> {int(patient.session.now.timestamp())} +0000"
            after[kind] = pack.commit(rebuild.notes(pack, tree), [parent] if parent else [], who, NOTED)
        pack.write()
        named = dict(refs.of(me))
        moves = [Move(named[kind], own.tips[kind], tip) for kind, tip in after.items()
                 if tip is not None and tip != own.tips[kind]]  # fmt: skip
        swap(place, moves, "memorylab: doctor")
        seen.note(place, {move.ref: move.after for move in moves})
    return []


def _made_journal(own: Own, pack: Pack) -> str | None:
    base, many = own.base()
    for content in own.made.values():
        pack.blob(content)
    return rebuild.journal(own.place, own.me, pack, base, own.wanted[many:], own.salvage[0])


def _is_as_it_is_to_be(found: rebuild.Noted, tree: dict[str, bytes]) -> bool:
    return found.is_readable and not (found.lost or found.doubled or found.is_overfull) and found.notes == tree


_CODES = (
    "journal-broken", "notes-without-journal", "journal-gap", "journal-disordered", "notes-unreadable",
    "journal-without-notes", "decisions-missing", "notes-doubled", "notes-copied", "notes-flat", "experiment-missing",
    "ref-dangling", "ref-unreadable", "objects-missing",
)  # fmt: skip

EXAMINATIONS = (
    Examination("lost objects", lambda patient: iter(()), {"objects-missing": _remake, "notes-unreadable": _remake}),
    Examination("the ledger", _ledger, dict.fromkeys(_CODES, _rebuild)),
    *PARTING,
)
