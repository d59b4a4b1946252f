"""Whether two programs truly differ, asked after every further run: a sequential test.

Looking again and again until a fixed-size test says yes would find a difference in the end where there is none. The
mixture sequential probability ratio test (Robbins, Statistical methods related to the law of the iterated logarithm,
Annals of Mathematical Statistics 1970; Johari, Koomen, Pekelis and Walsh, Always valid inference, Operations Research
70(3), 2022) may be looked at after every run: the likelihood ratio of "the difference is one of N(0, tau^2)" to "there
is none" ever reaches 1/alpha in at most alpha of the questions without a difference (Ville's inequality).

That holds for a known noise. Here it is estimated along with the question, so an upper level of what is believed of it
stands for it, the 0.9 quantile until it rests on KNOWN replicates, the 0.7 quantile from then on. Measured with one run
of either side at the start and alpha 0.05 (`python -m benchmarks.decisions.sequential`, 1,000 questions): without a
difference it claims one in 0.8 %, 1.3 % and 2.4 % of questions of up to 20 further runs of each side, where one run's
standard deviation is half, once and twice what is assumed before replicates tell. Of differences of 1, 2 and 4 standard
deviations it finds 8 %, 54 % and 99 % with 5 further runs of each side, 47 %, 100 % and 100 % with 20. Where the other
side has one run and is not rerun, 20 further runs of ours find 6 %, 23 % and 75 %: what that one run owes to luck stays
unknown.
"""

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from memorylab.core import effects
from memorylab.core.noise import Noise

Outcome = Literal["better", "worse"]

KNOWN = 8  # replicates that the noise floor rests on before it is taken for roughly known

_EFFECT = 1.5  # in units of the median absolute effect: the scale that most changes have (effects.SCALES)
_LARGEST = 700.0  # exp() of more is no float


class Evidence(Struct, frozen=True):
    """What the values of two programs say. `difference` is ours minus theirs, below 0 where ours is better, `error` its
    standard deviation; `likelihood_ratio` that of a difference to none; `outcome` None while it is undecided."""

    difference: float
    error: float
    likelihood_ratio: float
    outcome: Outcome | None


def usual_effect(value: float) -> float:
    """tau: how far programs of a group usually differ, where a run of it measured `value`.

    It must not depend on the values that are tested. It only decides which differences are found soonest: the ratio is
    valid for each, and half or twice of it changes the runs that are needed by 15 % at most.
    """
    return _EFFECT * effects.UNIT * (abs(value) or 1.0)


def weigh(ours: Sequence[float], theirs: Sequence[float], noise: Noise, tau: float, alpha: float) -> Evidence:
    """Weigh what two programs measured, at least one value each, less being better. `alpha` is the share of questions
    without a difference in which one may be claimed, however often it is asked."""
    difference = sum(ours) / len(ours) - sum(theirs) / len(theirs)
    sd = noise.levels[-1] if noise.replicates < KNOWN else noise.levels[-2]
    variance = sd * sd * (1 / len(ours) + 1 / len(theirs))
    ratio = _ratio(difference, variance, tau)
    outcome: Outcome | None = None
    if ratio >= 1 / alpha:
        outcome = "better" if difference < 0 else "worse"
    return Evidence(difference, math.sqrt(variance), ratio, outcome)


def _ratio(difference: float, variance: float, tau: float) -> float:
    """The density of a difference, measured with this variance, if the true one is normal about 0 with standard
    deviation tau, over its density if there is none."""
    total = variance + tau * tau
    log = 0.5 * math.log(variance / total) + 0.5 * difference * difference * (tau * tau / variance / total)
    return math.exp(min(log, _LARGEST))
