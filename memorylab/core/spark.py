"""A row of numbers as a line of small bars, which reads wherever text does."""

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
LACKING = "×"
WIDTH = 60


def spark(values: Sequence[float | None], width: int = WIDTH, lowest: bool = True) -> str:
    """One bar for each value, from the least to the greatest of the bulk, and a cross where there is none. More than
    `width` of them are put together, each bar the lowest (else the highest) of its part.

    What lies more than three times the middle half's length beyond the middle half (Tukey's far out) does not stretch
    the scale, or one bad run would flatten a night.
    """
    best = min if lowest else max
    cells = [best((value for value in part if value is not None), default=None) for part in _parts(list(values), width)]
    known = sorted(value for value in cells if value is not None)
    if not known:
        return LACKING * len(cells)
    quarter, three = known[(len(known) - 1) // 4], known[3 * (len(known) - 1) // 4]
    reach = 3 * (three - quarter)
    inside = [value for value in known if quarter - reach <= value <= three + reach]
    low, high = inside[0], inside[-1]
    top = len(BARS) - 1

    def bar(value: float) -> str:
        if low == high:
            return BARS[(value > high) * top]
        return BARS[round(top * min(1.0, max(0.0, (value - low) / (high - low))))]

    return "".join(LACKING if value is None else bar(value) for value in cells)


def _parts(values: list[float | None], width: int) -> list[list[float | None]]:
    if len(values) <= width:
        return [[value] for value in values]
    ends = [len(values) * at // width for at in range(width + 1)]
    return [values[start:end] for start, end in zip(ends, ends[1:], strict=False)]
