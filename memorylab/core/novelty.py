"""How a planned idea stands to each past one.

Words are compared by what they turn, and where to (similarity.py). Where the code is at hand it outranks the words:
the same program, the same added statements, the constants that were set.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from memorylab.core import cells as fields
from memorylab.core import explain, reading, similarity
from memorylab.core.aliases import BUILT_IN, CHOICES, STARTING_VALUES, Vocabulary
from memorylab.core.base import Base
from memorylab.core.clean import label_of
from memorylab.core.moves import Key, Move
from memorylab.core.record import Change, Run
from memorylab.core.replicates import Replicates
from memorylab.core.similarity import Likeness
from memorylab.core.tokens import Value

Kind = Literal["same", "variant", "opposite", "different"]

SAME = 0.5  # more likely the same than not
RELATED = 0.5
OTHER_CODE = 0.75  # at most, where the words or the constants agree and the statements do not
OTHER_KNOBS = 0.3  # at most, where names are read alike and the code turns constants of other names
CONFIGURED = 0.97  # the same configuration, part by part, or a replicate of that run
DUPLICATE = 0.9  # practically the same: one knob, one value, or the same words on the same base

Setting = tuple[Key, Value | None, int]


class Idea(Struct, frozen=True):
    """What is about to be tried, or was. `change` is the code, where it is written already."""

    description: str
    hypothesis: str = ""
    family: str = ""
    tags: tuple[str, ...] = ()
    change: Change | None = None


class Relation(Struct, frozen=True):
    """How a planned idea stands to a past one.

    `same` is the confidence in [0, 1] that it is the same intervention, `related` that it is the same line of work
    (the same, or the same knob at another value). Opposite directions are neither.
    """

    kind: Kind
    same: float
    related: float
    why: str


class History(Struct, frozen=True):
    """Past ideas, read once: the moves of each, what each is called, and the base that they lead to."""

    ideas: Sequence[Idea]
    names: Sequence[str]
    readings: Sequence[tuple[Move, ...]]
    settings: Sequence[frozenset[Setting]]
    origins: Sequence[int]  # the run that each repeats, its own place where it is no replicate
    base: Base
    replicates: Replicates
    vocabulary: Vocabulary


class Study(Struct, frozen=True):
    """A planned idea, compared: one relation for each past idea, in order, and its own moves from where the base is."""

    relations: Sequence[Relation]
    moves: tuple[Move, ...]


def relate(
    planned: Idea,
    history: Sequence[tuple[Idea, str]],
    start: Mapping[str, str] | None = None,
    vocabulary: Vocabulary = BUILT_IN,
) -> list[Relation]:
    """One relation for each past idea, in order. The history is in the order of the ledger, each with its status.

    `start` holds the constants of the subject before the first of them (`change.constants`), None stands for those of
    upstream. They give a direction to a bare value, as in "matrix LR 0.05".
    """
    names = [f"run {number}" for number in range(1, len(history) + 1)]
    return list(study(planned, read_history(history, names, start, vocabulary)).relations)


def read_history(
    history: Sequence[tuple[Idea, str]],
    names: Sequence[str],
    start: Mapping[str, str] | None = None,
    vocabulary: Vocabulary = BUILT_IN,
) -> History:
    """The history as `study` needs it; `names` is what each past idea is called in the reasons given."""
    base, replicates = Base(STARTING_VALUES if start is None else start), Replicates()
    readings: list[tuple[Move, ...]] = []
    settings: list[frozenset[Setting]] = []
    origins: list[int] = []
    for at, (idea, status) in enumerate(history):
        if idea.change is not None:
            base.learn_names(idea.change.knobs)
        said = read(idea, vocabulary)
        target = replicates.target(said)
        moves = base.resolve(said) if target is None else readings[target]
        readings.append(moves)
        origins.append(at if target is None else origins[target])
        settings.append(_settings(said) if target is None else settings[target])
        kept = fields.status(status) == "keep"
        replicates.learn(at, target, label_of(idea.description), said, kept)
        if moves == (reading.BASELINE,) or at == 0 and kept:  # the first that is kept is where the others start
            base.start_from(reading.read_settings(idea.description, vocabulary))
        if target is None:
            base.follow(moves, kept, at)
    return History([idea for idea, _ in history], names, readings, settings, origins, base, replicates, vocabulary)


def study(planned: Idea, history: History) -> Study:
    """`relate`, with the moves that it rests on."""
    base = history.base
    if planned.change is not None:
        base.learn_names(planned.change.knobs)
    said = read(planned, history.vocabulary)
    target = history.replicates.target(said)
    ours = base.resolve(said) if target is None else history.readings[target]
    ours_set = _settings(said) if target is None else history.settings[target]
    rarity = similarity.rarities([*history.readings, ours])
    texts = [similarity.words_of(idea.description) for idea in history.ideas]
    common = similarity.overlaps(similarity.words_of(planned.description), texts)
    moved = [base.moved.get(move.key, -1) for move in ours]
    relations = []
    for at, (idea, theirs, name) in enumerate(zip(history.ideas, history.readings, history.names, strict=True)):
        likeness = similarity.compare(ours, theirs, rarity, [last >= at for last in moved])
        alike = ours_set and ours_set == history.settings[at] or target is not None and target == history.origins[at]
        if alike and likeness.same < CONFIGURED:
            likeness = replace(likeness, same=CONFIGURED, related=max(CONFIGURED, likeness.related), opposite=False)
        likeness = similarity.with_words(likeness, common[at])
        why = explain.likeness(likeness, ours, theirs, name, base.names)
        unmoved = max(moved, default=-1) < at
        relations.append(_relation(planned, idea, likeness, why, name, unmoved, target is None))
    return Study(relations, ours)


def _settings(moves: Sequence[Move]) -> frozenset[Setting]:
    """What a whole configuration sets, whatever stood already; empty if the words say a step, or one thing only."""
    steps = any(m.step and m.new is None or m.factor is not None or m.delta is not None for m in moves)
    return frozenset() if steps or len(moves) < 2 else frozenset((m.key, m.new, m.direction) for m in moves)


def idea_of(run: Run) -> Idea:
    """What a past run tried."""
    return Idea(run.description, run.hypothesis, run.family, tuple(run.tags), run.change)


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


def _relation(planned: Idea, past: Idea, likeness: Likeness, why: str, name: str, unmoved: bool, own: bool) -> Relation:
    """`unmoved` says that no run that was kept since then turned one of the knobs, `own` that the planned idea says
    what it is: "rerun" twice may be of two runs."""
    ours, theirs = planned.change, past.change
    same = likeness.same
    if ours and theirs and ours.subject == theirs.subject:
        if ours.blob and ours.blob == theirs.blob:
            return Relation("same", 1.0, 1.0, f"the same program as in {name}")
        if ours.fingerprint and ours.fingerprint == theirs.fingerprint:
            return Relation("same", 0.98, 1.0, f"the same statements were added in {name}")
        disjoint = bool(ours.knobs and theirs.knobs) and not ours.knobs.keys() & theirs.knobs.keys()
        if disjoint and same > OTHER_KNOBS:
            same, why = OTHER_KNOBS, f"{why}, but the code turns other constants"
        elif ours.fingerprint and theirs.fingerprint and same > OTHER_CODE:
            same, why = OTHER_CODE, f"{why}, but other statements differ"
    elif own and _plain(planned) == _plain(past) != "" and (unmoved or same > 0.7 or not likeness.related):
        # On an unmoved base the same words are the same step, even if they say something of the base themselves.
        same = max(same, 0.95)
        return Relation("same", same, max(likeness.related, same), why or f"the same words as in {name}")
    related = max(likeness.related, same)
    if likeness.opposite:
        return Relation("opposite", same, related, why)
    kind: Kind = "same" if same >= SAME else "variant" if related >= RELATED else "different"
    return Relation(kind, same, related, why or explain.NOTHING)


def _plain(idea: Idea) -> str:
    return " ".join(idea.description.casefold().split())
