"""How a ledger has grown since it was last read, told by the git program: what nearly every command asks, and has an
answer to before libgit2 is imported."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from memorylab.errors import NotFound
from memorylab.store import git, refs
from memorylab.store.git import Place
from memorylab.store.reader import LONGEST, Reader, are_blobs, contents

_FOLDER, _ABSENT = "040000", "000000"  # modes, as git tells them
_MANY = 100  # blobs; fewer are read sooner than a process starts

Span = tuple[str | None, str]  # from one tip, None for nothing, to another


class Growth(msgspec.Struct, frozen=True):
    """What a ledger has more than before, as (annotated commit, line), to be read once, and whether it has lost any
    line."""

    added: Iterable[tuple[str, bytes]]
    lost: bool


def growth(
    reader: Reader, spans: Sequence[Span], complete: Callable[[Iterable[str]], object]
) -> Iterator[Growth | None]:
    """How a ledger has changed over each span; None where that cannot be told, because it is not whole here. `complete`
    is given the notes that will be read, for it to fetch those that a partial clone left out."""
    found = [differing(reader.place, *span) for span in spans]
    complete(blob for pair in found if pair is not None for side in pair for blob in side.values())
    for pair in found:
        yield None if pair is None else _grown(reader, *pair)


class _Endless(Exception):
    """A tree with one folder in several places, as no notes have it: a few such name more paths than can be counted."""


def differing(place: Place, old: str | None, new: str) -> tuple[dict[str, str], dict[str, str]] | None:
    """annotated commit -> blob of what two notes trees (or commits; None: an empty one) do not share, in each of them;
    None if they cannot be read, or are none.

    It takes as long as what differs. A note that only stands elsewhere, because git has rewritten the layout, is in
    both.
    """
    try:
        return _compared(place, old, new)
    except (NotFound, _Endless):
        return None


def _compared(place: Place, old: str | None, new: str) -> tuple[dict[str, str], dict[str, str]]:
    """As `differing`. Raises NotFound where they cannot be read, _Endless where they are none."""
    found: tuple[dict[str, str], dict[str, str]] = {}, {}
    for side, path, oid in _paths(place, old, new):
        found[side][path.replace("/", "")] = oid
    return found


def placed(place: Place, tip: str) -> list[tuple[str, str]] | None:
    """(path, blob) of all notes of a tree, or a commit; None as of `differing`."""
    try:
        return [(path, oid) for _, path, oid in _paths(place, None, tip)]
    except (NotFound, _Endless):
        return None


def _paths(place: Place, old: str | None, new: str) -> Iterator[tuple[int, str, str]]:
    """(0 or 1, path, blob) of the notes that only the one or the other has, folder by folder: git itself follows each
    path to its end. Raises as `_compared`."""
    options = ("diff-tree", "-z", "--raw", "--no-abbrev", "--no-renames")
    empty = place.form.empty_tree
    met: tuple[set[str], set[str]] = {empty}, {empty}
    above = [""]
    said = b"\n" + git.run(place, *options, "--end-of-options", old or empty, new)
    while above:
        folders: dict[str, list[str]] = {}
        at = -1
        fields = said.split(b"\0")
        for described, name in zip(fields[::2], fields[1::2], strict=False):
            # Before the first of a pair of folders stands the pair.
            at += described.count(b"\n")
            one, other, *oids, _ = described.rpartition(b"\n")[2].decode().lstrip(":").split()
            path = above[at] + name.decode("ascii", "replace")
            whole = path.replace("/", "")
            for side, (mode, oid) in enumerate(zip((one, other), oids, strict=True)):
                if mode == _FOLDER and place.form.may_begin(whole):
                    if oid in met[side]:
                        raise _Endless
                    met[side].add(oid)
                    folders.setdefault(f"{path}/", [empty, empty])[side] = oid
                elif mode not in (_FOLDER, _ABSENT) and place.form.is_id(whole):
                    yield side, path, oid
        above = list(folders)
        asked = "".join(f"{first} {second}\n" for first, second in folders.values()).encode()
        said = git.run(place, *options, "--stdin", input=asked) if above else b""


def loses(reader: Reader, old: str, new: str) -> bool:
    """Whether a later notes tree of a ledger has lost lines of an earlier one. A line that stands on another commit now
    is not lost: `doctor` takes copies away. Not told of a partial clone, which would fetch note by note."""
    if git.is_partial(reader.place):
        return False
    try:
        before, after = _compared(reader.place, old, new)
    except NotFound:
        return False
    except _Endless:
        return True
    gone: set[bytes] = set()
    for anchor, blob in before.items():
        gone |= _of(reader.note(blob)) - (_of(reader.note(after[anchor])) if anchor in after else set())
    if not gone:
        return False
    _, whole = differing(reader.place, None, new) or ({}, {})
    for content in contents(reader.place, list(whole.values()), LONGEST):
        gone -= _of(content)
    return bool(gone)


def is_cut(reader: Reader, ref: str, old: str | None, new: str) -> bool:
    """Whether a ledger or an archive goes on from what it was, and has lost something of that all the same: who may
    push can take it away by a commit that git fetches as any other."""
    kind, _ = refs.kind_of(refs.local_name(ref)) or ("", "")
    if old is None or old == new:
        return False
    if kind == "ledger":
        return loses(reader, old, new)
    if not kind.startswith("archived"):
        return False
    place, held = reader.place, in_archive(reader.place, new)
    return any(
        (now := held.get(name)) is None
        or not (now == tip or git.succeeds(place, "merge-base", "--is-ancestor", "--", tip, now))
        or is_cut(reader, name, tip, now)
        for name, tip in in_archive(place, old).items()
    )


def in_archive(place: Place, tip: str) -> dict[str, str]:
    """ref -> tip of the refs that an archive holds, by what its tree says."""
    held = {}
    folders = [f"{kind}/" for kind in refs.OWN]
    said = git.run(place, "ls-tree", "-z", "--full-tree", "--", tip, *folders, check=False).decode("utf-8", "replace")
    for line in said.split("\0"):
        _, kind, oid, path = (*line.replace("\t", " ", 1).split(" ", 3), "", "", "", "")[:4]
        folder, _, writer = path.partition("/")
        if kind == "commit" and folder in refs.OWN and refs.is_writer(writer):
            held[refs.OWN[folder] + writer] = oid
    return held


def _of(note: bytes | None) -> set[bytes]:
    return {line for line in (note or b"").split(b"\n") if line.strip()}


def _grown(reader: Reader, before: dict[str, str], after: dict[str, str]) -> Growth | None:
    if not before and len(after) >= _MANY:
        whole = all(are_blobs(reader.place, list(after.values())))
        return Growth(_lines(reader.place, after), False) if whole else None
    added: list[tuple[str, bytes]] = []
    lost = False
    for anchor in before.keys() | after.keys():
        then, now = (reader.note(side[anchor]) if anchor in side else b"" for side in (before, after))
        if then is None or now is None:
            return None
        old, new = (dict.fromkeys(line for line in side.split(b"\n") if line.strip()) for side in (then, now))
        added += [(anchor, line) for line in new if line not in old]
        lost |= not old.keys() <= new.keys()
    return Growth(added, lost)


def _lines(place: Place, found: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """The lines of all notes, commit -> blob, of a ledger that is read for the first time."""
    for anchor, content in zip(found, contents(place, list(found.values()), LONGEST), strict=True):
        if content is None:
            raise NotFound(f"The note on {anchor[:7]} vanished while it was read.", "Try again.")
        yield from ((anchor, line) for line in dict.fromkeys(content.split(b"\n")) if line.strip())
