"""What programs gained: the pooled mean of each minus that of the one it was built on, within one comparison group.

Where that one was not measured, the best one kept before stands for it.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from msgspec import Struct

from memorylab.core.group import Group, pooled
from memorylab.core.race import Race, Rules
from memorylab.core.record import Run
from memorylab.core.steps import Pooled


class Measured(Struct, frozen=True, gc=False):
    """A run that has a value: its place in the ledger, its program, and the one that it was based on."""

    at: int
    program: str
    base: str | None
    run: Run


class Total(Struct, frozen=True, kw_only=True):
    """What several gains come to if they do not depend on each other: their sum in the metric's unit, its standard
    deviation, and `expected`, the sum of what is believed of each: what was chosen for a good result was lucky, too."""

    effect: float
    error: float
    expected: float


class Gains:
    """One comparison group: its programs, its noise floor, and what effects are usual in it."""

    def __init__(self, group: Group, measured: Iterable[Measured], rules: Rules) -> None:
        self.group, self.rules = group, rules
        members: dict[str, list[Measured]] = {}
        best: tuple[float, str] | None = None
        self._best: list[tuple[int, str]] = []
        for one in measured:
            members.setdefault(one.program, []).append(one)
            if one.run.status == "keep":
                mine = rules.oriented(one.run.value(rules.metric) or 0.0), one.program
                if best is None or mine < best:
                    best = mine
                    self._best.append((one.at, one.program))
        self._first = {program: those[0].at for program, those in members.items()}
        self.samples = {
            program: pooled(program, [one.run for one in those], rules.metric, those[0].base)
            for program, those in members.items()
        }
        race = Race(list(self.samples.values()), rules)
        self.noise, self.effects = race.noise, race.effects

    def best_before(self, at: int, program: str) -> str | None:
        """The best program that was kept before a place of the ledger, None if that is the given one."""
        number = bisect_left(self._best, (at, ""))
        found = self._best[number - 1][1] if number else None
        return found if found != program else None

    def reference(self, program: str) -> str | None:
        """What a program counts against: the one that it was built on, else the best one kept before it; None if it was
        the first, or was not measured."""
        if program not in self.samples:
            return None
        base = self.samples[program].base
        return base if base in self.samples and base != program else self.best_before(self._first[program], program)

    def of(self, program: str) -> Pooled | None:
        """What a program gained, None where there is nothing to compare it with."""
        return self.between(program, self.reference(program))

    def between(self, program: str, reference: str | None) -> Pooled | None:
        """What a program is ahead of another one; None where one of them was not measured."""
        return self.mean([(program, reference, 1)])

    def mean(self, pairs: Iterable[tuple[str, str | None, int]]) -> Pooled | None:
        """The mean of what programs gained against references, by inverse variance; those with the sign -1 are turned
        round. None without any.

        Pairs that share a program share its error, so the error is that of the programs' means together.
        """
        shares: dict[str, float] = {}
        total = result = reference = 0.0
        for program, other, sign in pairs:
            ours, theirs = self.samples.get(program), self.samples.get(other or "")
            if ours is None or theirs is None:
                continue
            if sign < 0:
                ours, theirs = theirs, ours
            weight = 1 / (1 / len(ours.values) + 1 / len(theirs.values))
            total += weight
            result += weight * ours.mean
            reference += weight * theirs.mean
            shares[ours.program] = shares.get(ours.program, 0.0) + weight
            shares[theirs.program] = shares.get(theirs.program, 0.0) - weight
        if not total:
            return None
        error = self._error({program: share / total for program, share in shares.items()}) or self._sd(1 / total)
        effect = self.rules.oriented((result - reference) / total)
        return Pooled(result / total, reference / total, error, self.effects.probability(effect, error**2))

    def total(self, programs: Iterable[str]) -> Total | None:
        """The sum of what programs gained, None if one of them has nothing to compare it with."""
        shares: dict[str, float] = {}
        effect = expected = 0.0
        for program in programs:
            found, reference = self.of(program), self.reference(program)
            if found is None or reference is None:
                return None
            effect += found.effect
            believed = self.effects.posterior(self.rules.oriented(found.effect), found.error**2)
            expected += self.rules.oriented(believed.mean)
            shares[program] = shares.get(program, 0.0) + 1
            shares[reference] = shares.get(reference, 0.0) - 1
        return Total(effect=effect, error=self._error(shares), expected=expected) if shares else None

    def _error(self, shares: Mapping[str, float]) -> float:
        """The standard deviation of a sum of the programs' means, each taken so many times."""
        return self._sd(sum(share**2 / len(self.samples[program].values) for program, share in shares.items()))

    def _sd(self, spread: float) -> float:
        return self.noise.sd * math.sqrt(spread)


def by_group(measured: Callable[[Group], Iterable[Measured]], rules: Rules) -> Callable[[Group], Gains]:
    """What gives the gains of each group, computed when it is first asked for."""
    return cache(lambda group: Gains(group, measured(group), rules))
