"""Who leads a comparison group, on all evidence: the champion, which has won with certainty, and the leader, which is
only likely to be ahead.

The programs are taken in the order in which they were first run, each with all its runs pooled. One that is expected to
be better than the leader takes the lead: the loop builds on it. One that is better than the champion with the wanted
probability becomes the champion. Small gains that could not be told from luck one by one so add up to a promotion.

The leader was chosen for a good result, and part of that was luck. So it is not known by its measured value but by its
posterior (`effects`), and that moves on with every change tried on it: if all come out worse than changes usually do,
the leader was lucky. This is assumed density filtering (Minka 2001): each posterior is kept as a normal.

A race may go on from another one's end (`races`). Then champion and leader start as they ended there, with what further
runs of theirs have told since; noise and effects are learned from the latest of the programs before, too.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from memorylab.core import effects, noise
from memorylab.core.effects import Effects, Posterior
from memorylab.core.entry import Entry, Estimate, Start, both, of_child, of_parent
from memorylab.core.group import Sample
from memorylab.core.noise import Noise
from memorylab.core.record import DEFAULT_NOISE, DEFAULT_PROMOTE, Direction

_HOPELESS = 8.0  # standard deviations behind
_TINY = 1e-50  # squares of less would vanish
_LEAST = 1e-9  # share of the value that luck may be set to: squares of less would vanish, too
_ROUNDS = 2  # of learning from the race and running it anew
_LATEST = 128  # steps, and programs with replicates, that are kept
CARRIED = 8  # challengers
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


class Race:
    """One group's race, from a start. `entries` are by program, those that were carried first, then in the order of
    first appearance; `champion` and `leader` are None where nothing has a value. `first` is what the group's
    first program measured."""

    def __init__(self, samples: Sequence[Sample], rules: Rules, start: Start | None = None) -> None:
        self.rules, self.start = rules, start or Start()
        self.first = samples[0].mean if self.start.first is None and samples else self.start.first
        self._scale = 1.0 if self.first is None else max(abs(self.first), _TINY)
        self.entries: dict[str, Entry] = {}
        self.champion: Entry | None = None
        self.leader: Entry | None = None
        self.noise: Noise
        self.effects: Effects
        self._samples, self._best = samples, self.start.best
        self._steps = [*self.start.steps, *self._walk()]
        self._differences: list[tuple[float, float]] = []
        self._learn()

    def _learn(self) -> None:
        """Run the race, on what is usual at first and then on what it tells."""
        enough = len(self._steps) >= effects.LEAST
        self._assume(median(self._steps) if enough else None)
        for _ in range(_ROUNDS if enough else 0):
            self._run()
            self._assume(median([abs(difference) for difference, _ in self._differences] or self._steps))
            self.effects = effects.learn(self._differences, self.effects.unit)
        self._run()

    def _assume(self, size: float | None) -> None:
        """Start from what is usual, given the size of the differences between results (None: not known) and of the
        values: it tells the order of magnitude of luck and of effects."""
        size = None if size is None else max(size, 1e-9 * self._scale)
        luck = noise.SHARE_OF_VALUE * self._scale if size is None else noise.SHARE_OF_DIFFERENCES * size
        known = [entry.sample.values for entry in self.start.entries.values()]
        sets = [*self.start.sets.values(), *known, *(sample.values for sample in self._samples)]
        self.noise = noise.floor(sets, max(self.rules.noise, _LEAST) * self._scale if self.rules.noise else luck)
        self.effects = effects.usual(effects.UNIT * self._scale if size is None else effects.SHARE * size)

    def _walk(self) -> Iterator[float]:
        """How far each program lies from the best that was kept before it."""
        for sample in self._samples:
            value = self._mean(sample)
            if self._best is not None:
                yield abs(value - self._best)
            if sample.runs[-1].status == "keep":
                self._best = value if self._best is None else min(self._best, value)

    def _run(self) -> None:
        """The race from its start. Notes the differences from the leader, each with the variance of its error."""
        self._begin()
        self._differences = list(self.start.differences)
        for sample in self._samples:
            entry = Entry(sample, met=self.champion.sample.program if self.champion else None)
            self.entries[sample.program] = entry
            if self.leader is None or self.champion is None:
                if entry.is_kept:
                    entry.estimate = self._estimate(entry)
                    entry.led = entry.promoted = True
                    self.champion = self.leader = entry
                continue
            ahead = self.leader.estimate
            assert ahead is not None
            difference, own = self._mean(sample) - ahead.mean, self._variance(sample)
            self._differences.append((difference, own + ahead.variance))
            is_child = sample.base in (None, self.leader.sample.program)
            if difference > _HOPELESS * math.sqrt(own + ahead.variance) or not (is_child or entry.is_kept):
                continue  # no news of anything
            found = self.effects.posterior(difference, own + ahead.variance)
            if entry.is_kept and found.mean < 0:
                entry.estimate = of_child(sample, difference, own, ahead, found)
                entry.led = True
                self.leader = entry
                if self._is_sure(entry):
                    entry.promoted = True
                    self.champion = entry
            elif is_child:
                self.leader.estimate = of_parent(difference, own, ahead, found)
                if self._is_behind(self.leader, self.champion):
                    self.leader = self.champion
        if self.champion is None and self.entries:
            # Nothing was ever kept: the best of what there is leads.
            best = min(self.entries.values(), key=lambda entry: self._mean(entry.sample))
            best.estimate = self._estimate(best)
            self.champion = self.leader = best

    def _begin(self) -> None:
        """Take up what was carried."""
        self.entries = {program: self._taken_up(entry) for program, entry in self.start.entries.items()}
        self.champion, self.leader = self._of(self.start.champion), self._of(self.start.leader)
        if self.start.moved and self.champion is not None and self.leader is not None:
            self._judge_again(self.champion, self.leader)

    def _taken_up(self, entry: Entry) -> Entry:
        """A carried entry, its estimate by what is known of the noise now, and moved by its further runs."""
        if entry.estimate is None:
            return replace(entry, fresh=0)
        known = replace(entry.estimate, variance=entry.estimate.variance * (self.noise.sd / self.start.sd) ** 2)
        if not entry.fresh:
            return replace(entry, estimate=known)
        further = entry.sample.values[-entry.fresh :]
        measured = Estimate(self.rules.oriented(sum(further) / len(further)), self.noise.sd**2 / len(further))
        return replace(entry, estimate=both(known, measured), fresh=0)

    def _judge_again(self, champion: Entry, leader: Entry) -> None:
        """After further runs of those that stand: they may take the promotion back, or the lead, or make it sure."""
        met = self.met(champion)
        back = met if met is not None and met.is_kept else None
        if not champion.is_kept or back is not None and not self._is_sure(champion):
            champion.promoted = False
            self.champion = back or (leader if leader.is_kept else None)
        if self.champion is None:
            self.leader = None
        elif leader is not self.champion and not self._leads(leader, self.champion):
            leader.led = False
            self.leader = self.champion
        elif self._is_sure(leader, self.champion):
            leader.promoted = True
            self.champion = leader

    def handed_on(self) -> Start:
        """What the race of later programs starts from."""
        champion, leader = self.champion, self.leader
        if champion is None or leader is None:
            return self.start
        chosen = {entry.sample.program for entry in (champion, leader, *self.challengers(CARRIED))}
        chosen |= {met for program in chosen if (met := self.entries[program].met) is not None}
        left = {program: entry.sample.values for program, entry in self.entries.items() if program not in chosen}
        sets = self.start.sets | {program: values for program, values in left.items() if len(values) > 1}
        return Start(
            entries={program: entry for program, entry in self.entries.items() if program in chosen},
            champion=champion.sample.program if champion.is_kept else None,
            leader=leader.sample.program if leader.is_kept else None,
            first=self.first, sd=self.noise.sd, differences=tuple(self._differences[-effects.LATEST :]),
            steps=tuple(self._steps[-_LATEST:]), sets=dict(list(sets.items())[-_LATEST:]), best=self._best,
        )  # fmt: skip

    def challengers(self, number: int) -> list[Entry]:
        """Those that most likely come next: by what is believed of them, so that one lucky run is not before a sure
        one."""
        top = self.champion
        if top is None:
            return []
        rest = [entry for entry in self.entries.values() if entry is not top]
        return sorted(rest, key=lambda entry: self.posterior(entry, top).mean)[:number]

    def met(self, entry: Entry) -> Entry | None:
        """The champion that a program met, None if it was the first or it is not known any more."""
        return self._of(entry.met)

    def _of(self, program: str | None) -> Entry | None:
        return None if program is None else self.entries.get(program)

    def probability(self, entry: Entry, against: Entry | None = None, more: int = 0, met: int = 0) -> float | None:
        """That a program is truly better than the champion that it met, or than another one; None
        where there is none. Averaged over what is not known of the noise.

        `more` and `met` are further runs of either side, imagined to come out as expected; they tell of the noise, too.
        """
        against = against or self.met(entry)
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

    def _is_sure(self, entry: Entry, against: Entry | None = None) -> bool:
        return (self.probability(entry, against) or 0.0) >= self.rules.promote

    def _leads(self, entry: Entry, champion: Entry) -> bool:
        return entry.is_kept and self.posterior(entry, champion).mean < 0 and not self._is_behind(entry, champion)

    def _is_behind(self, entry: Entry, other: Entry) -> bool:
        return self._estimate(entry).mean > self._estimate(other).mean

    def _estimate(self, entry: Entry) -> Estimate:
        """Its estimate; for one that never led what it measured."""
        return entry.estimate or Estimate(self._mean(entry.sample), self._variance(entry.sample))

    def _mean(self, sample: Sample) -> float:
        return self.rules.oriented(sample.mean)

    def _variance(self, sample: Sample) -> float:
        return self.noise.sd**2 / len(sample.values)
