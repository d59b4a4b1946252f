"""The reasons of the guard, in one line that a person accepts."""

from collections.abc import Mapping, Sequence

from memorylab.core.moves import Key, Move
from memorylab.core.similarity import Likeness
from memorylab.core.tokens import Value, equal

NOTHING = "nothing in common"
_LONGEST = 400  # characters
_SHOWN = 3  # parts of a combination that are named


def likeness(found: Likeness, ours: Sequence[Move], theirs: Sequence[Move], name: str, names: Mapping[Key, str]) -> str:
    """Why two ideas are alike, such as `MATRIX_LR 0.04 → 0.06, as in a1b2c3d`; empty if they are not.

    `name` is the past run's, `names` what the subject calls its knobs.
    """
    if not found.ties:
        return ""
    parts = []
    for tie in found.ties[:_SHOWN]:
        a, b = ours[tie.ours], theirs[tie.theirs]
        knob = knob_name(a, names)
        what = f"{knob} {step(a)}".rstrip()
        if tie.how in ("value", "factor"):
            base = f" (from {value(b.old)} there)" if _rebased(a, b) else ""
            parts.append(f"{what}, as in {name}{base}")
        elif tie.how == "opposite":
            parts.append(f"{what}, the other way from {name} ({step(b)})")
        elif tie.how == "other value":
            parts.append(f"{what}, {step(b)} in {name}")
        elif a.terms == b.terms and step(a) == step(b):
            parts.append(f"{what}, as in {name}")
        elif a.terms == b.terms:
            parts.append(f"{what}, {step(b)} in {name}" if step(b) else f"{what}, turned in {name} too")
        else:
            parts.append(f"{what}, like {knob_name(b, names)} {step(b)}".rstrip() + f" in {name}")
    extra = [move for at, move in enumerate(ours) if all(tie.ours != at for tie in found.ties)]
    missing = [move for at, move in enumerate(theirs) if all(tie.theirs != at for tie in found.ties)]
    if extra:
        parts.append("not there: " + _listed(extra, names))
    if missing:
        parts.append("only there: " + _listed(missing, names))
    return "; ".join(parts)[:_LONGEST]


def knob_name(move: Move, names: Mapping[Key, str]) -> str:
    """What the subject calls the knob, else its words."""
    return names.get(move.key) or move.name


def step(move: Move) -> str:
    """Where a move goes: `0.04 → 0.06`, `0.06`, `x 0.5`, `up`; empty if the words do not tell."""
    if move.new is not None:
        known = move.old is not None and not equal(move.old, move.new)
        return f"{value(move.old)} → {value(move.new)}" if known else value(move.new)
    if move.delta is not None:
        return f"{move.delta:+.10g}"
    if move.factor is not None:
        return f"x {value(move.factor)}"
    return {1: "up", -1: "down", 0: ""}[move.direction] if move.head else {1: "", -1: "removed", 0: ""}[move.direction]


def goal(move: Move) -> str:
    """Where a move ends, whatever it started from: `0.06`, `x 0.5`, `up`."""
    return value(move.new) if move.new is not None else step(move) or "turned"


def value(found: Value | None) -> str:
    """A value as an agent would type it."""
    return "?" if found is None else f"{found:.10g}" if isinstance(found, float) else found


def _rebased(a: Move, b: Move) -> bool:
    return a.old is not None and b.old is not None and not equal(a.old, b.old)


def _listed(moves: Sequence[Move], names: Mapping[Key, str]) -> str:
    shown = [f"{knob_name(move, names)} {step(move)}".rstrip() for move in moves[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(moves) - _SHOWN} more" if len(moves) > _SHOWN else "")
