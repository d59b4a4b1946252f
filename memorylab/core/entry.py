"""A program in a race, what is believed of it, and what is kept of those before a race starts."""

from msgspec import Struct
from msgspec.structs import replace

from memorylab.core.effects import Posterior
from memorylab.core.group import Sample, pooled, values
from memorylab.core.record import Run


class Estimate(Struct):
    """What is believed of a program's true value (less is better), as a normal."""

    mean: float
    variance: float


class Entry(Struct):
    """A program in the race: what it measured, whether it took the lead in its turn and whether it was promoted, and
    `met`, the program that was champion then (None: it was the first). `fresh` counts the latest values that the
    estimate does not know of."""

    sample: Sample
    led: bool = False
    promoted: bool = False
    met: str | None = None
    estimate: Estimate | None = None
    fresh: int = 0

    @property
    def is_kept(self) -> bool:
        """Its latest run decides: what was reset away does not lead."""
        return self.sample.runs[-1].status == "keep"


class Start(Struct, frozen=True, kw_only=True):
    """What is kept of the programs before a race, of bounded size however many they were.

    `entries` are the champion, the leader, the CARRIED challengers, and the champions that these met; `moved` says that
    champion, leader or the champion before was run again since. `first` is what the first program measured, `sd` the
    noise that the estimates rest on; `differences`, `steps` and `sets` (values by program) are what the latest programs
    tell of effects and luck, `best` the best value that was kept.
    """

    entries: dict[str, Entry] = {}
    champion: str | None = None
    leader: str | None = None
    first: float | None = None
    sd: float = 1.0
    differences: tuple[tuple[float, float], ...] = ()
    steps: tuple[float, ...] = ()
    sets: dict[str, tuple[float, ...]] = {}
    best: float | None = None
    moved: bool = False

    @property
    def standing(self) -> set[str | None]:
        """The programs whose further runs tell of the lead: champion, leader, and the champion before."""
        before = None if self.champion is None else self.entries[self.champion].met
        return {self.champion, self.leader, before} & self.entries.keys()

    def further(self, program: str, run: Run, metric: str) -> "Start":
        """With one more run of a program that stands."""
        entry = self.entries[program]
        runs = (*entry.sample.runs, run)
        fresh = entry.fresh + len(values(runs, metric)) - len(entry.sample.values)
        sample = pooled(program, runs, metric, entry.sample.base)
        entry = replace(entry, sample=sample, fresh=fresh)
        return replace(self, entries=self.entries | {program: entry}, moved=True)

    def without(self, program: str) -> "Start":
        """Without a program that will be in the race again."""
        if program not in self.entries and program not in self.sets:
            return self
        entries = {name: entry for name, entry in self.entries.items() if name != program}
        return replace(self, entries=entries, sets={n: found for n, found in self.sets.items() if n != program})


def of_child(sample: Sample, difference: float, own: float, parent: Estimate, found: Posterior) -> Estimate:
    """The estimate of a program that was built on another, given the posterior of its effect: the error of its
    measurement and that of its parent's estimate share what the effect does not explain."""
    share = own / (own + parent.variance)
    mean = parent.mean + difference - share * (difference - found.mean)
    return Estimate(mean, own * (1 - share) + share * share * found.variance)


def of_parent(difference: float, own: float, parent: Estimate, found: Posterior) -> Estimate:
    """The estimate of a program after a change on it was measured."""
    share = parent.variance / (own + parent.variance)
    mean = parent.mean + share * (difference - found.mean)
    return Estimate(mean, parent.variance * (1 - share) + share * share * found.variance)


def both(one: Estimate, other: Estimate) -> Estimate:
    """What two independent estimates say together."""
    share = one.variance / (one.variance + other.variance)
    return Estimate(one.mean + share * (other.mean - one.mean), one.variance * (1 - share))
