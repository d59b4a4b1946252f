"""What runs gained: what blame, diff, stack and brief ask of the evidence."""

from collections.abc import Sequence

from memorylab.commands.session import Session
from memorylab.core.gains import Gains, Total
from memorylab.core.group import Group, group_of
from memorylab.core.record import Run
from memorylab.core.steps import Pooled


class Gained:
    """The programs that runs are of, and what these gained, read as they are asked for."""

    def __init__(self, session: Session) -> None:
        self._recall, self._in = session.recall, session.gains

    def group(self, group: Group) -> Gains:
        """The evidence of one comparison group."""
        return self._in(group)

    def program(self, run: Run) -> str:
        """The program that a run is of."""
        return self._recall.program(run.run_id) or run.commit

    def runs(self, run: Run) -> int:
        """How many measurements there are of a run's program, where the run was measured."""
        sample = self._in(group_of(run)).samples.get(self.program(run))
        return len(sample.values) if sample else 0

    def of(self, run: Run) -> Pooled | None:
        """What a run's program gained on what it was built on."""
        return self._in(group_of(run)).of(self.program(run))

    def total(self, runs: Sequence[Run]) -> Total | None:
        """What the gains of some runs add up to, None where one is not known or the groups differ."""
        groups = {group_of(run) for run in runs}
        return self._in(groups.pop()).total(map(self.program, runs)) if len(groups) == 1 else None
