"""The noise floor: how far two runs of one program differ by luck alone.

Replicates tell: the deviations of runs from the centre of their program, pooled over all programs of a comparison
group. While they are few the estimate leans on a prior; without any it is the prior, and says so ("assumed").

The scale is Huber's Proposal 2 (Huber and Ronchetti, Robust Statistics, 2nd ed. 2009, section 6.4): deviations beyond
twice the scale count as twice, so that one run on a busy machine, or one that diverged, does not hide every gain. It is
put into a normal likelihood and multiplied with a lognormal prior; the posterior is computed on a grid.
"""

import math
from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct

from memorylab.core.text import count

# Luck before any replicate: a share of the value while results are few, then a share of the median difference between
# results. The first is the middle of what was seen (0.8 % on the embedded corpus, 0.05 % to 0.2 % in public ledgers of
# five-minute runs on GPUs). With the second the assumption is 1.5, 1.05 and 0.8 times the truth where luck is half,
# once and twice the median effect (benchmarks/decisions), well within its spread.
SHARE_OF_VALUE = 0.003
SHARE_OF_DIFFERENCES = 0.5
SPREAD = 0.9  # of the prior's logarithm: one standard deviation is a factor of two and a half

_CLIP = 2.0
_KEPT = 0.92054  # E[min(|z|, clip)^2] of a standard normal z
_STEPS = 48  # of the grid, from 1/100 to 100 times the prior's median
_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)


class Noise(Struct, frozen=True, kw_only=True):
    """The standard deviation of one run, in the metric's unit: `sd` is the posterior median, `low` to `high` has 90 %.

    `replicates` counts the runs beyond the first of their program that it rests on, `programs` the programs that have
    any. `levels` are the posterior's quantiles 0.1, 0.3, 0.5, 0.7 and 0.9: to average over them is to average over what
    is not known of the noise.
    """

    sd: float
    low: float
    high: float
    replicates: int
    programs: int
    levels: tuple[float, ...]

    def after(self, further: int) -> tuple[float, ...]:
        """The levels as they are expected to be after further replicates: the same middle, less far apart. Each tells
        two units of information on the logarithm (the Fisher information of a normal's scale)."""
        now, later = (1 / SPREAD**2 + 2 * (self.replicates + more) for more in (0, further))
        return tuple(self.sd * (level / self.sd) ** math.sqrt(now / later) for level in self.levels)

    @property
    def assumed(self) -> bool:
        """It rests on no replicate."""
        return self.replicates == 0


def floor(replicates: Iterable[Sequence[float]], prior: float) -> Noise:
    """The noise floor of a group. `replicates` holds the values of each program (single ones tell nothing), `prior` is
    the median of the noise before any is seen, above 0."""
    sets = [values for values in replicates if len(values) > 1]
    freedom = sum(len(values) - 1 for values in sets)
    deviations = [deviation for values in sets for deviation in _deviations(values)]
    grid = [prior * 10 ** (4 * step / _STEPS - 2) for step in range(_STEPS + 1)]
    weights = _posterior(grid, prior, 0, 0.0)
    if freedom:
        scale = median(deviations) / 0.6745 or prior
        for _ in range(40):
            clipped = sum(min(deviation, _CLIP * scale) ** 2 for deviation in deviations) / _KEPT
            weights = _posterior(grid, prior, freedom, clipped * freedom / len(deviations))
            before, scale = scale, _quantile(grid, weights, 0.5)
            if abs(scale - before) < 1e-3 * before:
                break
    return Noise(
        sd=_quantile(grid, weights, 0.5), low=_quantile(grid, weights, 0.05), high=_quantile(grid, weights, 0.95),
        replicates=freedom, programs=len(sets), levels=tuple(_quantile(grid, weights, level) for level in _LEVELS),
    )  # fmt: skip


def basis(replicates: int) -> str:
    """What a noise floor rests on, in words: "from 3 replicates", or "assumed"."""
    return f"from {count(replicates, 'replicate')}" if replicates else "assumed"


def _deviations(values: Sequence[float]) -> list[float]:
    """How far each is from their centre, enlarged so that their mean square is that of the noise."""
    centre = median(values)
    return [abs(value - centre) * math.sqrt(len(values) / (len(values) - 1)) for value in values]


def _posterior(grid: Sequence[float], prior: float, freedom: int, squares: float) -> list[float]:
    """The weight of each standard deviation; `squares` is the sum of squares that has `freedom` degrees."""
    logs = [
        -freedom * math.log(sd) - squares / (2 * sd * sd) - math.log(sd / prior) ** 2 / (2 * SPREAD * SPREAD)
        for sd in grid
    ]
    highest = max(logs)
    weights = [math.exp(log - highest) for log in logs]
    total = sum(weights)
    return [weight / total for weight in weights]


def _quantile(grid: Sequence[float], weights: Sequence[float], level: float) -> float:
    """The standard deviation below which the weights add up to `level`, between grid points by the logarithm."""
    reached = 0.0
    for at, weight in enumerate(weights):
        if reached + weight >= level:
            # A grid point stands for the stretch half a step to either side.
            step = (math.log(grid[1]) - math.log(grid[0])) * ((level - reached) / weight - 0.5)
            return grid[at] * math.exp(step)
        reached += weight
    return grid[-1]
