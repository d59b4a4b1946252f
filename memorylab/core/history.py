"""Past ideas, read run by run in the order of the ledger: each on the base that those before it had led to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from memorylab.core import cells as fields
from memorylab.core import reading, similarity
from memorylab.core.aliases import BUILT_IN, CHOICES, STARTING_VALUES, Vocabulary
from memorylab.core.base import Base
from memorylab.core.clean import label_of
from memorylab.core.moves import Key, Move
from memorylab.core.record import Change, Run
from memorylab.core.replicates import Replicates
from memorylab.core.similarity import Counts
from memorylab.core.tokens import Value

Setting = tuple[Key, Value | None, int]


class Idea(Struct, frozen=True):
    """What is about to be tried, or was. `change` is the code, where it is written already."""

    description: str
    hypothesis: str = ""
    family: str = ""
    tags: tuple[str, ...] = ()
    change: Change | None = None


class Trace(Struct, frozen=True):
    """What a past idea was read as: its moves, from where the base was; what it sets, if it states a configuration; the
    place of the run that it repeats, its own where it is no replicate."""

    moves: tuple[Move, ...]
    settings: frozenset[Setting]
    origin: int


class State(Struct, frozen=True):
    """What the runs so far have led to. `trace` gives what the one at a place was read as; `terms` counts in how many
    of them each word of their moves stands, `words` each word of their descriptions."""

    base: Base
    replicates: Replicates
    terms: Counts
    words: Counts
    trace: Callable[[int], Trace]
    vocabulary: Vocabulary = BUILT_IN

    def read(self, idea: Idea) -> Trace:
        """What an idea that comes next would be read as, its origin -1 where it is no replicate. It teaches the names
        that its code has for its knobs."""
        return self._traced(idea, read(idea, self.vocabulary), -1)

    def _traced(self, idea: Idea, said: tuple[Move, ...], at: int) -> Trace:
        if idea.change is not None:
            self.base.learn_names(idea.change.knobs)
        target = self.replicates.target(said)
        return Trace(self.base.resolve(said), settings_of(said), at) if target is None else self.trace(target)

    def follow(self, at: int, idea: Idea, status: str) -> Trace:
        """Go on to the state after run number `at`; what it was read as."""
        said = read(idea, self.vocabulary)
        found = self._traced(idea, said, at)
        target = found.origin if found.origin != at else None
        kept = fields.status(status) == "keep"
        self.replicates.learn(at, target, label_of(idea.description), said, kept)
        if found.moves == (reading.BASELINE,) or at == 0 and kept:  # the first that is kept is where the others start
            self.base.start_from(reading.read_settings(idea.description, self.vocabulary))
        if target is None:
            self.base.follow(found.moves, kept, at)
        self.terms.add(similarity.terms_of(found.moves))
        self.words.add(similarity.words_of(idea.description))
        return found


class History(Struct, frozen=True):
    """Past ideas that one may be compared with, in the order of the ledger: the place of each there, what it is called,
    what it was read as; and the state that all have led to, those not among them too."""

    places: Sequence[int]
    ideas: Sequence[Idea]
    names: Sequence[str]
    traces: Sequence[Trace]
    state: State


def read_history(
    history: Sequence[tuple[Idea, str]],
    names: Sequence[str],
    start: Mapping[str, str] | None = None,
    vocabulary: Vocabulary = BUILT_IN,
) -> History:
    """All of a history, each with its status; `names` is what each past idea is called in the reasons given, `start`
    as in `novelty.relate`."""
    traces: list[Trace] = []
    base = Base(STARTING_VALUES if start is None else start)
    state = State(base, Replicates(), Counts(), Counts(), traces.__getitem__, vocabulary)
    for at, (idea, status) in enumerate(history):
        traces.append(state.follow(at, idea, status))
    return History(range(len(traces)), [idea for idea, _ in history], names, traces, state)


def idea_of(run: Run) -> Idea:
    """What a past run tried."""
    return Idea(run.description, run.hypothesis, run.family, tuple(run.tags), run.change)


def name_of(run: Run) -> str:
    """What a past run is called in the reasons given."""
    return run.commit[:7] or run.run_id


def read(idea: Idea, vocabulary: Vocabulary = BUILT_IN) -> tuple[Move, ...]:
    """What an idea turns: the constants that its code sets, else its words.

    A mechanism is no constant: where the code has other statements too, the words name what they do.
    """
    if idea.change is not None and idea.change.knobs:
        moves = reading.read_change(idea.change)
        if idea.change.statements:
            words = reading.read(idea.description, vocabulary)
            moves += tuple(move for move in words if move.head is None or move.head in CHOICES.values())
        return moves
    # A hypothesis and tags speak of reasons more than of the deed: they count where the description says nothing.
    for text in (idea.description, idea.hypothesis, " ".join(idea.tags)):
        if moves := reading.read(text, vocabulary):
            return moves
    return ()


def settings_of(moves: Sequence[Move]) -> frozenset[Setting]:
    """What a whole configuration sets, whatever stood already; empty if the words say a step, or one thing only."""
    steps = any(m.step and m.new is None or m.factor is not None or m.delta is not None for m in moves)
    return frozenset() if steps or len(moves) < 2 else frozenset((m.key, m.new, m.direction) for m in moves)
