"""A picture for each knob: what its values gave, how sure that is, where nothing was tried. Values in, geometry out.

Up is better, whichever way the metric goes. The height shows the effect; what is too large for it stands at the edge.
"""

import math
from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct

from memorylab.core.knobs import InGroup, KnobStudy, Study, Tried
from memorylab.core.race import Rules
from memorylab.core.steps import Value, number, order, shown
from memorylab.core.text import count, inline, rough, shorten

MOST = 24  # knobs with a picture
WIDTH, HEIGHT = 320, 132
_LEFT, _RIGHT, _TOP, _BOTTOM = 10, 10, 12, 24
_BEYOND = 0.2  # of the width, to either side of the outermost number
_FAR = 8  # times the smallest from where on numbers stand by their logarithm
_LABEL = 6.4  # width of a character
_VALUES = 40  # of a knob


class Point(Struct, frozen=True, kw_only=True):
    """A value that was tried: where it stands, from where to where one standard deviation reaches, what it gave."""

    x: float
    y: float
    high: float
    low: float
    edge: str
    tone: str
    mark: str
    run_id: str
    title: str


class Label(Struct, frozen=True, kw_only=True):
    """A word under the axis."""

    x: float
    text: str
    anchor: str
    is_now: bool


class Map(Struct, frozen=True, kw_only=True):
    """A knob. `height` is the effect at the edge, `zero` stands where there is none, `band` is that of one standard
    deviation of a run around it, `gaps` are the stretches where nothing was tried."""

    name: str
    now: str | None
    now_x: float | None
    trend: str
    untried: str
    height: str
    zero: float
    band: tuple[float, float]
    points: list[Point]
    gaps: list[tuple[float, float]]
    labels: list[Label]


class Maps(Struct, frozen=True, kw_only=True):
    """The knobs of the current group; `never` are those that no run turned, `more` those without a picture."""

    maps: list[Map]
    never: list[tuple[str, str]]
    more: list[str]
    without_code: int


class _Axis:
    """Where values stand: numbers by their size, anything else beside each other."""

    def __init__(self, values: Iterable[Value]) -> None:
        self.values = sorted(set(values), key=order)
        self.numbers = {value: found for value in self.values if (found := number(value)) is not None}
        sizes = list(self.numbers.values())
        self.is_numeric = len(sizes) == len(self.values) and bool(sizes)
        self.is_log = self.is_numeric and min(sizes) > 0 and max(sizes) / min(sizes) >= _FAR
        self.left, self.right = float(_LEFT), float(WIDTH - _RIGHT)
        if self.is_numeric:
            low, high = self._scaled(min(sizes)), self._scaled(max(sizes))
            room = (high - low) * _BEYOND or abs(low) * _BEYOND or 1.0
            self._low, self._span = low - room, high - low + 2 * room

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.is_log else value

    def __call__(self, value: Value) -> float:
        if self.is_numeric:
            share = (self._scaled(self.numbers[value]) - self._low) / self._span
        else:
            share = (self.values.index(value) + 0.5) / len(self.values)
        return round(self.left + share * (self.right - self.left), 1)

    def gaps(self, untried: Sequence[str]) -> list[tuple[float, float]]:
        """The stretches that the study names as not tried, in its own words."""
        if not self.is_numeric:
            return []
        named = set(untried)
        found = []
        if f"below {shown(self.values[0])}" in named:
            found.append((self.left, self(self.values[0]) - 8))
        for low, high in zip(self.values, self.values[1:], strict=False):
            if f"between {shown(low)} and {shown(high)}" in named:
                found.append((self(low) + 8, self(high) - 8))
        if f"above {shown(self.values[-1])}" in named:
            found.append((self(self.values[-1]) + 8, self.right))
        return [(round(start, 1), round(end - start, 1)) for start, end in found if end - start > 2]


def maps(study: Study, rules: Rules) -> Maps:
    """What the page shows of the knobs."""
    here = [(knob, knob.groups[0]) for knob in study.knobs if knob.groups and knob.groups[0].group == study.group]
    return Maps(
        maps=[_map(knob, found, rules) for knob, found in here[:MOST]],
        never=[(_name(name), _name(value)) for name, value in study.never.items()],
        more=[_name(knob.name) for knob, _ in here[MOST:]],
        without_code=study.without_code,
    )  # fmt: skip


def _map(knob: KnobStudy, found: InGroup, rules: Rules) -> Map:
    tried = sorted(found.tried, key=lambda one: -abs((one.effect or 0.0) / (one.error or 1.0)))[:_VALUES]
    tried.sort(key=lambda one: order(one.value))
    values = [one.value for one in tried] + [start for one in tried for start in one.starts]
    axis = _Axis([*values, *([knob.now] if knob.now is not None else [])])
    reach = _reach(tried, found.noise)
    middle, half = (_TOP + HEIGHT - _BOTTOM) / 2, (HEIGHT - _BOTTOM - _TOP) / 2 - 6

    def y(advantage: float) -> float:
        return round(middle - half * max(-1.0, min(1.0, advantage / reach)), 1)

    points = []
    for one in tried:
        effect = None if one.effect is None else -rules.oriented(one.effect)
        error = one.error or 0.0
        edge = "" if effect is None or abs(effect) <= reach else "up" if effect > 0 else "down"
        points.append(Point(
            x=axis(one.value), y=middle if effect is None else y(effect), high=y((effect or 0.0) + error),
            low=y((effect or 0.0) - error), edge=edge, tone=_tone(one), run_id=one.run_ids[-1] if one.run_ids else "",
            mark="cross" if one.outcome == "crashed" else "ring" if effect is None or one.others_most else "dot",
            title=_title(knob.name, one),
        ))  # fmt: skip
    now = knob.now if knob.now in axis.values else None
    labels = _labels(axis, [one.value for one in tried], now)
    return Map(
        name=_name(knob.name), now=None if knob.now is None else _name(knob.now),
        now_x=None if now is None else axis(now), trend=inline(found.trend),
        untried=", ".join(map(_name, found.untried)), height=rough(reach),
        zero=middle, band=(y(found.noise), y(-found.noise)),
        points=points, gaps=axis.gaps(found.untried), labels=labels,
    )  # fmt: skip


def _reach(tried: Sequence[Tried], noise: float) -> float:
    """The effect that reaches the edge: a diverged run must not flatten the others."""
    sizes = [abs(one.effect) + (one.error or 0.0) for one in tried if one.effect is not None]
    usual = max(4 * noise, 3 * median(sizes)) if sizes else noise
    return min(max([*sizes, 2 * noise]), usual) or 1.0


def _tone(one: Tried) -> str:
    tones = {"helped": "good", "leans better": "good", "hurt": "bad", "leans worse": "bad", "crashed": "crash"}
    return tones.get(one.outcome, "even")


def _title(name: str, one: Tried) -> str:
    gave = ""
    if one.effect is not None and one.error is not None:
        gave = f" {rough(one.effect, 3, '+')} ± {rough(one.error)}"
    besides = f", with up to {count(one.others_most, 'other change')}" if one.others_most else ""
    return f"{_name(name)} {_name(shown(one.value))}: {one.outcome}{gave}, {count(one.runs, 'run')}{besides}"


def _labels(axis: _Axis, tried: Sequence[Value], now: Value) -> list[Label]:
    """The present value, the outermost ones and what fits between them."""
    wanted = [*([now] if now is not None else []), *([tried[0], tried[-1]] if tried else []), *tried, *axis.values]
    taken: list[tuple[float, float]] = []
    found = []
    for value in dict.fromkeys(wanted):
        text, x = shorten(inline(shown(value)), 14), axis(value)
        wide = _LABEL * len(text)
        start = min(max(x - wide / 2, 0.0), WIDTH - wide)
        if all(start > end + 6 or start + wide < begin - 6 for begin, end in taken):
            taken.append((start, start + wide))
            anchor = "start" if start == 0.0 else "end" if start == WIDTH - wide else "middle"
            at = {"start": 0.0, "end": float(WIDTH), "middle": x}[anchor]
            found.append(Label(x=at, text=text, anchor=anchor, is_now=value == now and now is not None))
    return sorted(found, key=lambda label: label.x)


def _name(text: str) -> str:
    return shorten(inline(text), 60)
