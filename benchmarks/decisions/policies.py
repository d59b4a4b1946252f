"""Ways to read the results of a loop: ours, and those of others."""

import random
from collections.abc import Callable
from statistics import mean, median

import msgspec

from benchmarks.decisions.world import START, Outcome, World
from memorylab.core import decision
from memorylab.core.race import Rules
from memorylab.core.races import WINDOW, Races
from memorylab.core.record import Change, Run

MARGIN = 0.0015  # the predecessor's, at a value of 1
LIKELY = 2.0  # gain over MAD that pi-autoresearch calls likely real
RESAMPLES = 200
MOST_AGAIN = 3  # further runs of one idea


def keep_if_lower(world: World, margin: float = 0.0) -> Outcome:
    """Upstream: a lower number is an improvement. With a margin, the predecessor's close-enough rule."""
    found = Outcome()
    best = world.run(START)
    while world.left > 0:
        effect = _idea(found, world)
        value = world.run(found.tip + effect)
        if value < best - margin:
            best = value
            found.tip += effect
            found.promote(found.tip)
        else:
            found.missed += effect < 0
    return found


def fixed_margin(world: World) -> Outcome:
    """The predecessor: lower by a fixed amount."""
    return keep_if_lower(world, MARGIN)


def gain_over_mad(world: World) -> Outcome:
    """pi-autoresearch: what is lower is kept; it is called likely real when the session's best gain is twice the median
    absolute deviation of all its results."""
    found = Outcome()
    baseline = best = world.run(START)
    seen = [baseline]
    while world.left > 0:
        effect = _idea(found, world)
        value = world.run(found.tip + effect)
        seen.append(value)
        if value < best:
            best = value
            found.tip += effect
            spread = median(abs(one - median(seen)) for one in seen)
            if spread > 0 and (baseline - best) / spread >= LIKELY:
                found.promote(found.tip)
        else:
            found.missed += effect < 0
    return found


def bootstrap(world: World, seeds: int = 3) -> Outcome:
    """Every idea with three seeds; better if 95 % of the bootstrapped means are lower than the champion's."""
    found, luck = Outcome(), random.Random(5)
    champion = [world.run(START) for _ in range(seeds)]
    while world.left >= seeds:
        effect = _idea(found, world)
        values = [world.run(found.tip + effect) for _ in range(seeds)]
        found.replicates += seeds - 1
        lower = sum(
            mean(luck.choices(values, k=seeds)) < mean(luck.choices(champion, k=seeds)) for _ in range(RESAMPLES)
        )
        if lower >= 0.95 * RESAMPLES:
            champion = values
            found.tip += effect
            found.promote(found.tip)
        else:
            found.missed += effect < 0
    return found


def packets(world: World, rules: Rules, follow: tuple[str, ...] = ("high",), size: int = WINDOW) -> Outcome:
    """Ours: what `log` decides, and what an agent does that follows the packets: it builds on the run that they name.
    `follow` are the priorities at which it replicates first, `size` the programs in a window."""
    loop = _Loop(world, rules, size)
    loop.run("program-0", None)
    at = 0
    while world.left > 0:
        at += 1
        loop.outcome.ideas += 1
        effect = world.idea()
        loop.outcome.gains += effect < 0
        name, base = f"program-{at}", loop.base
        loop.truth[name] = loop.truth[base] + effect
        run = loop.run(name, base)
        again = 0
        while world.left > 0 and again < MOST_AGAIN and _wants_more(run, follow):
            again += 1
            loop.outcome.replicates += 1
            run = loop.run(name, base)
        if loop.base != name:
            loop.outcome.missed += effect < 0
    loop.outcome.tip = loop.truth[loop.base]
    return loop.outcome


def _wants_more(run: Run, follow: tuple[str, ...]) -> bool:
    packet = run.decision_packet
    return packet is not None and packet.next_action == "replicate" and packet.priority in follow


class _Loop:
    """The ledger of a simulated loop, and the branch's tip."""

    def __init__(self, world: World, rules: Rules, size: int) -> None:
        self.world, self.races = world, Races(rules, size=size)
        self.truth = {"program-0": START}
        self.base = "program-0"
        self.runs = 0
        self.outcome = Outcome()
        self._champion = "program-0"

    def run(self, name: str, base: str | None) -> Run:
        """Run a program, log it, and keep or reset as its status says."""
        draft = msgspec.structs.replace(
            _BLANK, run_id=f"run-{self.runs}", commit=name, parent_commit=base,
            metrics={"val_bpb": self.world.run(self.truth[name])},
            change=Change(subject="train.py", blob=name, fingerprint=name),
        )  # fmt: skip
        run, found = decision.settle(draft, self.races)
        self.races.add(run)
        self.runs += 1
        assert found.after.leader is not None
        self.base = found.after.leader.sample.program  # the packet names it
        champion = found.after.champion
        if champion is not None and champion.sample.program != self._champion:
            # Back to an earlier one is no promotion.
            if found.is_champion:
                self.outcome.promote(self.truth[champion.sample.program])
            self._champion = champion.sample.program
            self.outcome.champion = self.truth[self._champion]
        return run


_BLANK = Run(
    writer="w", seq=1, run_id="run", timestamp_utc=None, branch=None, commit="", parent_commit=None, family="",
    status="keep", description="", hypothesis="", tags=[], notes="", metrics={}, error=None, artifacts={},
    novelty_guard=None, decision_packet=None, change=None, environment=None,
)  # fmt: skip


def _idea(found: Outcome, world: World) -> float:
    effect = world.idea()
    found.ideas += 1
    found.gains += effect < 0
    return effect


def all_of(rules: Rules) -> dict[str, Callable[[World], Outcome]]:
    """The policies by name."""
    return {
        "keep if lower": keep_if_lower,
        "lower by 0.0015": fixed_margin,
        "gain over MAD": gain_over_mad,
        "bootstrap, 3 seeds": bootstrap,
        "packets": lambda world: packets(world, rules),
        "packets, all replicated": lambda world: packets(world, rules, ("high", "medium")),
        "packets, no window": lambda world: packets(world, rules, size=10**9),
    }
