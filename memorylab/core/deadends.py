"""How firmly a failed idea is closed, and which ones are worth another try.

A failure is evidence about the base that it was tried on, the group that it was measured in, and as firm as it was
tested. Of 129 repeats of failures in 40 public ledgers 7 % were kept when up to two runs had been kept in between, 15 %
when three to eleven had, 45 % when twelve or more had; 17 % where the first try had ended within 2 % of the best, 6 %
beyond.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from memorylab.core.record import Run, rounded
from memorylab.core.text import rough

if TYPE_CHECKING:  # `check` needs the strength alone, and not what a race imports
    from memorylab.core.entry import Entry
    from memorylab.core.race import Race

HALF_LIFE = 12  # kept runs after which a failure counts for half
WEAK = 0.5  # of this strength or less it does not block any more
FAR = 0.01  # of its value that the champion must move for a failure to be one on another base
PROMISING = 0.1  # the least probability of having been better than the champion that it met
SHOWN = 5


class DeadEnd(Struct, frozen=True, kw_only=True):
    """A discarded program, and what speaks for another try on the base as it is now. `probability` is that of having
    been better than the champion that it met, `strength` that of the case against it in [0, 1]."""

    run_id: str
    commit: str
    description: str
    runs: int
    probability: float
    strength: float
    why: str


def strength(probability: float | None, kept_since: int, moved: bool, elsewhere: bool) -> float:
    """How much a failure speaks against another try, in [0, 1].

    `probability` is that of having been better than the champion all the same (None: not known), `kept_since` how many
    runs were kept after it; `moved` says that the same knobs were turned since, or that the champion moved far,
    `elsewhere` that it was measured in another group.
    """
    firm = 1 - (probability or 0.0)
    halvings = kept_since / HALF_LIFE + moved + elsewhere
    return round(firm * math.pow(0.5, halvings), 4)


def worth_reopening(race: Race) -> tuple[DeadEnd, ...]:
    """The dead ends of a group that have weakened and were never hopeless, the most promising first."""
    found = [dead_end for _, dead_end in weighed(race, PROMISING) if dead_end.strength <= WEAK]
    return tuple(sorted(found, key=lambda one: -one.probability * (1 - one.strength))[:SHOWN])


def weighed(race: Race, least: float = 0.0) -> Iterator[tuple[Entry, DeadEnd]]:
    """The programs of a group that failed and did not come back, the latest first, each with how firmly it is closed;
    without those whose probability of having been better is below `least`."""
    kept_after: list[Run] = []
    now = race.champion
    for entry in reversed(list(race.entries.values())):
        first, last = entry.sample.runs[0], entry.sample.runs[-1]
        if entry.led or last.status == "keep":
            kept_after.append(first)
            continue
        probability = race.probability(entry)
        if probability is None or probability < least or _returned(first, kept_after):
            continue
        met = race.met(entry)
        if met is None or now is None:
            continue
        before, after = met.sample.mean, now.sample.mean
        knobs = _turned(first, kept_after)
        is_far = abs(after - before) >= FAR * abs(before)
        reasons = [f"{len(kept_after)} kept since"] if kept_after else []
        reasons += [f"{knob} {step} was kept in {commit}" for knob, step, commit in knobs[:2]]
        if is_far:
            reasons.append(f"the champion moved from {rough(before, 6)} to {rough(after, 6)}")
        if probability >= 0.5:
            reasons.append("what it lost to owed more to luck")
        yield entry, DeadEnd(
            run_id=first.run_id, commit=first.commit, description=first.description, runs=len(entry.sample.values),
            probability=rounded(probability), why="; ".join(reasons),
            strength=strength(probability, len(kept_after), bool(knobs) or is_far, elsewhere=False),
        )  # fmt: skip


def _turned(run: Run, later: Iterable[Run]) -> list[tuple[str, str, str]]:
    """The knobs of a run that were turned again by kept ones: name, step and commit."""
    ours = run.change.knobs if run.change else {}
    return [
        (name, f"{knob.old} → {knob.new}", other.commit[:7])
        for other in later
        if other.change
        for name, knob in other.change.knobs.items()
        if name in ours
    ]


def _returned(run: Run, later: Iterable[Run]) -> bool:
    """Whether the same change was kept after all."""
    ours = run.change.fingerprint if run.change else None
    return ours is not None and any(other.change and other.change.fingerprint == ours for other in later)
