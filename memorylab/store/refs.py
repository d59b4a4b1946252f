"""Every ref that MemoryLab uses, and who may move it."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from memorylab.store import git
from memorylab.store.git import Place

LEDGER = "refs/notes/memorylab/ledger/"  # + writer: notes on experiment commits, one record per line. Truth.
DECISIONS = "refs/notes/memorylab/decisions/"  # + writer: notes on experiment commits, packets as Markdown. Derived.
JOURNAL = "refs/memorylab/journal/"  # + writer: one commit per record; pins the experiment, holds artifacts. Truth.
ARCHIVED_NOTES = "refs/notes/memorylab/archive/"  # + archiver: `ledger` and `decisions` of retired writers, folded.
ARCHIVED_JOURNALS = "refs/memorylab/journal/archive/"  # + archiver: journals of retired writers, folded.
CLAIMS = "refs/memorylab/claims"  # on a remote: open claims, one chain that all extend by compare-and-swap.
BOARDS = "refs/memorylab/boards/"  # + remote: its board as it was last read. Local.
REMOTES = "refs/memorylab/remotes/"  # + remote: what was fetched from others. Moved by fetches alone.
DISPLAY = "refs/memorylab/display"  # local: all decisions in one notes tree, for `git log`. Never pushed.
SEEN = "refs/memorylab/seen"  # local: keeps from gc what was once there. Never pushed.

# The kinds of a writer's refs, in the order in which they are moved.
OWN = {"journal": JOURNAL, "ledger": LEDGER, "decisions": DECISIONS}
_KINDS = {"archived notes": ARCHIVED_NOTES, "archived journals": ARCHIVED_JOURNALS, **OWN}
NOTES = "refs/notes/memorylab/"
SHARED = (f"{NOTES}*", f"{JOURNAL}*")

_WRITER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_LONGEST = 120
# The name of a remote may have slashes, and any of these words between them; that of a writer has none.
_FETCHED = re.compile(rf"{REMOTES}.+/(notes|journal)/((?:(?<=notes/)(?:ledger|decisions|archive)/|archive/)?[^/]+)")


class Entry(NamedTuple):
    """One line of a ledger: who wrote it, on which commit it is a note, and its bytes."""

    writer: str
    anchor: str
    line: bytes


def tips(place: Place) -> dict[str, str]:
    """Every ref that holds memory, own and fetched, with the object it points to."""
    return listed(place)[0]


def listed(place: Place) -> tuple[dict[str, str], str]:
    """Every ref that holds memory, own and fetched, with the object it points to; and where the packets of all writers
    are, empty for nowhere."""
    lines = git.run(place, "for-each-ref", "--format=%(objectname) %(refname)", NOTES, JOURNAL, REMOTES, DISPLAY)
    found = _named(lines)
    return found, found.pop(DISPLAY, "")


def at(place: Place, names: Iterable[str]) -> dict[str, str]:
    """The objects that some refs point to; a ref that does not exist is left out."""
    wanted = list(names)
    lines = git.run(place, "for-each-ref", "--format=%(objectname) %(refname)", "--", *wanted)
    return {name: oid for name, oid in _named(lines).items() if name in wanted}


def _named(listed: bytes) -> dict[str, str]:
    # Not by splitlines(): the name of a ref, which anyone may push, may have U+2028 and others of its kind in it.
    return {name: oid for oid, name in (line.split(" ", 1) for line in os.fsdecode(listed).split("\n") if line)}


Who = Callable[[str], bool]


def muted(patterns: Sequence[str], me: str | None) -> Who:
    """Whether a writer is one whose records are left out: its name is one of these, or has a `*` where that has
    anything. Nobody is left out of the own clone."""
    return lambda writer: writer != me and any(fnmatchcase(writer, pattern) for pattern in patterns)


def nobody(writer: str) -> bool:
    """No writer."""
    return False


def chains(tips: Mapping[str, str], kind: str, is_muted: Who = nobody) -> tuple[list[tuple[str, str]], list[str]]:
    """(writer, tip) of every `journal`, `ledger` or `decisions` among some refs, own ones first, then fetched ones,
    each tip once; and the tips of the archives, which hold more of them. Those of the muted are not among them."""
    found: dict[tuple[str, str], None] = {}
    archives = []
    for ref, tip in sorted(tips.items(), key=lambda item: (item[0].startswith(REMOTES), item[0])):
        named, writer = kind_of(local_name(ref)) or ("", "")
        if named == kind and not is_muted(writer):
            found[writer, tip] = None
        elif named == ("archived journals" if kind == "journal" else "archived notes"):
            archives.append(tip)
    return list(found), archives


def tracking(remote: str) -> str:
    """The namespace that holds what was fetched from a remote."""
    return f"{REMOTES}{remote}/"


def fetched_as(remote: str, ref: str) -> str:
    """The ref that holds what was fetched of a remote's ref."""
    for prefix, name in ((NOTES, "notes/"), (JOURNAL, "journal/")):
        if ref.startswith(prefix):
            return tracking(remote) + name + ref[len(prefix) :]
    raise ValueError(f"{ref} is not shared")


def fetch_refspecs(remote: str, notes_only: bool = False) -> list[str]:
    """How others' memory arrives: beside our own refs, and without a `+`, so that a rewritten ledger is refused."""
    return [f"{shared}:{fetched_as(remote, shared)}" for shared in SHARED[: 1 if notes_only else 2]]


def kind_of(ref: str) -> tuple[str, str] | None:
    """(kind, writer) of an own or a remote's ref: `journal`, `ledger`, `decisions`, or with the archiver
    `archived notes`, `archived journals`. None if it is no such ref, or of nobody who may be called so."""
    for kind, prefix in _KINDS.items():
        if ref.startswith(prefix):
            writer = ref[len(prefix) :]
            return (kind, writer) if is_writer(writer) else None
    return None


def local_name(ref: str) -> str:
    """What a fetched ref is called where its owner has it; any other ref as it is."""
    found = _FETCHED.fullmatch(ref)
    if found is None:
        return ref
    return f"{NOTES if found[1] == 'notes' else JOURNAL}{found[2]}"


def is_writer(name: str) -> bool:
    """Whether a name may be a writer's: it is part of ref names and of paths."""
    return len(name) <= _LONGEST and _WRITER.fullmatch(name) is not None


def owned(writer: str) -> list[str]:
    """Every ref that only a writer moves: its own, and its archives."""
    return [*dict(of(writer)).values(), *archives(writer)]


def archives(writer: str) -> list[str]:
    """The refs of a writer's archives."""
    return [ARCHIVED_JOURNALS + writer, ARCHIVED_NOTES + writer]


def of(writer: str) -> Iterator[tuple[str, str]]:
    """(kind, ref) of the refs that a writer has."""
    for kind, prefix in OWN.items():
        yield kind, prefix + writer
