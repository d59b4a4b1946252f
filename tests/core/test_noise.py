"""How far two runs of one program differ by luck alone."""

import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core import noise

PRIOR = 0.003
POSITIVE = st.floats(1e-6, 1e6)
# In 64ths, and shifted by whole ones: a shift rounds nothing away.
SETS = st.lists(st.lists(st.integers(-640, 640).map(lambda n: n / 64), min_size=1, max_size=5), max_size=6)


def drawn(dice: random.Random, sd: float, programs: int, runs: int) -> list[list[float]]:
    """Programs with values of their own, each run a few times."""
    return [[centre + dice.gauss(0, sd) for _ in range(runs)] for centre in (dice.gauss(1, 1) for _ in range(programs))]


@pytest.mark.parametrize("replicates", [[], [[1.0]], [[1.0], [0.5], [2.0]], [[]]])
def test_without_replicates_it_is_assumed(replicates: list[list[float]]) -> None:
    found = noise.floor(replicates, PRIOR)
    assert found.assumed and (found.replicates, found.programs) == (0, 0)
    assert found.sd == pytest.approx(PRIOR, rel=1e-6)
    # The prior is lognormal, with a spread of 0.7 in the logarithm.
    assert found.low == pytest.approx(PRIOR * math.exp(-1.645 * noise.SPREAD), rel=0.02)
    assert found.high == pytest.approx(PRIOR * math.exp(1.645 * noise.SPREAD), rel=0.02)


def test_replicates_are_the_runs_beyond_the_first() -> None:
    found = noise.floor([[1.0], [1.0, 1.1], [2.0, 2.1, 2.05]], PRIOR)
    assert (found.replicates, found.programs, found.assumed) == (3, 2, False)


@pytest.mark.parametrize("runs", [2, 3, 6])
@pytest.mark.parametrize("sd", [PRIOR / 5, PRIOR, 5 * PRIOR])
def test_many_replicates_tell_it_whatever_was_assumed(sd: float, runs: int) -> None:
    found = noise.floor(drawn(random.Random(runs), sd, 240 // runs, runs), PRIOR)
    assert found.sd == pytest.approx(sd, rel=0.15)
    assert found.low < sd < found.high


@pytest.mark.parametrize("wild", [0.05, 1.0, 1e6])
def test_one_run_that_diverged_does_not_hide_every_gain(wild: float) -> None:
    dice = random.Random(5)
    for _ in range(20):
        sets = drawn(dice, PRIOR, 10, 3)
        before = noise.floor(sets, PRIOR).sd
        sets[2][1] += wild
        after = noise.floor(sets, PRIOR).sd
        assert before / 1.6 < after < before * 1.6


def test_a_few_replicates_move_the_assumption_a_part_of_the_way() -> None:
    truth, found = PRIOR / 10, PRIOR
    for pairs in (1, 3, 10, 40):
        # Pairs that differ by what two runs typically do.
        before, found = found, noise.floor([[1.0, 1.0 + truth * math.sqrt(2)]] * pairs, PRIOR).sd
        assert truth < found < before
    assert noise.floor([[1.0, 1.0 + truth * math.sqrt(2)]], PRIOR).sd > 2 * truth
    assert found < 1.2 * truth


def test_the_more_is_known_the_narrower_the_interval() -> None:
    dice = random.Random(1)
    found = [noise.floor(drawn(dice, PRIOR, pairs, 2), PRIOR) for pairs in (0, 2, 10, 80)]
    widths = [one.high / one.low for one in found]
    assert widths == sorted(widths, reverse=True) and widths[-1] < 1.5


def test_nine_of_ten_intervals_hold_the_truth() -> None:
    """Where the truth comes from the prior, as many as are said; and the quantiles halve it."""
    dice = random.Random(11)
    held = above = 0
    for _ in range(200):
        truth = PRIOR * math.exp(dice.gauss(0, noise.SPREAD))
        found = noise.floor(drawn(dice, truth, 3, 2), PRIOR)
        held += found.low <= truth <= found.high
        above += truth > found.sd
    assert 170 <= held <= 192
    assert 80 <= above <= 120


def test_equal_runs_say_that_there_is_little_luck_but_not_none() -> None:
    found = noise.floor([[1.0, 1.0, 1.0]] * 5, PRIOR)
    assert 0 < found.low < found.sd < PRIOR / 5


def test_the_levels_are_quantiles() -> None:
    found = noise.floor([[1.0, 1.004], [2.0, 2.001]], PRIOR)
    assert len(found.levels) == 5 and list(found.levels) == sorted(found.levels)
    assert found.levels[2] == found.sd == median(found.levels)
    assert found.low < found.levels[0] and found.levels[-1] < found.high


@given(SETS, POSITIVE, st.floats(1e-3, 1e3))
def test_another_unit_gives_the_same_in_that_unit(sets: list[list[float]], prior: float, unit: float) -> None:
    one = noise.floor(sets, prior)
    other = noise.floor([[unit * value for value in values] for values in sets], unit * prior)
    # The scale is iterated to a thousandth.
    assert other.sd == pytest.approx(unit * one.sd, rel=2e-3)
    assert (other.low, other.high) == pytest.approx((unit * one.low, unit * one.high), rel=2e-3)


def test_the_scale_is_iterated_to_its_end() -> None:
    """Eight rounds were not enough from a start far off: 0.74 where a start elsewhere gave 1.08."""
    far, near = noise.floor([[0.0, 0.0, 2.0], [0.0, 1e-236]], 1.0), noise.floor([[0.0, 0.0, 2.0], [1.0, 1.0]], 1.0)
    assert far.sd == pytest.approx(near.sd, rel=0.02)


@given(SETS, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(sets: list[list[float]], dice: random.Random) -> None:
    mixed = [dice.sample(values, len(values)) for values in dice.sample(sets, len(sets))]
    one, other = noise.floor(sets, PRIOR), noise.floor(mixed, PRIOR)
    assert other.sd == pytest.approx(one.sd, rel=1e-9) and other.replicates == one.replicates


@given(SETS, st.integers(-100, 100))
def test_a_shift_of_all_runs_of_a_program_does_not_matter(sets: list[list[float]], shift: int) -> None:
    one = noise.floor(sets, 1.0)
    other = noise.floor([[value + shift * at for value in values] for at, values in enumerate(sets)], 1.0)
    assert other.sd == pytest.approx(one.sd, rel=1e-9)


@given(st.lists(st.lists(st.floats(-1e50, 1e50), max_size=4), max_size=4), st.floats(1e-50, 1e50))
def test_it_never_raises(sets: list[list[float]], prior: float) -> None:
    found = noise.floor(sets, prior)
    assert 0 < found.low <= found.sd <= found.high and all(math.isfinite(level) for level in found.levels)
    assert prior / 120 < found.sd < prior * 120


def test_further_replicates_narrow_what_is_believed() -> None:
    """It took 32 more runs to decide on a gain of three standard deviations, as if they told nothing of the noise."""
    found = noise.floor([], PRIOR)
    assert found.after(0) == pytest.approx(found.levels)
    before = found.after(0)
    for further in (1, 5, 50):
        after = found.after(further)
        assert list(after) == sorted(after) and after[2] == pytest.approx(found.sd)
        assert before[0] < after[0] and after[-1] < before[-1]
        before = after
    assert before[-1] < 1.2 * found.sd
