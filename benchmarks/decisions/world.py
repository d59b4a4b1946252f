"""A loop with known true effects and known noise, for policies to be tried on."""

import random
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from memorylab.core import effects, tabular

START = 1.0  # the baseline's true value; less is better


class World:
    """Ideas with true effects, and runs that cost one each and are measured with normal noise. Effects add up."""

    def __init__(self, seed: int, effects: Sequence[float], noise: float, runs: int) -> None:
        self._ideas = random.Random(seed)
        self._luck = random.Random(seed + 1_000_003)
        self._effects = effects
        self.noise = noise
        self.left = runs
        # What whoever knew the truth would gain: all that helps of as many ideas as there are runs.
        ahead = random.Random(seed)
        self.offered = sum(max(0.0, -ahead.choice(effects)) for _ in range(runs - 1))

    def idea(self) -> float:
        """The true effect of the next idea: below 0 it helps. The order is the same for every policy."""
        return self._ideas.choice(self._effects)

    def run(self, truth: float) -> float:
        """What one run of a program with this true value measures."""
        self.left -= 1
        return truth + self._luck.gauss(0.0, self.noise)


class Outcome(msgspec.Struct):
    """What a policy made of its runs. `tip` is the true value of the program that it would go on from, `champion` that
    of the one that it has promoted last; of `gains` ideas that truly helped it left out `missed`; `offered` is what all
    gains together would have brought."""

    tip: float = START
    champion: float = START
    promotions: int = 0
    false_promotions: int = 0
    ideas: int = 0
    gains: int = 0
    missed: int = 0
    replicates: int = 0
    offered: float = 0.0

    def promote(self, truth: float) -> None:
        """The program with this true value is said to be better than the champion."""
        self.promotions += 1
        self.false_promotions += truth >= self.champion
        self.champion = truth


def pools(folder: Path | None, unit: float) -> list[list[float]]:
    """Effects to draw from, a list for each ledger of a folder: the differences from the best kept value so far, scaled
    so that the median of their absolute values is `unit`. Ledgers of fewer than 20 measured runs, or of mostly gains
    (their failures were not written down), are left out. Without a folder: draws from the shape fitted to public ones.
    """
    if folder is None:
        return [_drawn(random.Random(7), unit, 2_000)]
    found = [_differences(path) for path in sorted(folder.glob("*.tsv"))]
    usable = [d for d in found if len(d) >= 19 and sum(x < 0 for x in d) < len(d) / 2 and median(map(abs, d)) > 0]
    return [[x * unit / median(map(abs, d)) for x in d] for d in usable]


def _differences(path: Path) -> list[float]:
    rows, _ = tabular.read_tsv(path.read_bytes())
    best, found = None, []
    for row in rows:
        value = row.metrics.get("val_bpb")
        if row.status == "crash" or not isinstance(value, int | float) or not value > 0:
            continue
        if best is not None:
            found.append(value - best)
        if row.status == "keep":
            best = value if best is None else min(best, value)
    return found


def _drawn(luck: random.Random, unit: float, number: int) -> list[float]:
    shape = effects.usual(unit)
    signed = [(-s, w) for s, w in zip(shape.scales, shape.gains, strict=True)]
    signed += [(s, w) for s, w in zip(shape.scales, shape.losses, strict=True)]
    scales = luck.choices([s for s, _ in signed], [w for _, w in signed], k=number)
    return [scale * abs(luck.gauss(0.0, 1.0)) for scale in scales]
