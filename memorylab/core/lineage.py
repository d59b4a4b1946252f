"""Which commit an experiment grew from."""

from collections.abc import Callable, Iterable
from itertools import islice

from memorylab.core.record import Run

_FURTHEST = 1_000  # ancestors that are looked through: anybody can push runs at the end of a history without end


def root_of(run: Run, known: Callable[[str], str | None], ancestors: Callable[[str], Iterable[str]]) -> str:
    """The root of a run's lineage: the first logged commit that its commit descends from, of those that were logged
    before it; the commit itself where there is none.

    `known` gives the root of a commit that was logged, `ancestors` those of a commit as far as git has them, the
    nearest first: between two experiments there may be commits that nobody logged, a thousand at most.
    """
    for commit in (run.commit, run.parent_commit):
        if commit is not None and (root := known(commit)) is not None:
            return root
    near = islice(ancestors(run.commit), _FURTHEST)
    return next((root for commit in near if (root := known(commit)) is not None), run.commit)
