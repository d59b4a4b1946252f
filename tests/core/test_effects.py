"""What a measured difference says of the true one, given what changes usually do."""

import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core import effects
from memorylab.core.effects import Effects, Posterior

UNIT = 0.005
DIFFERENCES = st.floats(-1, 1)
VARIANCES = st.floats(1e-8, 1)


def integrated(prior: Effects, difference: float, variance: float) -> Posterior:
    """The posterior by the trapezoid rule: each half-normal times the normal likelihood, on a fine grid each."""
    mass = gained = first = second = 0.0
    for scale, gain, loss in zip(prior.scales, prior.gains, prior.losses, strict=True):
        # The product is a normal cut at 0; the grid covers twelve of its standard deviations to either side.
        centre = difference * scale**2 / (scale**2 + variance)
        width = math.sqrt(variance * scale**2 / (scale**2 + variance))
        for sign, weight in ((-1.0, gain), (1.0, loss)):
            low = max(0.0, sign * centre - 12 * width)
            high = max(sign * centre, 0.0) + 12 * width
            step = (high - low) / 4000
            for at in range(4001):
                size = low + at * step
                density = 2 / scale / math.sqrt(2 * math.pi) * math.exp(-0.5 * (size / scale) ** 2)
                likelihood = math.exp(-0.5 * (difference - sign * size) ** 2 / variance)
                share = weight * density * likelihood * step * (0.5 if at in (0, 4000) else 1.0)
                mass += share
                gained += share if sign < 0 else 0.0
                first += share * sign * size
                second += share * size * size
    mean = first / mass
    return Posterior(gained / mass, mean, second / mass - mean * mean)


LEARNED = effects.learn([(-0.004, 1e-5), (0.002, 1e-5), (0.03, 2e-5), (-0.001, 1e-5), (0.009, 1e-5)], UNIT)


@pytest.mark.parametrize("prior", [effects.usual(UNIT), LEARNED], ids=["usual", "learned"])
@pytest.mark.parametrize("difference", [-0.05, -0.01, -0.003, 0.0, 0.001, 0.02])
@pytest.mark.parametrize("error", [0.0004, 0.004, 0.04])
def test_the_closed_form_is_the_integral(prior: Effects, difference: float, error: float) -> None:
    found, wanted = prior.posterior(difference, error**2), integrated(prior, difference, error**2)
    assert found.probability == pytest.approx(wanted.probability, abs=1e-6)
    assert found.mean == pytest.approx(wanted.mean, abs=1e-6 * error, rel=1e-6)
    assert found.variance == pytest.approx(wanted.variance, rel=1e-5)
    assert prior.probability(difference, error**2) == pytest.approx(found.probability, abs=1e-12)


@given(DIFFERENCES, DIFFERENCES, VARIANCES)
def test_the_better_it_measured_the_likelier_it_is_a_gain(one: float, other: float, variance: float) -> None:
    low, high = sorted((one, other))
    prior = effects.usual(UNIT)
    better, worse = prior.posterior(low, variance), prior.posterior(high, variance)
    assert better.probability >= worse.probability - 1e-9
    assert better.mean <= worse.mean + 1e-9


@given(st.floats(-1e150, 1e150), st.floats(1e-100, 1e100))
def test_it_never_raises(difference: float, variance: float) -> None:
    found = effects.usual(UNIT).posterior(difference, variance)
    assert 0 <= found.probability <= 1 and math.isfinite(found.mean) and found.variance >= 0


@given(st.floats(-1e150, 1e150), st.floats(1e-100, 1e100))
def test_the_short_way_to_the_probability_ends_where_the_long_one_does(difference: float, variance: float) -> None:
    for prior in (effects.usual(0.005), effects.usual(1e40)):
        long = prior.posterior(difference, variance).probability
        assert prior.probability(difference, variance) == pytest.approx(long, rel=1e-9, abs=1e-12)


@given(DIFFERENCES, VARIANCES)
def test_it_says_less_than_was_measured_and_knows_no_less(difference: float, variance: float) -> None:
    """A large gain is shrunk; what no scale reaches is taken as it is."""
    found = effects.usual(UNIT).posterior(difference, variance)
    assert abs(found.mean) <= abs(difference) + 2 * math.sqrt(variance)
    if difference < 0:
        assert found.mean >= difference - 1e-9


@given(DIFFERENCES, VARIANCES, st.floats(1e-3, 1e3))
def test_another_unit_gives_the_same_in_that_unit(difference: float, variance: float, unit: float) -> None:
    one = effects.usual(UNIT).posterior(difference, variance)
    other = effects.usual(unit * UNIT).posterior(unit * difference, unit * unit * variance)
    assert other.probability == pytest.approx(one.probability, abs=1e-9)
    assert other.mean == pytest.approx(unit * one.mean, rel=1e-6, abs=1e-9 * unit)


def test_a_result_far_from_all_is_what_was_measured() -> None:
    assert effects.usual(UNIT).posterior(-1e9, 1e-6) == Posterior(1.0, -1e9, 1e-6)
    assert effects.usual(UNIT).posterior(1e9, 1e-6) == Posterior(0.0, 1e9, 1e-6)


def test_a_gain_within_the_luck_says_little() -> None:
    """Most changes lose, so a lucky run is no even bet."""
    prior = effects.usual(UNIT)
    assert prior.probability(0.0, UNIT**2) < 0.35 and prior.probability(0.0, 100.0) < 0.35
    assert prior.posterior(-UNIT, UNIT**2).mean > -UNIT / 2
    assert prior.probability(-8 * UNIT, UNIT**2) > 0.95


def test_the_usual_weights() -> None:
    assert sum(effects.GAINS) + sum(effects.LOSSES) == pytest.approx(1.0)
    assert effects.usual(UNIT).unit == pytest.approx(UNIT)
    # What is called the median absolute effect is one.
    dice = random.Random(2)
    assert median(abs(one) for one in drawn(dice, effects.usual(UNIT), 20_000)) == pytest.approx(UNIT, rel=0.2)


def drawn(dice: random.Random, prior: Effects, number: int) -> list[float]:
    signed = [(-scale, weight) for scale, weight in zip(prior.scales, prior.gains, strict=True)]
    signed += list(zip(prior.scales, prior.losses, strict=True))
    chosen = dice.choices([scale for scale, _ in signed], [weight for _, weight in signed], k=number)
    return [scale * abs(dice.gauss(0, 1)) for scale in chosen]


@pytest.mark.parametrize("luck", [0.3, 1.0, 3.0])
def test_of_what_is_said_to_be_likely_so_many_are_gains(luck: float) -> None:
    """Calibration: measured effects, by what is said of them, are as often gains as it says."""
    dice, prior = random.Random(4), effects.usual(UNIT)
    said: list[tuple[float, bool]] = []
    for effect in drawn(dice, prior, 8_000):
        said.append((prior.probability(effect + dice.gauss(0, luck * UNIT), (luck * UNIT) ** 2), effect < 0))
    said.sort()
    checked = 0
    for at in range(0, len(said), 1000):
        bucket = said[at : at + 1000]
        expected = sum(probability for probability, _ in bucket)
        spread = math.sqrt(sum(probability * (1 - probability) for probability, _ in bucket))
        assert abs(sum(gain for _, gain in bucket) - expected) < 3.5 * spread + 1
        checked += 1
    assert checked == 8


def test_of_the_luckiest_the_mean_is_right_too() -> None:
    """The winner's curse: the best of many measures better than it is, and the posterior says by how much."""
    dice, prior, variance = random.Random(6), effects.usual(UNIT), UNIT**2
    claimed, believed, true = 0.0, 0.0, 0.0
    for _ in range(600):
        pairs = [(effect, effect + dice.gauss(0, UNIT)) for effect in drawn(dice, prior, 12)]
        effect, measured = min(pairs, key=lambda pair: pair[1])
        claimed, believed, true = claimed + measured, believed + prior.posterior(measured, variance).mean, true + effect
    assert believed == pytest.approx(true, rel=0.07)
    assert claimed < 1.12 * true  # both are negative


def test_of_too_few_nothing_is_learned() -> None:
    one = (-0.1, 1e-6)
    assert effects.learn([], UNIT) == effects.learn([one] * (effects.LEAST - 1), UNIT) == effects.usual(UNIT)
    assert effects.learn([one] * effects.LEAST, UNIT) != effects.usual(UNIT)


@given(st.lists(st.tuples(st.floats(-1e50, 1e50), st.floats(1e-100, 1e100)), max_size=12), st.floats(1e-18, 1e48))
def test_what_is_learned_is_a_prior(differences: list[tuple[float, float]], unit: float) -> None:
    found = effects.learn(differences, unit)
    assert sum(found.gains) + sum(found.losses) == pytest.approx(1.0)
    assert all(weight > 0 for weight in found.gains + found.losses)
    assert list(found.scales) == sorted(found.scales) and found.scales[0] > 0


def test_where_changes_hardly_help_a_gain_is_believed_less() -> None:
    dice, variance = random.Random(8), (0.2 * UNIT) ** 2
    lost = [(abs(dice.gauss(0, 2 * UNIT)) + dice.gauss(0, 0.2 * UNIT), variance) for _ in range(100)]
    mixed = [(difference * dice.choice((-1, 1)), variance) for difference, _ in lost]
    barren, fruitful = effects.learn(lost, UNIT), effects.learn(mixed, UNIT)
    assert sum(barren.gains) < sum(effects.GAINS) < sum(fruitful.gains)
    assert sum(fruitful.gains) == pytest.approx(0.5, abs=0.1)
    assert barren.probability(-0.3 * UNIT, variance) < fruitful.probability(-0.3 * UNIT, variance)


@pytest.mark.parametrize("luck", [0.1, 1.0])
def test_the_unit_is_learned_with_luck_taken_off(luck: float) -> None:
    dice = random.Random(9)
    measured = [effect + dice.gauss(0, luck * UNIT) for effect in drawn(dice, effects.usual(UNIT), 150)]
    found = effects.learn([(difference, (luck * UNIT) ** 2) for difference in measured], 1.0)
    assert found.unit == pytest.approx(UNIT, rel=0.35)
    # Luck alone has a median size of 0.6745 standard deviations: nothing is left of it.
    alone = [(sign * 0.6745 * UNIT, UNIT**2) for sign in (-1, 1, 1, 1, 1, 1)]
    assert effects.learn(alone, 1.0).unit < 0.2 * UNIT


def test_the_latest_differences_count() -> None:
    """A ledger of thousands of runs is not that of its first night."""
    early, late = [(10.0, 1e-4)] * 1000, [(0.1 * (at % 5 - 2), 1e-4) for at in range(150)]
    assert effects.learn([*early, *late], UNIT) == effects.learn(late, UNIT)
