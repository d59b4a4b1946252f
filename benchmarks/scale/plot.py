"""A log-log plot as SVG: what each command takes, by the number of runs."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 900, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 240, 20, 50
_COLOURS = (
    "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#e377c2", "#17becf", "#bcbd22", "#7f7f7f",
    "#3a3a3a",
)  # fmt: skip
_LINE = 15  # pixels from one label to the next, at least
_LEAST = 0.001


class Line(NamedTuple):
    """A command: its name, the dashes of its line ("" for none), which colour, and its points (runs, seconds)."""

    name: str
    dashes: str
    colour: int
    points: Sequence[tuple[float, float]]


class _Axis:
    """Decades from the lowest value to the highest, on so many pixels."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        self._high = max(self._high, self._low + 1)
        self._start, self._scale = start, (end - start) / (self._high - self._low)

    def at(self, value: float) -> float:
        """Where a value stands."""
        return self._start + (math.log10(value) - self._low) * self._scale

    def decades(self) -> list[float]:
        """The powers of ten."""
        return [10.0**n for n in range(self._low, self._high + 1)]


def draw(lines: Sequence[Line]) -> str:
    """The plot. A difference of less than a millisecond is noise, and has no place on it."""
    shown = [line._replace(points=[(x, y) for x, y in line.points if y >= _LEAST]) for line in lines]
    shown = [line for line in shown if line.points]
    if not shown:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"/>\n'
    x = _Axis([x for line in shown for x, _ in line.points], LEFT, WIDTH - RIGHT)
    y = _Axis([y for line in shown for _, y in line.points], HEIGHT - BOTTOM, TOP)
    told = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for at in x.decades():
        told.append(_rule(x.at(at), TOP, x.at(at), HEIGHT - BOTTOM))
        told.append(_text(x.at(at), HEIGHT - BOTTOM + 18, f"{at:,.0f}", "middle"))
    for at in y.decades():
        told.append(_rule(LEFT, y.at(at), WIDTH - RIGHT, y.at(at)))
        told.append(_text(LEFT - 8, y.at(at) + 4, f"{at:g}", "end"))
    told.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "runs in the ledger", "middle"))
    told.append(_text(LEFT - 8, TOP - 6, "seconds", "end"))
    below = float(TOP)
    for line in sorted(shown, key=lambda line: y.at(line.points[-1][1])):
        colour = _COLOURS[line.colour % len(_COLOURS)]
        places = [(x.at(a), y.at(b)) for a, b in line.points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{line.dashes}"'
        told.append(f'<polyline points="{path}" fill="none" {stroke}/>')
        told += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in places]
        below = max(places[-1][1] + 4, below + _LINE)
        told.append(_text(WIDTH - RIGHT + 14, below, line.name, "start", colour))
    return "\n".join([*told, "</svg>"]) + "\n"


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, said: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(said)}</text>'
