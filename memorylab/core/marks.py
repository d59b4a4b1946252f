"""Marks: under what a past run is found again, so that an idea is compared with the few that it may be close to.

What decides how alike two ideas are (`novelty`, `similarity`) has a mark: the same words or code, the same knobs,
values and directions. Runs with one mark are told apart by what else decides their rank: whether they were kept, and
whether they turn one knob alone. Of each kind the latest few are enough, for the later of two equal runs comes first.
Words come last: they order what has no knob in common, and only the rarest tell anything.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b

from memorylab.core import similarity
from memorylab.core.history import Idea, Trace
from memorylab.core.moves import Move
from memorylab.core.similarity import Counts

LATEST = 10  # runs of each kind under a mark
TRIALS = 60  # latest runs that turn the knob: what was tried of it is told of these
SPOKEN = 100  # runs that the rarest words may bring in
_TOLERANT = 4_000  # from here on two values are equal within 2.5 % (`tokens.equal`)

Sought = tuple[str, int]  # a mark, and how many of the latest runs under it


def of_run(idea: Idea, trace: Trace, kept: bool) -> frozenset[str]:
    """The marks of a past run."""
    kind = _kind(kept, len(trace.moves))
    found = {_mark(kind, *mark) for mark in _marks(idea, trace)}
    found |= {_mark("knob", _knob(move)) for move in trace.moves}
    return frozenset(found) | {_mark(*mark) for mark in _spoken(idea, trace.moves)}


def of_idea(idea: Idea, trace: Trace, terms: Counts, words: Counts, latest: int = LATEST) -> list[Sought]:
    """The marks to look under for an idea that would be read so; at least the `latest` runs of each kind. The counts
    tell which words are rare."""
    marks = dict.fromkeys([*_marks(idea, trace), *_near(trace.moves)])
    kinds = [_kind(kept, parts) for kept in (True, False) for parts in (1, 2)]
    found = [(_mark(kind, *mark), max(LATEST, latest)) for mark in marks for kind in kinds]
    found += [(_mark("knob", _knob(move)), TRIALS) for move in dict.fromkeys(trace.moves)]
    counts = {"term": terms.uses, "word": words.uses}
    spoken = sorted((counts[kind].get(word, 0), kind, word) for kind, word in _spoken(idea, trace.moves))
    left = SPOKEN
    for count, kind, word in spoken:
        if count and left > 0:
            found.append((_mark(kind, word), min(count, left)))
            left -= count
    return found


def _marks(idea: Idea, trace: Trace) -> Iterator[tuple[str, ...]]:
    """What makes runs alike, the closest first."""
    yield "text", " ".join(idea.description.casefold().split())
    if idea.change is not None:
        for name, value in (("program", idea.change.blob), ("code", idea.change.fingerprint)):
            if value:
                yield name, value
    if trace.origin >= 0:
        yield "origin", str(trace.origin)
    if trace.settings:
        yield "settings", *sorted(map(_setting, trace.settings))
    if len(trace.moves) > 1:
        yield "knobs", *sorted(map(_knob, trace.moves))
    for move in trace.moves:
        yield "value", _knob(move), _value(move.new)
        yield "way", _knob(move), str(move.direction)
        if move.head:
            yield "head", move.head


def _near(moves: Sequence[Move]) -> Iterator[tuple[str, ...]]:
    """What an idea's own marks do not cover: the other direction, and values that count as equal."""
    for move in moves:
        for direction in {"-1", "0", "1"} - {str(move.direction)}:
            yield "way", _knob(move), direction
        if isinstance(move.new, float) and abs(move.new) >= _TOLERANT:
            for step in (-1, 1):
                yield "value", _knob(move), _value(move.new, step)


def _spoken(idea: Idea, moves: Iterable[Move]) -> set[tuple[str, str]]:
    """The words that may be rare: those of mechanisms, and those of the description."""
    mechanisms = similarity.terms_of([move for move in moves if not move.head])
    words = similarity.words_of(idea.description)
    return {("term", term) for term in mechanisms} | {("word", word) for word in words}


def _knob(move: Move) -> str:
    head, terms = move.key
    return f"{head or ''}:{' '.join(sorted(terms))}"


def _setting(setting: tuple[tuple[str | None, frozenset[str]], object, int]) -> str:
    (head, terms), value, direction = setting
    return f"{head or ''}:{' '.join(sorted(terms))}={value}/{direction}"


def _value(value: object, step: int = 0) -> str:
    """A value as one of those that are equal to it."""
    if not isinstance(value, float):
        return repr(value)
    if abs(value) < _TOLERANT:
        return f"{value:.5g}"
    return f"{'-' if value < 0 else '+'}{math.floor(math.log(abs(value)) / 0.025) + step}"


def _kind(kept: bool, parts: int) -> str:
    return ("kept" if kept else "dropped") + (" alone" if parts < 2 else "")


def _mark(*parts: str) -> str:
    # A word of letters and digits, whatever was said: so it passes through any tokenizer.
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def candidates(sought: Iterable[Sought], find: Callable[[str, int], Iterable[int]]) -> list[int]:
    """The places of the runs to compare with, in order; `find` gives the latest so many runs under a mark."""
    return sorted({at for mark, most in sought for at in find(mark, most)})
