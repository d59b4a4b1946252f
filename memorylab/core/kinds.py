"""Kinds of ideas, for the failure clusters: what turns the same knob, or speaks of the same things."""

from memorylab.core import reading
from memorylab.core.aliases import BUILT_IN, Vocabulary
from memorylab.core.record import Run


def kind_of(run: Run, vocabulary: Vocabulary = BUILT_IN) -> tuple[str, str]:
    """(kind, label) of a run: that of its first knob, else its own words."""
    moves = reading.read_change(run.change) if run.change is not None else ()
    moves = moves or reading.read(run.description, vocabulary)
    if not moves:
        return run.description.lower(), run.description
    head, terms = moves[0].key
    return f"{head or ''}:{' '.join(sorted(terms))}", moves[0].name
