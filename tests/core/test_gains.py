"""What programs gained, on what they were built on, and what several gains come to."""

import math

import pytest

from memorylab.core.gains import Gains, Measured, by_group
from memorylab.core.group import Group
from memorylab.core.race import Rules
from tests.core.conftest import build


def _gains(*told: tuple[str, str | None, str, float], rules: Rules | None = None) -> Gains:
    """Of runs: program, base, status, value."""
    runs = [
        Measured(at, program, base, build(f"r{at}", value, at, status=status))
        for at, (program, base, status, value) in enumerate(told)
    ]
    return Gains(Group(), runs, rules or Rules())


def test_a_gain_is_the_mean_against_that_of_the_base() -> None:
    found = _gains(("a", None, "keep", 1.0), ("a", None, "keep", 1.02), ("b", "a", "discard", 1.2)).of("b")
    assert found is not None
    assert found.effect == pytest.approx(0.19)
    assert found.reference == pytest.approx(1.01)
    assert found.outcome == "hurt"


def test_the_best_kept_before_stands_for_a_base_that_was_not_measured() -> None:
    gains = _gains(
        ("a", None, "keep", 1.0), ("b", None, "keep", 0.9), ("c", "gone", "keep", 0.8), ("d", None, "keep", 0.7)
    )
    assert gains.reference("a") is None
    assert gains.of("a") is None
    assert [gains.reference(name) for name in "bcd"] == ["a", "b", "c"]
    assert gains.reference("gone") is None


def test_a_program_does_not_count_against_itself() -> None:
    """As where a commit that changes nothing was run: its parent holds the same program."""
    gains = _gains(("a", None, "keep", 1.0), ("b", "b", "keep", 0.9))
    assert gains.reference("b") == "a"


def test_more_runs_make_surer() -> None:
    once = _gains(("a", None, "keep", 1.0), ("b", "a", "keep", 0.9)).of("b")
    twice = _gains(("a", None, "keep", 1.0), ("b", "a", "keep", 0.9), ("b", "a", "keep", 0.9001)).of("b")
    assert once is not None and twice is not None
    assert twice.error < once.error


def test_a_sum_counts_the_error_of_a_shared_base_as_often_as_it_is_used() -> None:
    gains = _gains(("a", None, "keep", 1.0), ("b", "a", "keep", 0.9), ("c", "a", "keep", 0.8))
    total = gains.total(["b", "c"])
    assert total is not None
    assert total.effect == pytest.approx(-0.3)
    assert total.error == pytest.approx(gains.noise.sd * math.sqrt(1 + 1 + 4))
    assert total.effect < total.expected < 0


def test_a_sum_of_one_after_another_has_the_error_of_the_ends() -> None:
    gains = _gains(("a", None, "keep", 1.0), ("b", "a", "keep", 0.9), ("c", "b", "keep", 0.8))
    total = gains.total(["b", "c"])
    assert total is not None
    assert total.error == pytest.approx(gains.noise.sd * math.sqrt(2))


def test_a_sum_of_what_is_not_known_is_not_known() -> None:
    gains = _gains(("a", None, "keep", 1.0), ("b", "a", "keep", 0.9))
    assert gains.total(["b", "a"]) is None
    assert gains.total(["b", "never run"]) is None
    assert gains.total([]) is None


def test_more_may_be_better() -> None:
    found = _gains(("a", None, "keep", 1.0), ("b", "a", "keep", 1.5), rules=Rules(direction="maximize"))
    gain, total = found.of("b"), found.total(["b"])
    assert gain is not None and total is not None
    assert gain.outcome == "helped"
    assert 0 < total.expected < total.effect == pytest.approx(0.5)


def test_each_group_is_read_once() -> None:
    asked: list[Group] = []
    found = by_group(lambda group: asked.append(group) or [], Rules())  # type: ignore[func-returns-value]
    assert found(Group()) is found(Group())
    assert asked == [Group()]
