"""Kinds of ideas, for the failure clusters: what turns the same knob, or speaks of the same things."""

from collections.abc import Sequence

from memorylab.core import reading
from memorylab.core.aliases import BUILT_IN, Vocabulary
from memorylab.core.record import Run
from memorylab.core.text import shorten


def group(runs: Sequence[Run], vocabulary: Vocabulary = BUILT_IN) -> list[tuple[str, list[Run]]]:
    """(label, runs) of each kind, in order of first appearance. One pass: a run is of the kind of its first knob."""
    found: dict[object, tuple[str, list[Run]]] = {}
    for run in runs:
        moves = reading.read_change(run.change) if run.change is not None else ()
        moves = moves or reading.read(run.description, vocabulary)
        key: object = moves[0].key if moves else run.description.lower()
        label = moves[0].name if moves else run.description
        found.setdefault(key, (shorten(label, 60) or "unnamed", []))[1].append(run)
    return list(found.values())
