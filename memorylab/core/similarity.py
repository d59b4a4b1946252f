"""How alike two ideas are, by the knobs that they turn and where they turn them to."""

import math
import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence, Set
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from memorylab.core import aliases
from memorylab.core.moves import Move
from memorylab.core.tokens import equal

How = Literal["value", "factor", "other value", "direction", "turned", "opposite"]


class Tie(Struct, frozen=True):
    """A move of one idea and the move of the other that it goes with. `same` and `related` are of these two alone."""

    ours: int
    theirs: int
    how: How
    same: float
    related: float


class Likeness(Struct, frozen=True):
    """How two ideas compare. `same` and `related` are confidences in [0, 1]; `ties` has the closest first."""

    same: float
    related: float
    opposite: bool = False
    ties: tuple[Tie, ...] = ()


NOTHING = Likeness(0.0, 0.0)
WORDS_SAME, WORDS_RELATED = 0.02, 0.05  # the part of all words in each confidence
_WORD = re.compile(r"[a-z]+|\d[\d.]*")
_LONGEST = 1_000  # characters
_FOLLOWS = 0.3  # what a knob that only follows another one of its idea counts
_OPPOSED = 0.1  # how related two opposite moves of one knob are
GLOSSED = 0.95  # what the explanation of a mechanism counts, beside its name
ONE_KNOB = 0.5  # so alike, two moves turn one knob, and may be opposite


def knob_likeness(a: Move, b: Move, rarity: Mapping[str, float]) -> float:
    """How far two moves turn one knob, in [0, 1]."""
    if a.head and b.head:
        if a.head != b.head:
            return 0.0
        if a.groups == b.groups:
            return 0.85 + 0.15 * _cosine(a.words, b.words, rarity) if a.words and b.words else 1.0
        return 0.6 if a.groups <= b.groups or b.groups <= a.groups else 0.0
    plain = _cosine(a.terms, b.terms, rarity)
    if a.groups == b.groups and a.groups and a.head == b.head:  # "value embeddings" and "value embedding tables"
        plain = max(plain, 0.5 if a.words and b.words else 0.75)
    if a.gloss or b.gloss:
        return max(plain, GLOSSED * _cosine(a.terms | a.gloss, b.terms | b.gloss, rarity))
    return plain


def _cosine(a: frozenset[str], b: frozenset[str], rarity: Mapping[str, float]) -> float:
    if a == b:
        return 1.0
    a, b = _stems(a), _stems(b)
    common = sum(rarity.get(term, 1.0) ** 2 for term in a & b)
    return (
        common / math.sqrt(sum(rarity.get(t, 1.0) ** 2 for t in a) * sum(rarity.get(t, 1.0) ** 2 for t in b))
        if common
        else 0.0
    )


_SUFFIX = re.compile(r"(?:ing|ed|able|ation|ization|er|ly|e|al)$")
_SHORTEST = 4  # characters of a stem


@lru_cache(maxsize=16_384)
def _stems(words: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_stem, words))


@lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    """The word without its ending: "shuffled", "shuffling" and "shuffle" are one."""
    short = _SUFFIX.sub("", word)
    if len(short) < _SHORTEST:
        return word
    return short[:-1] if short[-1] == short[-2] else short


_COMMON = _stems(aliases.COMMON)


def compare_moves(
    a: Move, b: Move, rarity: Mapping[str, float], moved: bool = False, ours: int = 0, theirs: int = 0
) -> Tie | None:
    """Two single moves: the likeness of the knobs, times what values and directions say. None if they share nothing.

    `moved` says that a run which was kept moved the knob in between, so that the same words lead elsewhere.
    """
    knob = knob_likeness(a, b, rarity)
    if knob < 0.2:
        return None
    opposite = a.direction * b.direction < 0
    if a.factor is not None and b.factor is not None and a.old is None and b.old is None:
        opposite = opposite or (a.factor - 1) * (b.factor - 1) < 0
    values = a.new is not None and b.new is not None
    steps = [(move.factor, move.delta) for move in (a, b)]
    factors = not values and all(step != (None, None) for step in steps)
    if a.old is not None and b.old is not None:
        moved = not equal(a.old, b.old)
    how: How
    if values and equal(a.new, b.new):
        how, same, related = "value", 0.97, 0.99
    elif opposite:
        return Tie(ours, theirs, "opposite", 0.02 * knob, _OPPOSED * knob)
    elif factors and not moved and steps[0] == steps[1]:
        how, same, related = "factor", 0.97, 0.99
    elif values or factors:
        known = bool(a.direction and b.direction)
        related = 0.95 if known else 0.75 if a.direction or b.direction else 0.88
        how, same = "other value", 0.1
    elif a.direction == b.direction:
        named = a.new is not None or b.new is not None
        how, same, related = "direction", 0.42 if named else 0.3 if moved and a.step else 0.8, 0.9 if named else 0.95
        if not named and a.head and b.head:  # what is done stands in the words: "cosine warmdown", "sqrt warmdown"
            same *= max(0.4, _cosine(a.words, b.words, rarity))
    else:
        how, same, related = "turned", 0.35, 0.7
    return Tie(ours, theirs, how, same * knob, related * knob)


def compare(a: Sequence[Move], b: Sequence[Move], rarity: Mapping[str, float], moved: Sequence[bool] = ()) -> Likeness:
    """Two ideas: the best pairing of their moves, and how much of both it covers.

    `moved` is as in `compare_moves`, for each move of `a`; empty stands for none.
    """
    if not a or not b:
        return NOTHING
    if len(a) == len(b) == 1:
        one = compare_moves(a[0], b[0], rarity, bool(moved) and moved[0])
        return Likeness(one.same, one.related, _is_opposite(one), (one,)) if one else NOTHING
    ties = sorted(
        (
            tie
            for i, x in enumerate(a)
            for j, y in enumerate(b)
            if (tie := compare_moves(x, y, rarity, bool(moved) and moved[i], i, j)) is not None
        ),
        key=lambda tie: (-max(tie.related, 9 * tie.related * (tie.how == "opposite")), -tie.same, tie.ours, tie.theirs),
    )
    weights = _weights(a), _weights(b)
    left, right = set(range(len(a))), set(range(len(b)))
    chosen: list[Tie] = []
    same = related = matched = 0.0
    for tie in ties:
        if tie.ours in left and tie.theirs in right and (tie.related > 0.05 or tie.how == "opposite"):
            left.discard(tie.ours)
            right.discard(tie.theirs)
            chosen.append(tie)
            weight = (weights[0][tie.ours] + weights[1][tie.theirs]) / 2
            same, related, matched = same + weight * tie.same, related + weight * tie.related, matched + weight
    if not chosen:
        return NOTHING
    coverage = matched / max(sum(weights[0]) + sum(weights[1]) - matched, matched)
    if any(_is_opposite(tie) for tie in chosen):
        same, related = same / matched * coverage, related / matched * coverage
        return Likeness(min(same, 0.1), min(related, 0.3), True, tuple(chosen))
    # One part that differs makes another idea, and so does a part that the other idea lacks.
    least = min(tie.same for tie in chosen)
    return Likeness(
        (same / matched + least) / 2 * coverage**2, related / matched * (0.4 + 0.6 * coverage), False, tuple(chosen)
    )


def _is_opposite(tie: Tie) -> bool:
    return tie.how == "opposite" and tie.related >= _OPPOSED * ONE_KNOB


def _weights(moves: Sequence[Move]) -> list[float]:
    """1 for each move, less for one that only follows another move of the same idea."""
    keys = {move.key for move in moves}
    return [_FOLLOWS if aliases.COMPANIONS.get(move.key, frozenset()) & keys else 1.0 for move in moves]


class Counts:
    """In how many of some texts each word stands: what tells a rare word, which says much, from a common one."""

    def __init__(self, uses: MutableMapping[str, int] | None = None, texts: int = 0) -> None:
        self.uses = {} if uses is None else uses
        self.texts = texts

    def add(self, words: Set[str]) -> None:
        """One more text, of these words."""
        self.texts += 1
        for word in words:
            self.uses[word] = self.uses.get(word, 0) + 1

    def rarity(self, words: Iterable[str], ours: Set[str]) -> dict[str, float]:
        """How much each of some words tells, with a further text of `ours`: log(1 + texts / uses), at least log 2."""
        return {
            word: math.log(1 + (self.texts + 1) / max(1, self.uses.get(word, 0) + (word in ours))) for word in words
        }


def overlaps(ours: frozenset[str], texts: Sequence[frozenset[str]], counts: Counts) -> list[float]:
    """What a text has in common with each of some others, in [0, 1]: the cosine of their words, weighed by rarity."""
    weights = {word: weight**2 for word, weight in counts.rarity(ours.union(*texts), ours).items()}
    norm = sum(weights[word] for word in ours)
    return [
        sum(weights[word] for word in common) / math.sqrt(norm * sum(weights[word] for word in words))
        if (common := ours & words)
        else 0.0
        for words in texts
    ]


def with_words(likeness: Likeness, common: float) -> Likeness:
    """The likeness with what all words of both descriptions have in common, in a small part: it orders what the moves
    leave equal, above all what has no move in common."""
    same = likeness.same + WORDS_SAME * (common - likeness.same)
    related = likeness.related + WORDS_RELATED * (common - likeness.related)
    return Likeness(same, related, likeness.opposite, likeness.ties)


def rarities(ours: Sequence[Move], others: Iterable[Sequence[Move]], counts: Counts) -> dict[str, float]:
    """How much each word of some moves tells; words that every subject has ("layer", "output") tell half as much."""
    words = terms_of(ours)
    telling = counts.rarity(words.union(*map(terms_of, others)), words)
    return {term: weight * (0.5 if term in _COMMON else 1.0) for term, weight in telling.items()}


def terms_of(moves: Sequence[Move]) -> frozenset[str]:
    """The words of what is turned, by their stems."""
    return frozenset(term for move in moves for term in _stems(move.terms | move.gloss))


@lru_cache(maxsize=16_384)
def words_of(text: str) -> frozenset[str]:
    """All words and numbers of a text, by their stems."""
    return _stems(frozenset(_WORD.findall(text[:_LONGEST].lower().replace("_", " "))))
