"""A writer's own refs made anew: the journal from what is known of its entries, notes trees from what they hold.

What is made is what was: an entry with the same record, artifacts, author and time is the same commit, so that what
others have fetched of it goes on to be a part of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from memorylab.store import git
from memorylab.store.git import Place
from memorylab.store.growth import placed
from memorylab.store.objects import FILE, FOLDER
from memorylab.store.pack import Pack
from memorylab.store.reader import Reader, contents
from memorylab.store.transaction import NOTED, RECORD_FILE, placeholder, sequence, stand_in

# Beyond what git itself leaves side by side when it rewrites a tree; ours have 40 in a folder, and from the third
# level on as many as come.
_OVERFULL = 256
_FULL = 40
_DEEPEST = 2


class Commit(NamedTuple):
    """A commit of this repository that may be a journal's: with its number, or 0 for one that is the tip of notes."""

    oid: str
    parents: tuple[str, ...]
    tree: str
    seq: int


class Entry(NamedTuple):
    """An entry of a journal as it is to be: `files` are the artifacts that are here, `when` is in seconds since 1970,
    and `name` is what its commit stands in for, if it does."""

    seq: int
    anchor: str
    line: bytes
    files: Mapping[str, str]
    title: str
    when: int
    name: str


class Noted(NamedTuple):
    """What a notes tree holds: commit -> blobs (more than one where a note stands twice) and their lines together.
    `lost` are notes whose content is not here; `is_readable` is false where the tree itself is not; `fullest` is how
    many notes stand in the fullest folder of the first two levels."""

    blobs: dict[str, list[str]]
    notes: dict[str, bytes]
    lost: list[str]
    is_readable: bool
    fullest: int

    @property
    def doubled(self) -> list[str]:
        return [anchor for anchor, blobs in self.blobs.items() if len(blobs) > 1]

    @property
    def is_overfull(self) -> bool:
        return self.fullest > _OVERFULL


NOTHING = Noted({}, {}, [], True, 0)


def read(place: Place, tip: str | None) -> Noted:
    """The notes at a tip, in whatever layout they are."""
    if tip is None:
        return NOTHING
    stands = placed(place, tip)
    if stands is None:
        return NOTHING._replace(is_readable=False)
    blobs: dict[str, list[str]] = {}
    folders: Counter[str] = Counter()
    for path, blob in stands:
        blobs.setdefault(path.replace("/", ""), []).append(blob)
        folder = path.rpartition("/")[0]
        folders[folder] += folder.count("/") < _DEEPEST - 1
    asked = [blob for names in blobs.values() for blob in names]
    content = dict(zip(asked, contents(place, asked), strict=True))
    notes, lost = {}, []
    for anchor, names in blobs.items():
        here = [found for name in names if (found := content[name]) is not None]
        if len(here) < len(names):
            lost.append(anchor)
        if len(here) == 1:
            notes[anchor] = here[0]
        elif here:
            notes[anchor] = b"".join(b"%s\n" % line for line in lines(b"\n".join(here)))
    return Noted(blobs, notes, lost, True, max(folders.values(), default=0))


def former(place: Place, tip: str) -> list[tuple[str, bytes]]:
    """(annotated commit, content) of the notes that a ledger once had and has no longer as they were."""
    raw = ("--first-parent", "--format=", "--raw", "-r", "-z", "--no-abbrev", "--no-renames", "--diff-filter=DM",
           "--no-show-signature")  # fmt: skip
    said = git.run(place, "log", *raw, "--end-of-options", tip, check=False).decode("utf-8", "replace")
    fields = [field.lstrip("\n") for field in said.split("\0")]
    pairs = zip(fields[::2], fields[1::2], strict=False)
    named = [(path.replace("/", ""), head.split()[2]) for head, path in pairs if head.startswith(":")]
    found = zip(named, contents(place, [blob for _, blob in named]), strict=True)
    return [(anchor, content) for (anchor, _), content in found if content is not None and place.form.is_id(anchor)]


def lines(note: bytes) -> list[bytes]:
    """The lines of a note, each once."""
    return list(dict.fromkeys(line for line in note.split(b"\n") if line.strip()))


def commits(place: Place) -> tuple[list[Commit], list[Commit]]:
    """All commits here that may be entries of a journal, and those that are tips of notes, the latest first; whether or
    not a ref leads to them."""
    listed = git.run(place, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)", check=False)
    oids = [line[7:] for line in listed.decode().splitlines() if line.startswith("commit ")]
    form = ("--no-walk=unsorted", "--no-show-signature", "-z", "--format=%H %T %ct %P%n%B", "--stdin")
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    said = git.run(place, "log", *form, input=asked, check=False).decode("utf-8", "replace") if oids else ""
    entries, tips = [], []
    for commit in filter(None, said.split("\0")):
        head, _, message = commit.partition("\n")
        oid, tree, when, *parents = head.split()
        seq = sequence(message)
        if seq and len(parents) == 2:
            entries.append(Commit(oid, tuple(parents), tree, seq))
        elif message == NOTED:
            tips.append((int(when), Commit(oid, tuple(parents), tree, 0)))
    return entries, [tip for _, tip in sorted(tips, key=lambda one: -one[0])]


def record_of(reader: Reader, commit: Commit) -> tuple[bytes, dict[str, str]] | None:
    """(line, artifacts: name -> blob) of a journal's entry, None where they are not here."""
    found = reader.tree(commit.tree)
    if found is None or RECORD_FILE not in found[1]:
        return None
    files = {name: oid for name, (_, oid) in found[1].items()}
    line = reader.blob(files.pop(RECORD_FILE))
    return None if line is None else (line.rstrip(b"\n"), files)


def is_possible(reader: Reader, entry: Entry) -> bool:
    """Whether an entry can be made: its commit is here, or one that stands for another and can be made."""
    return reader.kind(entry.anchor) == "commit" or placeholder(reader.place.form, entry.name) == entry.anchor


def journal(
    place: Place, me: str, pack: Pack, base: str | None, entries: Sequence[Entry], known: Sequence[Commit]
) -> str | None:
    """A journal of these entries on top of one that is there, None for none; its tip. `known` are commits here, of
    which those that it would be made of are taken as they are."""
    identity = git.identity(place, me)
    tip = base
    there: dict[int, list[Commit]] = {}
    for commit in known:
        there.setdefault(commit.seq, []).append(commit)
    for entry in entries:
        who = f"{identity[0]} <{identity[1]}> {entry.when} +0000"
        if placeholder(place.form, entry.name) == entry.anchor:
            stand_in(place.form, pack, entry.name)
        files = {name: (FILE, blob) for name, blob in entry.files.items()}
        tree = pack.tree({RECORD_FILE: (FILE, pack.blob(entry.line + b"\n")), **files})
        if tip is None:
            roots = {commit.parents[0] for commit in there.get(entry.seq, []) if commit.tree == tree}
            root = pack.commit(pack.tree({}), [], who, f"Journal of {me}\n")
            found = next((one for one in roots if Reader(place).kind(one) == "commit"), None)
            tip = found or root
        same = [one for one in there.get(entry.seq, []) if one.tree == tree and one.parents == (tip, entry.anchor)]
        message = f"{entry.title}\n\nSeq: {entry.seq}\n"
        tip = same[0].oid if same else pack.commit(tree, [tip, entry.anchor], who, message)
    return tip


def notes(pack: Pack, found: Mapping[str, bytes]) -> str:
    """A notes tree of these notes, laid out as they would have come to stand; its id."""
    return _folder(pack, {anchor: pack.blob(content) for anchor, content in found.items()}, 0)


def _folder(pack: Pack, blobs: Mapping[str, str], depth: int) -> str:
    if len(blobs) <= _FULL or depth == _DEEPEST:
        return pack.tree({name: (FILE, blob) for name, blob in blobs.items()})
    below: dict[str, dict[str, str]] = {}
    for name, blob in blobs.items():
        below.setdefault(name[:2], {})[name[2:]] = blob
    return pack.tree({name: (FOLDER, _folder(pack, part, depth + 1)) for name, part in below.items()})
