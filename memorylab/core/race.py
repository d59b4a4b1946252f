"""Who leads a comparison group, on all evidence: the champion, which has won with certainty, and the leader, which is
only likely to be ahead.

The programs are taken in the order in which they were first run, each with all its runs pooled. One that is expected to
be better than the leader takes the lead: the loop builds on it. One that is better than the champion with the wanted
probability becomes the champion. Small gains that could not be told from luck one by one so add up to a promotion.

The leader was chosen for a good result, and part of that was luck. So it is not known by its measured value but by its
posterior (`effects`), and that moves on with every change tried on it: if all come out worse than changes usually do,
the leader was lucky. This is assumed density filtering (Minka 2001): each posterior is kept as a normal.
"""

import math
from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from memorylab.core import effects, noise
from memorylab.core.effects import Posterior
from memorylab.core.group import Group, Sample, samples
from memorylab.core.noise import Noise
from memorylab.core.record import DEFAULT_NOISE, DEFAULT_PROMOTE, Direction, Run

_HOPELESS = 8.0  # standard deviations behind
_TINY = 1e-50  # squares of less would vanish
_ROUNDS = 2  # of learning from the race and running it anew
MOST_SEEDS = 40  # further runs that are looked ahead for


class Rules(Struct, frozen=True, kw_only=True):
    """How values compare. `promote` is the probability that a champion needs, `noise` the prior of the noise floor as a
    share of the value; with 0 it follows the size of the differences between results."""

    metric: str = "val_bpb"
    direction: Direction = "minimize"
    promote: float = DEFAULT_PROMOTE
    noise: float = DEFAULT_NOISE

    def oriented(self, value: float) -> float:
        """The value as one of which less is better; its own inverse."""
        return value if self.direction == "minimize" else -value


class Estimate(Struct):
    """What is believed of a program's true value (less is better), as a normal."""

    mean: float
    variance: float


class Entry(Struct):
    """A program in the race: what it measured, whether it took the lead in its turn and whether it was promoted, and
    the champion that it met (None: it was the first)."""

    sample: Sample
    led: bool = False
    promoted: bool = False
    met: "Entry | None" = None
    estimate: Estimate | None = None


class Race:
    """One group's race. `entries` are by program, in the order of first appearance; `champion` and `leader` are None
    where nothing that was kept has a value."""

    def __init__(self, samples: Sequence[Sample], rules: Rules) -> None:
        self.rules = rules
        scale = max(abs(samples[0].mean), _TINY) if samples else 1.0
        self.effects = effects.usual(effects.UNIT * scale)
        steps = self._steps(samples)
        enough = len(steps) >= effects.LEAST
        self._assume(samples, median(steps) if enough else None, scale)
        for _ in range(_ROUNDS if enough else 0):
            differences = self._run(samples)
            self._assume(samples, median(abs(difference) for difference, _ in differences), scale)
            self.effects = effects.learn(differences, self.effects.unit)
        self._run(samples)

    def _assume(self, samples: Sequence[Sample], size: float | None, scale: float) -> None:
        """Start from what is usual, given the size of the differences between results (None: not known) and of the
        values: it tells the order of magnitude of luck and of effects."""
        size = None if size is None else max(size, 1e-9 * scale)
        luck = noise.SHARE_OF_VALUE * scale if size is None else noise.SHARE_OF_DIFFERENCES * size
        self.noise: Noise = noise.floor([sample.values for sample in samples], self.rules.noise * scale or luck)
        self.effects = effects.usual(effects.UNIT * scale if size is None else effects.SHARE * size)

    def _steps(self, samples: Sequence[Sample]) -> list[float]:
        """How far each program lies from the best that was kept before it."""
        found: list[float] = []
        best: float | None = None
        for sample in samples:
            value = self._mean(sample)
            if best is not None:
                found.append(abs(value - best))
            if sample.runs[-1].status == "keep":
                best = value if best is None else min(best, value)
        return found

    def _run(self, samples: Sequence[Sample]) -> list[tuple[float, float]]:
        """The race from its start; the differences from the leader, each with the variance of its error."""
        self.entries: dict[str, Entry] = {}
        self.champion: Entry | None = None
        self.leader: Entry | None = None
        differences = []
        for sample in samples:
            entry = self.entries[sample.program] = Entry(sample, met=self.champion)
            is_kept = sample.runs[-1].status == "keep"
            if self.leader is None or self.champion is None:
                if is_kept:
                    entry.estimate = self._estimate(entry)
                    entry.led = entry.promoted = True
                    self.champion = self.leader = entry
                continue
            ahead = self.leader.estimate
            assert ahead is not None
            difference, own = self._mean(sample) - ahead.mean, self._variance(sample)
            differences.append((difference, own + ahead.variance))
            if difference > _HOPELESS * math.sqrt(own + ahead.variance):
                continue  # no news of anything
            found = self.effects.posterior(difference, own + ahead.variance)
            if is_kept and found.mean < 0:
                entry.estimate = _of_child(sample, difference, own, ahead, found)
                entry.led = True
                self.leader = entry
                if (self.probability(entry) or 0.0) >= self.rules.promote:
                    entry.promoted = True
                    self.champion = entry
            elif sample.base in (None, self.leader.sample.program):
                self.leader.estimate = behind = _of_parent(difference, own, ahead, found)
                if self.champion.estimate is not None and behind.mean > self.champion.estimate.mean:
                    self.leader = self.champion
        if self.champion is None and self.entries:
            # Nothing was ever kept: the best of what there is leads.
            best = min(self.entries.values(), key=lambda entry: self._mean(entry.sample))
            best.estimate = self._estimate(best)
            self.champion = self.leader = best
        return differences

    def probability(self, entry: Entry, against: Entry | None = None, more: int = 0, met: int = 0) -> float | None:
        """That a program is truly better than the champion that it met, or than another one; None
        where there is none. Averaged over what is not known of the noise.

        `more` and `met` are further runs of either side, imagined to come out as expected; they tell of the noise, too.
        """
        against = against or entry.met
        if against is None:
            return None
        sample, champion = entry.sample, self._estimate(against)
        runs = len(sample.values)
        difference = self._mean(sample) - champion.mean
        if more:
            expected = self.posterior(entry, against).mean
            difference = (runs * difference + more * expected) / (runs + more)
        total = 0.0
        for level in self.noise.after(more + met):
            share = (level / self.noise.sd) ** 2
            theirs = 1 / (1 / (champion.variance * share) + met / level**2)
            total += self.effects.probability(difference, level**2 / (runs + more) + theirs)
        return total / len(self.noise.levels)

    def posterior(self, entry: Entry, against: Entry) -> Posterior:
        """What is believed of a program's advantage over another; below 0 is better."""
        theirs = self._estimate(against)
        difference = self._mean(entry.sample) - theirs.mean
        return self.effects.posterior(difference, self._variance(entry.sample) + theirs.variance)

    def seeds(self, entry: Entry, against: Entry) -> int | None:
        """How many further runs, of whichever side has fewer, are expected to decide whether the program is better than
        another. None if it is decided, or if more than MOST_SEEDS would be needed."""
        now = self.probability(entry, against)
        if now is None or self.decided(now):
            return None
        ours, theirs = len(entry.sample.values), len(against.sample.values)
        more = met = 0
        for total in range(1, MOST_SEEDS + 1):
            if ours + more <= theirs + met:
                more += 1
            else:
                met += 1
            later = self.probability(entry, against, more, met)
            if later is not None and self.decided(later):
                return total
        return None

    def decided(self, probability: float) -> bool:
        """Whether a probability settles the question either way."""
        return probability >= self.rules.promote or probability <= 1 - self.rules.promote

    def _estimate(self, entry: Entry) -> Estimate:
        """Its estimate; for one that never led what it measured."""
        return entry.estimate or Estimate(self._mean(entry.sample), self._variance(entry.sample))

    def _mean(self, sample: Sample) -> float:
        return self.rules.oriented(sample.mean)

    def _variance(self, sample: Sample) -> float:
        return self.noise.sd**2 / len(sample.values)


def of_group(runs: Sequence[Run], group: Group, rules: Rules) -> Race:
    """The race of one group, among all runs in the order of the ledger."""
    return Race(list(samples(runs, rules.metric).get(group, {}).values()), rules)


def of_all(runs: Sequence[Run], rules: Rules) -> dict[Group, Race]:
    """The races of all groups."""
    return {group: Race(list(found.values()), rules) for group, found in samples(runs, rules.metric).items()}


def _of_child(sample: Sample, difference: float, own: float, parent: Estimate, found: Posterior) -> Estimate:
    """The estimate of a program that was built on another, given the posterior of its effect: the error of its
    measurement and that of its parent's estimate share what the effect does not explain."""
    share = own / (own + parent.variance)
    mean = parent.mean + difference - share * (difference - found.mean)
    return Estimate(mean, own * (1 - share) + share * share * found.variance)


def _of_parent(difference: float, own: float, parent: Estimate, found: Posterior) -> Estimate:
    """The estimate of a program after a change on it was measured."""
    share = parent.variance / (own + parent.variance)
    mean = parent.mean + share * (difference - found.mean)
    return Estimate(mean, parent.variance * (1 - share) + share * share * found.variance)
