"""How a ledger has grown since it was last read, told by the git program: what nearly every command asks, and has an
answer to before libgit2 is imported."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from memorylab.errors import NotFound
from memorylab.store import git
from memorylab.store.git import Place
from memorylab.store.reader import LONGEST, Reader, are_blobs, contents

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


def differing(place: Place, old: str | None, new: str) -> tuple[dict[str, str], dict[str, str]] | None:
    """annotated commit -> blob of what two notes trees (or commits; None: an empty one) do not share, in each of them;
    None if they cannot be read.

    It takes as long as what differs. A note that only stands elsewhere, because git has rewritten the layout, is in
    both.
    """
    options = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames")
    try:
        said = git.run(place, "diff-tree", *options, "--end-of-options", old or place.form.empty_tree, new)
    except NotFound:
        return None
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    fields = said.split(b"\0")
    for described, path in zip(fields[::2], fields[1::2], strict=False):
        name = path.decode("ascii", "replace").replace("/", "")
        _, _, one, other, status = described.decode().split()
        if place.form.is_id(name):
            if status != "A":
                before[name] = one
            if status != "D":
                after[name] = other
    return before, after


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
