"""Steps of one knob between two values: in which direction they helped, which value looks best, what is left to try."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from memorylab.core.race import Rules

Outcome = Literal["helped", "leans better", "unclear", "leans worse", "hurt", "crashed", "no result", "no reference"]
Value = str | None  # source text, None where the knob is not there

CERTAIN = 0.95  # the probability of a gain from where on a value "helped"; as far from 0 it "hurt"
LEANS = 0.8
NEAR = 0.1  # share of a value: what lies between two that differ by no more is not called untried

_SWEEPS = 50


class Pooled(Struct, frozen=True):
    """A measured effect: `result` minus `reference`, its standard deviation, the probability that it is a gain."""

    result: float
    reference: float
    error: float
    probability: float

    @property
    def effect(self) -> float:
        return self.result - self.reference

    @property
    def outcome(self) -> Outcome:
        return outcome(self.probability)


def outcome(probability: float) -> Outcome:
    """The probability of a gain, in words."""
    if probability >= CERTAIN:
        return "helped"
    if probability >= LEANS:
        return "leans better"
    if 1 - probability >= CERTAIN:
        return "hurt"
    return "leans worse" if 1 - probability >= LEANS else "unclear"


class Step(Struct, frozen=True):
    """A knob turned alone between two values, in the direction in which that was done first; `pooled` is None where
    nothing was measured."""

    old: Value
    new: Value
    pooled: Pooled | None
    crashed: bool

    @property
    def direction(self) -> int:
        """1 for up, -1 for down, 0 where one of them is no number."""
        old, new = number(self.old), number(self.new)
        return 0 if old is None or new is None else (new > old) - (new < old)


def levels(steps: Iterable[Step], now: Value, rules: Rules) -> dict[Value, float]:
    """How the values that steps connect with the one that stands now compare: 0 for that one, less is better.

    Least squares over the steps, each weighted by its inverse variance. Where no step touches the present value, the
    one that most steps touch stands for it.
    """
    links: dict[Value, list[tuple[Value, float, float]]] = {}
    for step in steps:
        if step.pooled is not None:
            effect, weight = rules.oriented(step.pooled.effect), 1 / step.pooled.error**2
            links.setdefault(step.old, []).append((step.new, -effect, weight))
            links.setdefault(step.new, []).append((step.old, effect, weight))
    if not links:
        return {}
    start = now if now in links else max(links, key=lambda value: len(links[value]))
    found = {start: 0.0}
    queue = deque([start])
    while queue:
        value = queue.popleft()
        for other, difference, _ in links[value]:
            if other not in found:
                found[other] = found[value] - difference
                queue.append(other)
    weights = {value: sum(weight for _, _, weight in links[value]) for value in found}
    for _ in range(_SWEEPS):
        moved = 0.0
        for value in found:
            if value != start:
                level = sum(weight * (found[other] + difference) for other, difference, weight in links[value])
                level /= weights[value]
                moved = max(moved, abs(level - found[value]))
                found[value] = level
        if moved <= 1e-9 * max(map(abs, found.values())):
            break
    return found


def best_of(steps: Sequence[Step], now: Value, rules: Rules) -> tuple[Value] | None:
    """The value that looks best, in a tuple because it can be None; None if no step that leads there is clear."""
    found = levels(steps, now, rules)
    if not any(step.pooled and step.pooled.outcome != "unclear" and step.old in found for step in steps):
        return None
    return (min(found, key=lambda value: (found[value], value != now, value or "")),)


def trend(steps: Sequence[Step], best: tuple[Value] | None) -> str:
    """In which direction turning the knob alone helped."""
    if not steps:
        return "unclear, never turned alone"
    looks = f"{shown(best[0])} looks best" if best else ""
    if not any(step.direction for step in steps):
        return looks or _way(steps)
    up = _way([step for step in steps if step.direction > 0])
    down = _way([step for step in steps if step.direction < 0])
    gains, losses = {"helps", "may help"}, {"hurts", "may hurt"}
    if up == down:
        together = {"helps": "help", "hurts": "hurt"}.get(up, up)
        said = "unclear" if up == "unclear" else f"both {together}"
    else:
        said = f"up {up}, down {down}"
    # The directions alone do not say where to stay.
    is_open = (
        {up, down} <= gains or {up, down} <= losses or "mixed" in (up, down) or any(s.direction == 0 for s in steps)
    )
    return f"{said}: {looks}" if is_open and looks else said


def _way(steps: Sequence[Step]) -> str:
    """What steps in one direction gave."""
    found = {step.pooled.outcome for step in steps if step.pooled is not None}
    good, bad = found & {"helped", "leans better"}, found & {"hurt", "leans worse"}
    if good and bad:
        return "mixed"
    if good:
        return "helps" if "helped" in good else "may help"
    if bad:
        return "hurts" if "hurt" in bad else "may hurt"
    if found:
        return "unclear"
    if not steps:
        return "never tried"
    return "crashed" if any(step.crashed for step in steps) else "unclear"


def untried(seen: Iterable[Value], centre: Value, alone: bool) -> list[str]:
    """What is left to try of a knob that had the values `seen`: beyond the outermost numbers, and next to `centre`."""
    left = [] if alone else ["alone"]
    numbers = {value: found for value in seen if value is not None and (found := number(value)) is not None}
    ordered = sorted(numbers, key=order)
    if not ordered:
        return left
    left.append(f"above {shown(ordered[-1])}")
    if numbers[ordered[0]] != 0:
        left.append(f"below {shown(ordered[0])}")
    are_whole = all(found.is_integer() for found in numbers.values())
    for low, high in zip(ordered, ordered[1:], strict=False):
        gap = numbers[high] - numbers[low]
        is_wide = gap > NEAR * max(abs(numbers[low]), abs(numbers[high])) and not (are_whole and gap <= 1)
        if centre in (low, high) and is_wide:
            left.append(f"between {shown(low)} and {shown(high)}")
    return left


def number(value: Value) -> float | None:
    """A value as a finite number, None if its source text is none."""
    if value is None or not value.isascii():
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None  # "inf" and "nan" are names in a program


def shown(value: Value) -> str:
    """A value in words; `absent` where there is none."""
    return "absent" if value is None else value


def order(value: Value) -> tuple[int, float, str]:
    """Numbers first, in their order; then texts; then none."""
    found = number(value)
    return (2, 0.0, "") if value is None else (1, 0.0, value) if found is None else (0, found, value)
