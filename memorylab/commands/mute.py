"""mute: whose records are left out of everything here, until that is undone. Their refs stay, here and elsewhere."""

import re

from msgspec import Struct

from memorylab.commands.session import Session
from memorylab.core.text import count, inline
from memorylab.errors import BadInput, NotFound
from memorylab.settings import MUTE
from memorylab.store import exchange, git, refs, seen

_KEY = "memorylab.mute"


class Muted(Struct, frozen=True, kw_only=True):
    """A name, or a pattern of names, that is muted, and those of the writers here who are called so, each with how many
    records it has here: as many as its journal counts, or as there are commits that its notes are on."""

    pattern: str
    writers: dict[str, int]


class Mutes(Struct, frozen=True, kw_only=True):
    """Who is muted in this clone now, and how many refs of theirs were deleted from it by this call."""

    muted: list[Muted]
    forgotten: int = 0


def mute(session: Session, patterns: tuple[str, ...]) -> None:
    """Leave out what writers of these names have recorded, from now on. Raises BadInput at what is no such name."""
    for pattern in patterns:
        if not re.match(MUTE, pattern):
            raise BadInput(f"{inline(pattern)!r} cannot be a writer's name.", "Give a name, or one with a * in it.")
        if pattern == session.writer:
            raise BadInput(f"{pattern} is this clone's own writer.", "`git memorylab mute` is for others.")
    for pattern in patterns:
        _set(session, "replace-all", pattern, pattern)


def undo(session: Session, patterns: tuple[str, ...]) -> None:
    """Take in again what was left out. Raises NotFound at what is not muted."""
    unknown = [pattern for pattern in patterns if pattern not in session.settings.mute]
    if unknown:
        raise NotFound(f"{inline(unknown[0])!r} is not muted.", "`git memorylab mute` lists who is.")
    for pattern in patterns:
        _set(session, "unset-all", pattern)


def _set(session: Session, how: str, *values: str) -> None:
    git.run(session.place, "config", "--local", f"--{how}", "--fixed-value", "--", _KEY, *values)


def forget(session: Session) -> int:
    """Delete what was fetched of the muted, so that gc gives its room back; how many refs that were. Archives keep what
    they hold of them."""
    is_muted, own = session.is_muted, refs.owned(session.writer or "")
    gone = [
        ref
        for ref in refs.tips(session.place)
        if ref not in own and (found := refs.kind_of(refs.local_name(ref))) and found[0] in refs.OWN
        and is_muted(found[1])
    ]  # fmt: skip
    seen.forget(session.place, gone)
    seen.let_go(session.place, session.reader)
    return len(gone)


def listed(session: Session, forgotten: int = 0) -> Mutes:
    """Who is muted, with what there is of them here."""
    known = _counted(session) if session.settings.mute else {}
    found = []
    for pattern in dict.fromkeys(session.settings.mute):
        is_one = refs.muted([pattern], session.writer)
        found.append(Muted(pattern=pattern, writers={name: n for name, n in sorted(known.items()) if is_one(name)}))
    return Mutes(muted=found, forgotten=forgotten)


def _counted(session: Session) -> dict[str, int]:
    """How many records there are here of each writer who is muted."""
    counted: dict[str, int] = {}
    for ref, tip in refs.tips(session.place).items():
        kind, name = refs.kind_of(refs.local_name(ref)) or ("", "")
        if kind in ("journal", "ledger") and session.is_muted(name):
            number = exchange.number(session.place, tip) if kind == "journal" else exchange.notes(session.place, tip)
            counted[name] = max(number, counted.get(name, 0))
    return counted


def render(found: Mutes) -> str:
    """What the terminal shows."""
    lines = [f"{one.pattern}: {_said(one.writers)}" for one in found.muted]
    if found.forgotten:
        lines.append(f"{count(found.forgotten, 'ref')} deleted here; `git gc` gives the room back.")
    return "\n".join(lines or ["Nobody is muted."])


def _said(writers: dict[str, int]) -> str:
    return ", ".join(f"{name}, {count(number, 'record')}" for name, number in writers.items()) or "nobody here"
