"""How a planned idea stands to each past one.

Words are compared by what they turn, and where to (similarity.py). Where the code is at hand it outranks the words:
the same program, the same added statements, the constants that were set.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from memorylab.core import explain, similarity
from memorylab.core.aliases import BUILT_IN, Vocabulary
from memorylab.core.history import History, Idea, read_history
from memorylab.core.moves import Move
from memorylab.core.similarity import Likeness

Kind = Literal["same", "variant", "opposite", "different"]

SAME = 0.5  # more likely the same than not
RELATED = 0.5
OTHER_CODE = 0.75  # at most, where the words or the constants agree and the statements do not
OTHER_KNOBS = 0.3  # at most, where names are read alike and the code turns constants of other names
CONFIGURED = 0.97  # the same configuration, part by part, or a replicate of that run
DUPLICATE = 0.9  # practically the same: one knob, one value, or the same words on the same base


class Relation(Struct, frozen=True):
    """How a planned idea stands to a past one.

    `same` is the confidence in [0, 1] that it is the same intervention, `related` that it is the same line of work
    (the same, or the same knob at another value). Opposite directions are neither.
    """

    kind: Kind
    same: float
    related: float
    why: str


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


def study(planned: Idea, history: History) -> Study:
    """`relate`, with the moves that it rests on."""
    state = history.state
    own = state.read(planned)
    ours, base, is_replicate = own.moves, state.base, own.origin >= 0
    rarity = similarity.rarities(ours, (trace.moves for trace in history.traces), state.terms)
    texts = [similarity.words_of(idea.description) for idea in history.ideas]
    common = similarity.overlaps(similarity.words_of(planned.description), texts, state.words)
    moved = [base.moved.get(move.key, -1) for move in ours]
    relations = []
    for number, (at, idea, theirs, name) in enumerate(
        zip(history.places, history.ideas, history.traces, history.names, strict=True)
    ):
        likeness = similarity.compare(ours, theirs.moves, rarity, [last >= at for last in moved])
        alike = own.settings and own.settings == theirs.settings or is_replicate and own.origin == theirs.origin
        if alike and likeness.same < CONFIGURED:
            likeness = replace(likeness, same=CONFIGURED, related=max(CONFIGURED, likeness.related), opposite=False)
        likeness = similarity.with_words(likeness, common[number])
        why = explain.likeness(likeness, ours, theirs.moves, name, base.names)
        unmoved = max(moved, default=-1) < at
        relations.append(_relation(planned, idea, likeness, why, name, unmoved, not is_replicate))
    return Study(relations, ours)


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
