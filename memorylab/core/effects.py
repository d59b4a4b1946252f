"""How much changes help or hurt, and what a measured difference says of the true one.

An effect is a program's true value minus that of the one it was built on; below 0 is better here, whichever way the
metric counts. Luck and effect add up in a measurement, so a measured gain is shrunk towards what changes usually do.
That is also what the winner's curse asks for: a Bayesian posterior stays right whichever of many was selected for being
the best (Efron, Tweedie's formula and selection bias, JASA 2011).

The prior is a mixture of half-normals over a grid of scales, gains and losses apart, as in adaptive shrinkage
(Stephens, False discovery rates: a new deal, Biostatistics 2017); its local false sign rate is 1 - `probability`.
"""

import math
from collections.abc import Sequence
from operator import mul, truediv
from statistics import median

from msgspec import Struct

# Scales in units of the median absolute effect, and the weights of gains and losses at each: fitted by maximum
# likelihood to the differences from the best so far in 17 public ledgers (1,017 runs), each in its own unit.
SCALES = (0.1, 0.4, 1.5, 6.0, 24.0)
GAINS = (0.013, 0.091, 0.104, 0.033, 0.010)
LOSSES = (0.014, 0.079, 0.450, 0.177, 0.029)

SHARE = 0.5  # of the median difference between results that is taken for the unit, until `learn` tells better
UNIT = 0.005  # the median absolute effect as a share of the value, the median over those ledgers
_STRENGTH = 6.0  # how many differences the fitted weights count for, beside those of the ledger at hand
_ROUNDS = 12  # of expectation maximisation
LATEST = 150  # differences that are learned from
LEAST = 5  # differences; fewer do not tell the unit

_HALF_PI = math.sqrt(2 * math.pi)
_ROOT_2 = math.sqrt(2)
_NORMAL_MEDIAN = 0.455  # the square of a normal's median absolute value, in units of its variance


class Posterior(Struct, frozen=True):
    """What is believed of an effect: `probability` that it is a gain, its mean and variance."""

    probability: float
    mean: float
    variance: float


class Effects(Struct, frozen=True):
    """A prior of effects: standard deviations of half-normals, and the weights of gains and of losses, adding to 1."""

    scales: tuple[float, ...]
    gains: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def unit(self) -> float:
        """The median absolute effect that the scales belong to."""
        return self.scales[0] / SCALES[0]

    def posterior(self, difference: float, variance: float) -> Posterior:
        """After a difference was measured whose error has this variance (above 0)."""
        error = math.sqrt(variance)
        total = gained = first = second = 0.0
        for scale, gain, loss in zip(self.scales, self.gains, self.losses, strict=True):
            spread = math.sqrt(scale * scale + variance)
            density = math.exp(-0.5 * (difference / spread) ** 2) / spread
            if density == 0.0:
                continue
            ratio = scale / spread
            # The normal that the half-normal is cut from: its mean over its standard deviation says how much is cut.
            centre, width = difference * ratio * ratio, error * ratio
            cut = centre / width
            bell = math.exp(-0.5 * cut * cut) / _HALF_PI
            for sign, weight in ((-1.0, gain), (1.0, loss)):
                at = sign * cut
                below = 0.5 * math.erfc(-at / _ROOT_2)
                mass = weight * density * below
                if mass == 0.0:
                    continue
                hazard = bell / below
                mean = centre + sign * width * hazard
                spare = max(0.0, width * width * (1 - hazard * (hazard + at)))
                total += mass
                gained += mass if sign < 0 else 0.0
                first += mass * mean
                second += mass * (spare + mean * mean)
        if total == 0.0:
            # So far out that no scale reaches it: it is what was measured.
            return Posterior(float(difference < 0), difference, variance)
        mean = first / total
        return Posterior(gained / total, mean, max(0.0, second / total - mean * mean))

    def probability(self, difference: float, variance: float) -> float:
        """That a difference, measured with an error of this variance, is truly a gain: `posterior`'s, sooner."""
        densities = _likelihoods(self.scales, difference, variance)
        gained = sum(map(mul, self.gains, densities))
        total = gained + sum(map(mul, self.losses, densities[len(self.scales) :]))
        return gained / total if total else float(difference < 0)


def usual(unit: float) -> Effects:
    """What changes do in public ledgers, where the median absolute effect is `unit` (above 0)."""
    return Effects(tuple(unit * scale for scale in SCALES), GAINS, LOSSES)


def learn(differences: Sequence[tuple[float, float]], unit: float) -> Effects:
    """The prior after a ledger's differences, each with the variance of its error, the latest last; `unit` is the
    median absolute effect where these are too few to tell. Their median gives the unit, maximum likelihood with the
    usual weights as pseudo-counts gives the weights."""
    latest = differences[-LATEST:]
    if len(latest) < LEAST:
        return usual(unit)
    noise = median(variance for _, variance in latest)
    size = median(abs(difference) for difference, _ in latest)
    start = usual(math.sqrt(max(size * size - _NORMAL_MEDIAN * noise, 0.02 * noise, 1e-18)))
    prior = [*GAINS, *LOSSES]
    weights = prior
    columns = list(zip(*(_likelihoods(start.scales, *one) for one in latest), strict=True))
    for _ in range(_ROUNDS):
        shares = [[weight * density for density in column] for weight, column in zip(weights, columns, strict=True)]
        totals = [total or 1.0 for total in map(sum, zip(*shares, strict=True))]  # 0: beyond the reach of all scales
        counts = [sum(map(truediv, one, totals), _STRENGTH * usual) for one, usual in zip(shares, prior, strict=True)]
        whole = sum(counts)
        weights = [count / whole for count in counts]
    half = len(SCALES)
    return Effects(start.scales, tuple(weights[:half]), tuple(weights[half:]))


def _likelihoods(scales: Sequence[float], difference: float, variance: float) -> list[float]:
    """The density of a measured difference under each half-normal, gains first."""
    error = math.sqrt(variance)
    gains, losses = [], []
    for scale in scales:
        spread = math.sqrt(scale * scale + variance)
        density = math.exp(-0.5 * (difference / spread) ** 2) / spread
        at = difference * scale / (error * spread) / _ROOT_2
        gains.append(density * math.erfc(at))
        losses.append(density * math.erfc(-at))
    return gains + losses
