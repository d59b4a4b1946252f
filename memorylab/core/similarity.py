"""How alike two ideas are, by the knobs that they turn and where they turn them to."""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from memorylab.core import aliases, reading
from memorylab.core.reading import Move
from memorylab.core.record import Knob
from memorylab.core.tokens import Value


class Likeness(Struct, frozen=True):
    """How two ideas compare. `same` and `related` are confidences in [0, 1]."""

    same: float
    related: float
    opposite: bool = False
    why: str = ""


LEFT = "as left by run "  # begins the value of a knob that a kept run moved without saying where to
NOTHING = Likeness(0.0, 0.0, why="nothing in common")


def starting_values(constants: Mapping[str, str]) -> dict[object, Value]:
    """What each knob stands at before the first run, by the key of its move. `constants` are name and source text."""
    knobs = {name: Knob(old=None, new=source) for name, source in constants.items()}
    return {m.key: m.new for name in knobs for m in reading.read_constant(name, knobs[name]) if m.new is not None}


def resolve(moves: Sequence[Move], base: Mapping[object, Value]) -> tuple[Move, ...]:
    """The moves with what the base tells: the value before, the value after a factor, the direction of two numbers."""
    found = tuple(_resolved(move, base) for move in moves)
    effective = tuple(move for move in found if move.new is None or not equal(move.old, move.new))
    return effective or found  # a part that is set to what it was is not turned


def _resolved(move: Move, base: Mapping[object, Value]) -> Move:
    old = move.old if move.old is not None else base.get(move.key)
    new, direction = move.new, move.direction
    if new is None and move.factor is not None and isinstance(old, float):
        new = old * move.factor
    if isinstance(old, float) and isinstance(new, float) and not equal(old, new):
        direction = 1 if new > old else -1
    if old is move.old and new is move.new and direction == move.direction:
        return move
    return replace(move, old=old, new=new, direction=direction)


def equal(a: Value | None, b: Value | None) -> bool:
    """The same value. "32K" may mean 32,000 or 32,768, hence 2.5 % of tolerance from 4,000 on."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= max(abs(a), abs(b)) * (0.025 if min(abs(a), abs(b)) >= 4_000 else 1e-6)
    return a is not None and a == b


def knob_likeness(a: Move, b: Move, rarity: Mapping[str, float]) -> float:
    """How far two moves turn one knob, in [0, 1]."""
    if a.head and b.head:
        if a.head != b.head:
            return 0.0
        if a.groups == b.groups:
            return 0.85 + 0.15 * _cosine(a.words, b.words, rarity) if a.words and b.words else 1.0
        return 0.6 if a.groups <= b.groups or b.groups <= a.groups else 0.0
    return _cosine(a.terms, b.terms, rarity)


def _cosine(a: frozenset[str], b: frozenset[str], rarity: Mapping[str, float]) -> float:
    if a == b:
        return 1.0
    common = sum(rarity.get(term, 1.0) ** 2 for term in a & b)
    return (
        common / math.sqrt(sum(rarity.get(t, 1.0) ** 2 for t in a) * sum(rarity.get(t, 1.0) ** 2 for t in b))
        if common
        else 0.0
    )


def compare_moves(a: Move, b: Move, rarity: Mapping[str, float]) -> Likeness:
    """Two single moves: the likeness of the knobs, times what values and directions say."""
    knob = knob_likeness(a, b, rarity)
    if knob < 0.2:
        return NOTHING
    opposite = a.direction * b.direction < 0
    values = a.new is not None and b.new is not None
    factors = not values and a.factor is not None and b.factor is not None
    moved = _base_moved(a, b)
    if values and equal(a.new, b.new) or factors and not moved and equal(a.factor, b.factor):
        same, related, why = 0.97, 0.99, "is set to the same value"
        opposite = opposite and not values
    elif opposite:
        return Likeness(0.02 * knob, 0.1 * knob, knob >= 0.5, "goes the other way")
    elif values or factors:
        same, related, why = 0.1, 0.95 if a.direction == b.direction else 0.75, "is set to another value"
    elif a.direction == b.direction:
        named = a.new is not None or b.new is not None
        same, related, why = 0.45 if named else 0.3 if moved else 0.8, 0.9 if named else 0.95, "moves the same way"
        if not named and a.head and b.head:  # what is done stands in the words: "cosine warmdown", "sqrt warmdown"
            same *= max(0.4, _cosine(a.words, b.words, rarity))
    else:
        same, related, why = 0.35, 0.7, "is turned in both"
    if opposite:
        return Likeness(0.02 * knob, 0.1 * knob, knob >= 0.5, "goes the other way")
    return Likeness(same * knob * knob, related * knob, False, why)


def _base_moved(a: Move, b: Move) -> bool:
    """The two start from different values, so that the same words lead to different ones."""
    if a.old is None or b.old is None:
        return any(isinstance(move.old, str) and move.old.startswith(LEFT) for move in (a, b))
    return not equal(a.old, b.old)


def compare(a: Sequence[Move], b: Sequence[Move], rarity: Mapping[str, float]) -> Likeness:
    """Two ideas: the best pairing of their moves, and how much of both it covers."""
    if not a or not b:
        return NOTHING
    if len(a) == len(b) == 1:
        one = compare_moves(a[0], b[0], rarity)
        return Likeness(one.same, one.related, one.opposite, f"{b[0].name} {one.why}" if one.related else one.why)
    pairs = sorted(
        ((compare_moves(x, y, rarity), i, j) for i, x in enumerate(a) for j, y in enumerate(b)),
        key=lambda pair: (-max(pair[0].related, 0.9 * pair[0].opposite), -pair[0].same, pair[1], pair[2]),
    )
    weights = [aliases.COMPANIONS.get(m.key, 1.0) for m in a], [aliases.COMPANIONS.get(m.key, 1.0) for m in b]
    left, right = set(range(len(a))), set(range(len(b)))
    same = related = matched = 0.0
    least = 1.0
    opposite, why = False, ""
    for found, i, j in pairs:
        if i in left and j in right and (found.related > 0.05 or found.opposite):
            left.discard(i)
            right.discard(j)
            weight = (weights[0][i] + weights[1][j]) / 2
            same, related, matched = same + weight * found.same, related + weight * found.related, matched + weight
            opposite = opposite or found.opposite
            least = min(least, found.same)
            why = why or f"{b[j].name} {found.why}"
    if not matched:
        return NOTHING
    total = max(sum(weights[0]) + sum(weights[1]) - matched, matched)
    if opposite:
        return Likeness(min(same / total, 0.1), min(related / total, 0.3), True, why)
    coverage = matched / total
    # One part that differs makes another idea, and so does a part that the other idea lacks.
    return Likeness(
        (same / matched + least) / 2 * coverage**2, related / matched * (0.25 + 0.75 * coverage), False, why
    )


def rarities(readings: Sequence[Sequence[Move]]) -> dict[str, float]:
    """How much a word tells, from how few of the ideas use it: log(1 + ideas / uses), at least log 2."""
    uses: dict[str, int] = {}
    for moves in readings:
        for term in {term for move in moves for term in move.terms}:
            uses[term] = uses.get(term, 0) + 1
    return {term: math.log(1 + len(readings) / count) for term, count in uses.items()}
