"""The sequential test: what its ratio is, how often it errs however often it is asked, that it finds what is there."""

import math
import random

import pytest

from memorylab.core import noise
from memorylab.core.noise import Noise
from memorylab.core.sequential import KNOWN, Evidence, usual_effect, weigh

PRIOR = 0.003
TAU = usual_effect(1.0)


def _noise(sd: float, replicates: int) -> Noise:
    levels = (0.7 * sd, 0.8 * sd, sd, 1.2 * sd, 2 * sd)
    return Noise(sd=sd, low=sd / 2, high=2 * sd, replicates=replicates, programs=1, levels=levels)


def _ask(ours: list[float], theirs: list[float]) -> Evidence:
    return weigh(ours, theirs, noise.floor([ours, theirs], PRIOR), TAU, 0.05)


def test_the_ratio_is_that_of_the_two_normal_densities() -> None:
    found = weigh([0.99, 0.98], [1.0, 1.01, 1.02], _noise(0.01, KNOWN), 0.02, 0.05)
    variance = 0.012**2 * (1 / 2 + 1 / 3)

    def density(x: float, variance: float) -> float:
        return math.exp(-x * x / 2 / variance) / math.sqrt(2 * math.pi * variance)

    assert found.difference == pytest.approx(-0.025)
    assert found.error == pytest.approx(math.sqrt(variance))
    wanted = density(0.025, variance + 0.02**2) / density(0.025, variance)
    assert found.likelihood_ratio == pytest.approx(wanted)
    assert found.outcome is None


def test_a_difference_is_better_or_worse() -> None:
    known = _noise(0.001, 10)
    assert weigh([0.9], [1.0], known, TAU, 0.05).outcome == "better"
    assert weigh([1.0], [0.9], known, TAU, 0.05).outcome == "worse"
    assert weigh([1.0], [1.0], known, TAU, 0.05).outcome is None


def test_little_known_noise_is_taken_for_larger() -> None:
    early, late = (weigh([0.9], [1.0], _noise(0.01, n), TAU, 0.05) for n in (KNOWN - 1, KNOWN))
    assert early.error > late.error and early.likelihood_ratio < late.likelihood_ratio


def test_no_difference_is_too_large_for_a_number() -> None:
    found = weigh([1e6], [0.0], _noise(1e-9, 10), 1.0, 0.05)
    assert math.isfinite(found.likelihood_ratio) and found.outcome == "worse"


def test_the_usual_effect_is_one_of_the_value() -> None:
    assert usual_effect(2.0) == usual_effect(-2.0) == 2 * usual_effect(1.0) > 0
    assert usual_effect(0.0) > 0


@pytest.mark.long
@pytest.mark.parametrize("share", [0.5, 1.0, 2.0])
def test_it_errs_less_than_it_says_however_often_it_is_asked(share: float) -> None:
    luck, claimed, questions = random.Random(4), 0, 400
    for _ in range(questions):
        values: list[list[float]] = [[], []]
        for _ in range(12):
            for side in values:
                side.append(luck.gauss(1, share * PRIOR))
            if _ask(*values).outcome is not None:
                claimed += 1
                break
    assert claimed <= 0.05 * questions


def test_what_is_there_is_found_and_not_the_wrong_way_round() -> None:
    luck, ends = random.Random(5), []
    for _ in range(40):
        values: list[list[float]] = [[], []]
        for more in range(12):
            for side, mean in zip(values, (1 - 4 * PRIOR, 1.0), strict=True):
                side.append(luck.gauss(mean, PRIOR))
            found = _ask(*values)
            if found.outcome is not None:
                ends.append((found.outcome, more))
                break
    assert len(ends) == 40 and {outcome for outcome, _ in ends} == {"better"}
    assert sum(more for _, more in ends) / 40 < 5
