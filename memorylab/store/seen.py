"""What was once there stays there: a ref that was pruned, deleted or moved back is put where it was.

`git fetch --prune` deletes what its remote has lost, `--force` follows what was rewritten there, and a refspec of the
user's own may write over refs that were never pushed. A ledger only ever grows, so what it held is known to be right.
refs/memorylab/seen keeps the objects from gc: each of its commits has the tips that moved as its parents.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from memorylab.errors import StoreBusy
from memorylab.store import git, growth, refs
from memorylab.store.files import keep, locked
from memorylab.store.git import Place
from memorylab.store.reader import Reader

# What only asks whether anything has moved, which a sync does each time, does without these.
if TYPE_CHECKING:
    from memorylab.store.objects import Objects

_FILE = "seen.json"
_NOTED = "~"  # before the name of a ref, no part of one
_PATIENCE = 10.0

Tips = Mapping[str, str]


def is_settled(place: Place, me: str, now: Tips) -> bool:
    """Whether all is as it was last seen, but for the copies of our own refs, which a push moves."""
    known = _latest(_load(place))
    if known == now:
        return True
    ours = set(refs.owned(me))
    moved = dict(set(known.items()) ^ set(now.items()))
    return all(ref in now and ref.startswith(refs.REMOTES) and refs.local_name(ref) in ours for ref in moved)


def is_unmoved(place: Place, now: Tips) -> bool:
    """Whether every ref is where it was last seen, or where we have moved it since: nothing can have been lost."""
    return _latest(_load(place)) == now


def protect(place: Place, reader: Reader, tips: Tips) -> tuple[list[str], Tips]:
    """Put back the refs that have lost anything since the last call, and keep the others; the names of those put back,
    and where all are then. They are at `tips`; where that is not what was seen last, they are looked at again."""
    if _load(place) == tips:
        return [], tips
    back: dict[str, str] = {}
    # Where another command is at it, the next one comes back to it.
    with suppress(StoreBusy), locked(place.state / "seen.lock", _PATIENCE):
        known, tips = _load(place), refs.tips(place)
        back = _lost(place, reader, _latest(known), tips)
        _put_back(place, back)
        tips = {**tips, **back}
        _keep(place, reader, [tip for ref, tip in tips.items() if known.get(ref) != tip])
        _save(place, tips)
    return sorted(back), tips


def lost(place: Place, reader: Reader, tips: Tips) -> dict[str, str]:
    """The refs that no longer hold what they held when they were last seen, with what that was; they are at `tips`."""
    return _lost(place, reader, _latest(_load(place)), tips)


def hold(place: Place, reader: Reader, commits: list[str]) -> None:
    """Keep further commits from gc, in this clone."""
    with locked(place.state / "seen.lock"):
        _keep(place, reader, commits)


def restore(place: Place, reader: Reader, own: Collection[str], tips: Tips) -> list[str]:
    """Put a writer's own refs back, which are at `tips`, before they are written to; the names of those put back."""
    back = _lost(place, reader, {ref: tip for ref, tip in _latest(_load(place)).items() if ref in own}, tips)
    _put_back(place, back)
    return sorted(back)


def note(place: Place, moved: Tips) -> None:
    """Refs of ours have moved on: the hook writes, and no command may have looked since. `protect` keeps them then."""
    with locked(place.state / "seen.lock"):
        known = _load(place)
        new = {_NOTED + ref: tip for ref, tip in moved.items() if _latest(known).get(ref) != tip}
        if new:
            _save(place, {**known, **new})


def forget(place: Place, gone: list[str]) -> None:
    """Delete refs, and no longer miss them: what they held has another place now."""
    with locked(place.state / "seen.lock"):
        git.update_refs(place, [f"delete {ref}" for ref in gone])
        _save(place, {ref: tip for ref, tip in _load(place).items() if ref.removeprefix(_NOTED) not in gone})


def let_go(place: Place, reader: Reader) -> None:
    """Keep from gc no more than what the refs hold now."""
    with locked(place.state / "seen.lock"):
        git.run(place, "update-ref", "-d", refs.SEEN)
        _keep(place, reader, [*refs.tips(place).values()])


def _latest(known: Tips) -> Tips:
    noted = {ref.removeprefix(_NOTED): tip for ref, tip in known.items() if ref.startswith(_NOTED)}
    return {**{ref: tip for ref, tip in known.items() if not ref.startswith(_NOTED)}, **noted}


def _lost(place: Place, reader: Reader, known: Tips, now: Tips) -> dict[str, str]:
    """The refs that no longer hold what they held, with what that was."""
    moved = {ref: tip for ref, tip in known.items() if now.get(ref) != tip}
    if not moved:
        return {}
    from memorylab.store import archive, objects

    found = objects.opened(place, reader)
    differing = {ref: tip for ref, tip in moved.items() if tip in found}
    archived = archive.held(found, now) if any(ref not in now for ref in differing) else {}
    return {
        ref: tip
        for ref, tip in differing.items()
        if not any(_holds(found, held, tip) for held in (now.get(ref), *archived.get(refs.local_name(ref), ())))
        or (ref.startswith(refs.REMOTES) and ref in now and growth.is_cut(reader, ref, tip, now[ref]))
    }


def _holds(found: Objects, tip: str | None, earlier: str) -> bool:
    from memorylab.store import objects

    try:
        return tip is not None and (tip == earlier or found.descends(tip, earlier))
    except objects.UNREADABLE:
        return False


def _put_back(place: Place, back: Tips) -> None:
    git.update_refs(place, [f"update {ref} {tip}" for ref, tip in back.items()])


def _keep(place: Place, reader: Reader, tips: list[str]) -> None:
    from memorylab.store.pack import NOBODY, Pack
    from memorylab.store.swap import Move, swap

    commits = [tip for tip in dict.fromkeys(tips) if reader.kind(tip) == "commit"]
    if not commits:
        return
    before = reader.at([refs.SEEN]).get(refs.SEEN)
    pack = Pack(place)
    kept = pack.commit(pack.tree({}), [*([before] if before else []), *commits], NOBODY, "Seen\n")
    pack.write()
    swap(place, [Move(refs.SEEN, before, kept)], "memorylab")


def _load(place: Place) -> Tips:
    try:
        found = json.loads((place.state / _FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {ref: tip for ref, tip in found.items() if isinstance(tip, str)} if isinstance(found, dict) else {}


def _save(place: Place, tips: Tips) -> None:
    keep(place.state / _FILE, json.dumps(dict(tips)).encode() + b"\n")
