"""Kinds of ideas, for the failure clusters: what turns the same knob, or speaks of the same things."""

from collections.abc import Sequence

from memorylab.core import reading
from memorylab.core.aliases import BUILT_IN, Vocabulary
from memorylab.core.record import Run
from memorylab.core.text import shorten


def kind_of(run: Run, vocabulary: Vocabulary = BUILT_IN) -> tuple[str, str]:
    """(kind, label) of a run: that of its first knob, else its own words."""
    moves = reading.read_change(run.change) if run.change is not None else ()
    moves = moves or reading.read(run.description, vocabulary)
    if not moves:
        return run.description.lower(), run.description
    head, terms = moves[0].key
    return f"{head or ''}:{' '.join(sorted(terms))}", moves[0].name


def group(runs: Sequence[Run], vocabulary: Vocabulary = BUILT_IN) -> list[tuple[str, list[Run]]]:
    """(label, runs) of each kind, in order of first appearance. One pass: a run is of the kind of its first knob."""
    found: dict[str, tuple[str, list[Run]]] = {}
    for run in runs:
        key, label = kind_of(run, vocabulary)
        found.setdefault(key, (shorten(label, 60) or "unnamed", []))[1].append(run)
    return list(found.values())
