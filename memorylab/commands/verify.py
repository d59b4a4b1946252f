"""verify: prove that a memory is whole. Sequences have no gaps, journal and notes agree, chains and signatures hold."""

from collections import Counter
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from memorylab.commands.session import Session
from memorylab.core.record import Run, Unreadable, decode
from memorylab.core.text import count, inline
from memorylab.core.versions import of_newer
from memorylab.errors import BadInput, MemoryLabError, NotFound
from memorylab.store import archive, git, refs

_MOST = 20  # problems of one writer that are told one by one


class Checked(Struct, frozen=True):
    """What was found of one writer: how many records, the problems, and what its signatures say: `signed` entries are
    covered by a good signature, by one of `signers`. `journal` is false where it is not here (notes only)."""

    writer: str
    records: int
    problems: list[str]
    journal: bool
    signed: int
    signers: list[str]


def verify(session: Session, signers: Path | None) -> list[Checked]:
    """Check every ledger here, own and fetched. With a file of allowed signers (as ssh-keygen has it), or where
    gpg.ssh.allowedSignersFile names one, every entry must be covered by a good signature of one of them."""
    if signers is not None and not signers.is_file():
        raise BadInput(f"{signers} is not there.", "Give the path of a file of allowed signers.")
    config = dict(git.config(session.place, r"^gpg\.(format|ssh\.allowedsignersfile)$"))
    configured = "gpg.ssh.allowedsignersfile" in config
    checked = ledgers(session)
    if signers is not None or configured or (session.settings.sign and config.get("gpg.format") != "ssh"):
        path = str(signers.resolve()) if signers is not None else None
        journals: dict[str, list[str]] = {}
        for writer, tip in session.store.chains("journal"):
            journals.setdefault(writer, []).append(tip)
        checked = [_signatures(session, one, journals.get(one.writer, []), path) for one in checked]
    elif session.settings.sign:
        unknown = "its signatures cannot be checked without a file of allowed signers (--allowed-signers)"
        checked = [replace(one, problems=[*one.problems, unknown]) for one in checked]
    return checked


def ledgers(session: Session) -> list[Checked]:
    """Check every ledger here, but for its signatures."""
    journals: dict[str, list[str]] = {}
    noted: dict[str, list[str]] = {}
    for kind, found in (("journal", journals), ("ledger", noted)):
        for writer, tip in session.store.chains(kind):
            found.setdefault(writer, []).append(tip)
    broken: dict[str, list[str]] = {}
    for ref, tip in session.store.tips().items():
        kind, writer = refs.kind_of(refs.local_name(ref)) or ("", "")
        if kind.startswith("archived") and not archive.is_whole(session.store.objects, tip):
            broken.setdefault(writer, []).append(f"the {kind} at {tip[:7]} cannot be read")
    checked = []
    for writer in sorted(journals.keys() | noted.keys() | broken.keys()):
        one = _writer(session, writer, journals.get(writer, []), noted.get(writer, []))
        checked.append(replace(one, problems=[inline(said) for said in one.problems + broken.get(writer, [])]))
    return checked


def _writer(session: Session, writer: str, journals: list[str], ledgers: list[str]) -> Checked:
    problems: list[str] = []
    noted = Counter[tuple[str, bytes]]()
    for tip in _longest(session, ledgers, problems, "ledger"):
        found = session.store.notes(tip)
        if found is None:
            problems.append("the ledger cannot be read")
        for anchor, content in found or ():
            if content is None:
                problems.append(f"the note on {anchor[:7]} is not here")
            noted.update((anchor, line) for line in (content or b"").split(b"\n") if line.strip())
    journaled: Counter[tuple[str, bytes]] = Counter()
    for tip in _longest(session, journals, problems, "journal"):
        journaled += _journal(session, writer, tip, problems)
    if journals:
        # A sync of notes alone leaves others' journals where they were.
        light = session.settings.notes_only and writer != session.writer
        latest = max((_number(line) for _, line in journaled), default=0) if light else None
        for anchor, line in noted - journaled:
            if latest is not None and _number(line) > latest:
                continue
            problems.append(f"{_name(line)} is noted on {anchor[:7]} and is not in the journal")
        for anchor, line in journaled - noted:
            problems.append(f"{_name(line)} is in the journal and is not noted on {anchor[:7]}")
    records = (journaled or noted).total()
    return Checked(writer, records, problems, bool(journals or not ledgers), 0, [])


def _journal(session: Session, writer: str, tip: str, problems: list[str]) -> Counter[tuple[str, bytes]]:
    found: Counter[tuple[str, bytes]] = Counter()
    ids: set[str] = set()
    expected, at = None, tip
    partial = git.promisor(session.place) is not None
    try:
        for entry in session.store.journal(tip):
            if expected is not None and entry.seq != expected:
                problems.append(f"entry {expected} is missing: {entry.oid[:7]} is number {entry.seq}")
            expected, at = entry.seq - 1, entry.oid
            found[entry.anchor, entry.line] += 1
            record = decode(entry.line)
            numbered = (record.writer, record.seq) if not isinstance(record, Unreadable) else of_newer(entry.line)
            if isinstance(record, Unreadable) and numbered is None:
                problems.append(f"entry {entry.seq} cannot be read: {record.reason}")
            elif numbered is not None and numbered != (writer, entry.seq):
                problems.append(f"entry {entry.seq} says it is number {numbered[1]} of {numbered[0]}")
            if isinstance(record, Unreadable):
                continue  # what a newer version wrote is whole as far as it can be followed here
            if record.id in ids:
                problems.append(f"{record.id} is there twice")
            ids.add(record.id)
            wanted = {name: one.blob for name, one in record.artifacts.items()} if isinstance(record, Run) else {}
            if wanted != entry.files:
                differing = sorted(name for name, _ in wanted.items() ^ entry.files.items())
                problems.append(f"the artifacts of {record.id} are not those that it names: {', '.join(differing)}")
            gone = [name for name, blob in entry.files.items() if not (partial or session.store.has(blob))]
            gone += [] if session.store.has(entry.anchor) else [entry.anchor[:7]]
            if gone:
                problems.append(f"what {record.id} pins is not here: {', '.join(gone)}")
        # A commit of one parent ends the chain as the root does, and what is before it would not be missed.
        end = session.reader.resolve(at)
        root = session.reader.resolve(end.parents[0]) if expected is not None else end
        if root.parents:
            problems.append(f"{root.oid[:7]} is no entry of a journal, and not its root")
        if expected not in (None, 0):
            problems.append(f"the journal begins with number {(expected or 0) + 1}")
    except MemoryLabError as problem:
        problems.append(problem.message.rstrip("."))
    return found


def _longest(session: Session, tips: list[str], problems: list[str], kind: str) -> list[str]:
    """Of several copies the one that goes furthest; all of them must lie on one line."""
    best = tips[:1]
    for tip in tips[1:]:
        if git.succeeds(session.place, "merge-base", "--is-ancestor", "--", tip, best[0]):
            continue
        if not git.succeeds(session.place, "merge-base", "--is-ancestor", "--", best[0], tip):
            problems.append(
                f"there are two {kind}s, {best[0][:7]} and {tip[:7]}, of which neither goes on from the other"
            )
        best = [tip]
    return best


def _signatures(session: Session, checked: Checked, journals: list[str], path: str | None) -> Checked:
    """Each entry is covered by the signature on it or on a later one, which vouches for all before it."""
    problems, signed, who = list(checked.problems), 0, set()
    config = ["-c", f"gpg.ssh.allowedSignersFile={path}"] if path else []
    for tip in _longest(session, journals, [], "journal"):
        # Whatever the user's log.showSignature says.
        form = ("--no-show-signature", "--format=%G?%x00%GS%x00%P", "--end-of-options")
        try:
            listed = git.run(session.place, *config, "log", "--first-parent", *form, tip).decode("utf-8", "replace")
        except NotFound as problem:
            problems.append(f"its signatures cannot be checked: {inline(problem.message)}")
            continue
        covered = False
        bare = 0
        for line in listed.split("\n"):
            state, signer, parents = [*line.split("\0"), "", ""][:3]
            if " " not in parents:  # the root of the journal
                break
            # G: good. U: good, by a key whose owner is not known to be right; of ssh: by none of the allowed signers.
            if state == "G":
                covered = True
                who.add(signer)
            elif state != "N":
                problems.append(f"a signature is not good ({_STATES.get(state, state)})")
            signed += covered
            bare += not covered
        if bare:
            problems.append(f"nothing that can be trusted signs the latest {bare} of its entries")
    return replace(checked, problems=problems, signed=signed, signers=sorted(who))


_STATES = {
    "B": "bad",
    "U": "of a key that is not allowed",
    "X": "expired",
    "Y": "of an expired key",
    "R": "of a revoked key",
    "E": "cannot be checked",
}


def render(checked: list[Checked]) -> str:
    """One line for each writer, and its problems."""
    lines = []
    for one in checked:
        state = count(len(one.problems), "problem") if one.problems else "whole"
        journal = "" if one.journal else ", notes only"
        signed = f", {one.signed} signed by {', '.join(map(inline, one.signers))}" if one.signers else ""
        lines.append(f"{one.writer}: {count(one.records, 'record')}, {state}{journal}{signed}")
        lines += [f"  {problem}" for problem in one.problems[:_MOST]]
        if len(one.problems) > _MOST:
            lines.append(f"  and {len(one.problems) - _MOST} more")
    return "\n".join(lines) or "Nothing is remembered here yet."


def _name(line: bytes) -> str:
    record = decode(line)
    return "a line that cannot be read" if isinstance(record, Unreadable) else record.id


def _number(line: bytes) -> int:
    record = decode(line)
    return 0 if isinstance(record, Unreadable) else record.seq
