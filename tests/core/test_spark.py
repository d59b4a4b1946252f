"""A night as a line of bars."""

from hypothesis import given
from hypothesis import strategies as st

from memorylab.core.spark import BARS, LACKING, spark

VALUES = st.lists(st.none() | st.floats(-1e6, 1e6), max_size=300)


def test_bars_rise_with_the_values() -> None:
    assert spark([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]) == BARS
    assert spark([3.0, None, 1.0]) == "█×▁"


def test_one_bad_run_does_not_flatten_the_night() -> None:
    line = spark([1.0, 1.1, 1.2, 1.3, 1.4, 90.0])
    assert line[-1] == "█" and line[:5] == "▁▃▅▆█"


def test_a_night_that_is_too_long_shows_the_best_of_each_part() -> None:
    values = [5.0, 1.0, 5.0, 2.0, 5.0, None]
    assert spark(values, width=3) == "▁▃█"
    assert spark(values, width=3, lowest=False) == "▁▁▁"
    assert spark([None, None, 1.0, 2.0], width=2)[0] == LACKING


def test_values_that_are_all_alike() -> None:
    assert spark([2.0, 2.0]) == "▁▁"
    assert spark([1.0, 1.0, 1.0, 1.0, 1.0, 9.0]) == "▁▁▁▁▁█"
    assert spark([None, None]) == "××"
    assert spark([]) == ""


@given(VALUES, st.integers(1, 60), st.booleans())
def test_a_line_is_as_long_as_it_may_be(values: list[float | None], width: int, lowest: bool) -> None:
    line = spark(values, width, lowest)
    assert len(line) == min(len(values), width)
    assert set(line) <= {*BARS, LACKING}


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_a_greater_value_has_no_lower_bar(values: list[float]) -> None:
    bars = [BARS.index(bar) for bar in spark(values)]
    told = sorted(zip(values, bars, strict=True))
    assert [bar for _, bar in told] == sorted(bars)
