"""The clock a run is measured by.

On a CPU that does other work too, a wall clock gives a run more or less training from one time
to the next (standard deviation 0.104 bits per byte over equal runs). CPU time does far less so
(about 0.01, see benchmarks/train), and a count of tokens makes equal runs equal to the last bit.
"""

import os
import time
from collections.abc import Callable

from memorylab.lab.errors import RunRefused

CPU_SECONDS, WALL_SECONDS, TOKENS = "cpu_seconds", "wall_seconds", "tokens"

# A run may finish the step it is in. Whoever goes further has bought the result.
OVERSPEND_SHARE, OVERSPEND_SECONDS = 0.10, 2.0


def cpu_seconds() -> float:
    """CPU seconds of this process, all threads, and of its children, ended or not.

    Children that still run are read from /proc, which only Linux has; elsewhere they count
    once they have been waited for.
    """
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system + _running_children(os.getpid())


def _running_children(pid: int) -> float:
    total = 0.0
    for child in _children(pid):
        try:
            with open(f"/proc/{child}/stat", "rb") as file:
                # Fields are counted after the name, the only one that may hold spaces:
                # utime, stime, cutime and cstime are 14 to 17 of proc(5).
                fields = file.read().rpartition(b")")[2].split()[11:15]
        except OSError:
            continue
        total += sum(map(int, fields)) / _TICKS + _running_children(child)
    return total


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                children.extend(map(int, file.read().split()))
    except OSError:
        pass
    return children


_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Budget:
    """How much of its allowance a run has used.

    `size` is in the unit of `kind`. `clock()` returns seconds and is read in a token budget
    too, for the record. Nothing counts before start() or after stop().
    """

    def __init__(self, kind: str, size: float, clock: Callable[[], float]) -> None:
        self.kind, self.size, self.clock = kind, size, clock
        self.tokens = 0
        self._largest_step = 0
        self._started: float | None = None
        self._stopped: float | None = None

    def start(self) -> None:
        """Start the clock; only the first call does anything."""
        if self._started is None:
            self._started = self.clock()

    def stop(self) -> None:
        """Stop the clock; only the first call does anything."""
        if self._stopped is None:
            self._stopped = self.clock()
            self._started = self._stopped if self._started is None else self._started

    def count(self, tokens: int) -> None:
        """Add `tokens` trained on in one step."""
        self.tokens += tokens
        self._largest_step = max(self._largest_step, tokens)

    @property
    def seconds(self) -> float:
        if self._started is None:
            return 0.0
        return (self.clock() if self._stopped is None else self._stopped) - self._started

    @property
    def progress(self) -> float:
        """Share of the budget used, 0 to 1."""
        return min((self.tokens if self.kind == TOKENS else self.seconds) / self.size, 1.0)

    def check(self) -> None:
        """Raise RunRefused when the run took clearly more than it was given."""
        if self.kind == TOKENS:
            spent, most = float(self.tokens), self.size + self._largest_step
        else:
            spent, most = self.seconds, self.size * (1 + OVERSPEND_SHARE) + OVERSPEND_SECONDS
        if spent > most:
            unit = self.kind.replace("_", " ")
            raise RunRefused(
                f"the run spent {spent:.6g} {unit} of a budget of {self.size:g}; "
                "stop training when run.step() returns 1.0, and make steps shorter"
            )
