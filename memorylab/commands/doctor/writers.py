"""Who writes here: one id for each clone, and no clone that writes under another's."""

from __future__ import annotations

from collections.abc import Iterator

from memorylab.commands.doctor.findings import Examination, Finding, Patient, advice, error, warning
from memorylab.commands.doctor.installed import is_set_up
from memorylab.commands.doctor.own import walk
from memorylab.core.text import count, inline
from memorylab.errors import MemoryLabError
from memorylab.store import exchange, git, refs, writer
from memorylab.store.files import locked


def _writers(patient: Patient) -> Iterator[Finding]:
    place = patient.place
    me = patient.me
    if me is None:
        yield from _nobody(patient)
        return
    if (former := writer.former(place.common_dir)) is not None:
        yield error(
            "writer-unsettled", f"This clone was to part from {inline(former[0])}, and was interrupted",
            "finishes it: what is only here is written under the new name.", True,
        )  # fmt: skip
        return
    for name, number in _left(patient).items():
        yield error(
            "writer-left", f"{count(number, 'record')} that this clone wrote as {name} "
            f"{'is' if number == 1 else 'are'} on no remote, and now it writes as {me}",
            f"writes them as {me}, so that they are shared.", True,
        )  # fmt: skip
    for remote in patient.remotes:
        stance = _stance(patient, remote, me)
        if stance == "ahead":
            yield error(
                "journal-behind", f"{inline(remote)} has more of {me} than is here: another clone wrote as it, "
                "or this one was set back", "goes on from there.", True,
            )  # fmt: skip
        elif stance == "forked":
            yield error(
                "writer-forked", f"Another clone writes as {me} too: {inline(remote)} has what does not lead here",
                "gives this clone a name of its own, under which it writes what only it has.", True,
            )  # fmt: skip


def _nobody(patient: Patient) -> Iterator[Finding]:
    path = patient.place.state / "writer.json"
    here = _own(patient)
    if not path.exists() and not (here and patient.place.top is not None and is_set_up(patient)):
        return
    known = writer.copied_from(patient.place.common_dir)
    if known is not None:
        yield advice(
            "writer-copied", f"This clone is a copy of the one that writes as {inline(known)}",
            "Nothing is to be done: it gets a name of its own when it first writes.",
        )  # fmt: skip
        return
    whose = f"takes up {here[0]} again, who alone has written here." if len(here) == 1 else (
        f"{count(len(here), 'writer')} have written here: `git memorylab init --writer NAME` takes one up."
    )  # fmt: skip
    how = "cannot be read" if path.exists() else "is gone"
    said = f"{inline(str(path))} {how}: who writes here is not known"
    yield warning("writer-unreadable", said, whose, len(here) == 1)


def _own(patient: Patient) -> list[str]:
    """Who has a journal here that was not fetched."""
    found = (refs.kind_of(name) for name in patient.tips if not name.startswith(refs.REMOTES))
    return sorted({name for kind, name in filter(None, found) if kind == "journal"})


def _left(patient: Patient) -> dict[str, int]:
    """Who has written here before this clone got another name, with how many records no remote is known to have."""
    found = {}
    for name in _own(patient) if patient.place.top is not None else ():
        tip = patient.tips[refs.JOURNAL + name]
        copies = [patient.tips.get(refs.fetched_as(remote, refs.JOURNAL + name)) for remote in patient.remotes]
        ours, problem = walk(patient.session.store, tip)
        if name != patient.me and patient.remotes and not problem:
            shared = max((len(walk(patient.session.store, copy)[0]) for copy in copies if copy), default=0)
            if len(ours) > shared and all(_leads(patient, copy, tip) for copy in copies if copy):
                found[name] = len(ours) - shared
    return found


def _write_anew(patient: Patient) -> list[str]:
    me = patient.me
    for name in _left(patient) if me is not None else ():
        copies = [patient.tips.get(refs.fetched_as(remote, refs.JOURNAL + name)) for remote in patient.remotes]
        with locked(patient.place.state / "lock"):
            writer.save(patient.place.common_dir, me or "", name, next(filter(None, copies), ""))
        _settle(patient.again())
    return []


def _stance(patient: Patient, remote: str, me: str) -> str:
    """How what was last fetched of our own refs stands to them: "" where ours lead on from it."""
    ref = refs.JOURNAL + me
    theirs, ours = patient.tips.get(refs.fetched_as(remote, ref)), patient.tips.get(ref)
    here = patient.session.reader.kind
    if theirs is None or theirs == ours or here(theirs) != "commit":
        return ""
    if ours is None:
        return "ahead"
    if here(ours) != "commit":
        return ""
    chains = [walk(patient.session.store, tip) for tip in (ours, theirs)]
    (here_on, _), (there_on, _) = chains
    if theirs in (one.oid for one in here_on):
        return ""
    if ours in (one.oid for one in there_on):
        return "ahead" if exchange.is_growth(patient.place, ref, ours, theirs) else "forked"
    # A journal that is damaged leads nowhere; whether there are two is seen once it is whole.
    return "forked" if not any(problem for _, problem in chains) else ""


def _leads(patient: Patient, one: str, other: str) -> bool:
    return git.succeeds(patient.place, "merge-base", "--is-ancestor", "--", one, other)


def _go_on(patient: Patient) -> list[str]:
    me = patient.me
    for remote in patient.remotes:
        if me is not None and _stance(patient, remote, me) == "ahead":
            patient.session.store.adopt(me, remote)
    return []


def _part(patient: Patient) -> list[str]:
    session, me = patient.session, patient.me
    for remote in patient.remotes:
        if me is not None and _stance(patient, remote, me) == "forked":
            theirs = patient.tips[refs.fetched_as(remote, refs.JOURNAL + me)]
            return [f"this clone writes as {session.ledger.part(session.now, theirs, session.store)} from now on"]
    return []


def _settle(patient: Patient) -> list[str]:
    session = patient.session
    former, _ = writer.former(patient.place.common_dir) or ("", "")
    try:
        return [f"this clone writes as {session.ledger.settle(session.now, session.store)} from now on"]
    except MemoryLabError:
        if refs.JOURNAL + (patient.me or "") in patient.tips:
            raise
        # Nothing was written under the new name: under the former one what is damaged can be mended before.
        with locked(patient.place.state / "lock"):
            writer.save(patient.place.common_dir, former)
        return []


def _take_up(patient: Patient) -> list[str]:
    here = _own(patient)
    if len(here) == 1:
        with locked(patient.place.state / "lock"):
            writer.save(patient.place.common_dir, here[0])
    return []


EXAMINATIONS = (
    Examination(
        "writers", _writers,
        {
            "writer-left": _write_anew, "writer-unreadable": _take_up, "writer-unsettled": _settle,
            "journal-behind": _go_on,
        },
    ),
)  # fmt: skip

# After the ledgers: what is damaged is made whole before it is written anew under another name.
PARTING = (Examination("forks", lambda patient: iter(()), {"writer-forked": _part}),)
