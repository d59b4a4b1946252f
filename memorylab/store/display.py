"""All decisions in one local notes ref, for `git log`: a glob over one ref per writer takes git seconds."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from memorylab.errors import NotFound, StoreBusy
from memorylab.store import git, refs
from memorylab.store.files import locked, replace
from memorylab.store.growth import differing
from memorylab.store.notestree import NotesTree
from memorylab.store.pack import NOBODY, Pack
from memorylab.store.repo import Store
from memorylab.store.swap import Move, swap

_PATIENCE = 10.0
_FILE = "display.json"
_LONGEST = 1 << 20  # bytes of the packets of one writer on one commit that are shown

Sources = list[tuple[str, str]]
Clean = Callable[[bytes], bytes]


class _United(msgspec.Struct, frozen=True):
    """A union that was made here, and of what."""

    commit: str
    sources: Sources


def refresh(store: Store, tips: Mapping[str, str], shown: str, clean: Clean) -> str:
    """Point refs/memorylab/display, which is at `shown`, at the union of every writer's decisions, which are at `tips`;
    where it is then, "" if it lacks any that are not here. `git log` prints it as it is, so that what others have
    written is made `clean`."""
    sources = _sources(store, tips)
    if not _is_fresh(store, sources, shown):
        # All who move this ref hold this lock, so that none meets another's, and a killed one's is known to be stale.
        # Where that takes too long the packets stay as they are: the next command tries again.
        with suppress(StoreBusy), locked(store.state / "display.lock", _PATIENCE):
            tips, shown = refs.listed(store.place)
            sources = _sources(store, tips)
            if not _is_fresh(store, sources, shown):
                made = _union(store, sources, shown, clean)
                swap(store.place, [Move(refs.DISPLAY, shown or None, made)], "memorylab")
                shown = made
    return shown if sources and _is_fresh(store, sources, shown) else ""


def _is_fresh(store: Store, sources: Sources, shown: str) -> bool:
    if not shown or _is_ours_alone(store, sources):
        return not sources or shown == sources[0][1]
    return _united(store, shown) == sources


def _is_ours_alone(store: Store, sources: Sources) -> bool:
    return not sources or [writer for writer, _ in sources] == [store.writer()]


def _sources(store: Store, tips: Mapping[str, str]) -> Sources:
    """(writer, tip) of all decisions: our own copy of ours, of the others' each that differs, as remotes do."""
    me = store.writer()
    found: Sources = []
    for writer, tip in store.chains("decisions", tips):
        is_known = writer == me and any(writer == known for known, _ in found)
        # Where this ref points to anything else, `git log` itself fails.
        if not is_known and store.reader.kind(tip) == "commit":
            found.append((writer, tip))
    return found


def _united(store: Store, shown: str) -> Sources:
    """What a commit was made the union of here; nothing if it lacks any. The commit itself may be anybody's."""
    try:
        found = msgspec.json.decode((store.state / _FILE).read_bytes(), type=_United)
    except (OSError, ValueError, RecursionError):  # no JSON, no UTF-8, or nested too deeply
        return []
    return found.sources if found.commit == shown else []


def _union(store: Store, sources: Sources, shown: str, clean: Clean) -> str:
    tip = sources[0][1]
    if _is_ours_alone(store, sources) and store.complete_notes(tip):
        return tip
    try:
        grown = _grown(store, sources, shown, clean) if shown and not git.is_partial(store.place) else None
    except NotFound:
        grown = None
    return grown or _merge(store, sources, clean)


def _grown(store: Store, sources: Sources, shown: str, clean: Clean) -> str | None:
    """The union that follows the one that is shown, with what has come to each of its sources since; None where any has
    lost something, or comes in another place, so that all must be read."""
    then, now = _by_writer(_united(store, shown)), _by_writer(sources)
    if not then or [writer for writer in now if writer in then] != list(then):
        return None
    changed: dict[str, list[str]] = {}  # commit -> the sources that have come to it
    for writer, tips in now.items():
        known = then.get(writer, [])
        if tips == known:
            continue
        if len(tips) > 1 or len(known) > 1:
            return None
        pair = differing(store.place, known[0] if known else None, tips[0])
        if pair is None or not pair[0].keys() <= pair[1].keys():
            return None
        for commit in pair[1]:
            changed.setdefault(commit, []).append(tips[0])
    pack = Pack(store.place)
    tree = NotesTree(store.reader, pack, shown)
    trees = {tip: NotesTree(store.reader, pack, tip, foreign=True) for found in changed.values() for tip in found}
    for commit, came in changed.items():
        contents: dict[str, bytes] = {}
        is_new = tree.get(commit) is None
        for writer, tip in sources:
            # Who has not come to a commit that was not there has nothing on it.
            if not is_new or tip in came:
                if tip not in trees:
                    trees[tip] = NotesTree(store.reader, pack, tip, foreign=True)
                _add(contents, writer, trees[tip].get(commit) or b"", clean)
        tree.set(commit, _joined(contents))
    return _commit(store, pack, tree, sources)


def _merge(store: Store, sources: Sources, clean: Clean) -> str:
    """The union of all that the sources hold."""
    merged: dict[str, dict[str, bytes]] = {}
    is_whole = True
    for (writer, _), found in zip(sources, store.notes_of(tip for _, tip in sources), strict=True):
        for commit, content in found or ():
            if content is None:
                is_whole = False
                continue
            _add(merged.setdefault(commit, {}), writer, content, clean)
    pack = Pack(store.place)
    tree = NotesTree(store.reader, pack, None)
    for commit, contents in sorted(merged.items()):
        tree.set(commit, _joined(contents))
    # Unless it says what it is of, the next command tries again to get what is not here.
    return _commit(store, pack, tree, sources if is_whole else [])


def _add(contents: dict[str, bytes], writer: str, content: bytes, clean: Clean) -> None:
    content = clean(content[:_LONGEST])
    # A note only grows: of several copies the longest holds the others.
    if content:
        contents[writer] = max(contents.get(writer, b""), content, key=len)


def _joined(contents: dict[str, bytes]) -> bytes:
    return b"\n".join(contents.values())


def _by_writer(sources: Sources) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for writer, tip in sources:
        found.setdefault(writer, []).append(tip)
    return found


def _commit(store: Store, pack: Pack, tree: NotesTree, sources: Sources) -> str:
    made = pack.commit(tree.write(), [], NOBODY, "Decisions of all writers\n")
    pack.write()
    replace(store.state / _FILE, msgspec.json.encode(_United(made, sources)))
    return made
