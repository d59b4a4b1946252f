"""What past runs tell of an idea beyond the closest match: other directions, other values, and how old a failure is."""

from collections.abc import Sequence

from msgspec import Struct

from memorylab.core import deadends, explain
from memorylab.core.group import Group, group_of, is_measured, latest_group
from memorylab.core.moves import Move
from memorylab.core.novelty import History, Study
from memorylab.core.record import Direction, KnobHistory, Run, Tested, Trial

MANY = 4  # kept runs since a failure that are worth a word
KNOBS = 4
TRIALS = 6


class Past(Struct, frozen=True):
    """The runs so far, in the order of the ledger, as the guard reads them, and how they are measured. `best` holds for
    each the best value that was kept before it in its comparison group, None without one, and `leading` the best in
    `current`, the group of the latest measured run; `kept` counts for each the runs that were kept after it."""

    runs: Sequence[Run]
    history: History
    metric: str
    direction: Direction
    best: Sequence[float | None]
    leading: float | None
    current: Group
    kept: Sequence[int]

    def delta(self, at: int) -> float | None:
        """A run's value minus the best before it; None if one of them was not measured."""
        value, before = self.runs[at].value(self.metric), self.best[at]
        return None if value is None or before is None else round(value - before, 9)

    def outcome(self, at: int) -> str:
        """What a run gave, in words: `lost 0.004`."""
        delta, run = self.delta(at), self.runs[at]
        if delta is None:
            return "crashed" if run.status == "crash" else f"was a {run.status}"
        better = delta < 0 if self.direction == "minimize" else delta > 0
        return f"{'gained' if better else 'lost'} {abs(delta):.4g}"


def past(runs: Sequence[Run], history: History, metric: str, direction: Direction) -> Past:
    """The past of runs that were read."""
    best: dict[Group, float] = {}
    before: list[float | None] = []
    current = latest_group(runs, metric) or Group()
    for run in runs:
        group, value = group_of(run), run.value(metric)
        before.append(best.get(group))
        if value is not None and is_measured(run, metric) and run.status == "keep":
            known = best.get(group, value)
            best[group] = min(known, value) if direction == "minimize" else max(known, value)
    after, kept = 0, [0] * len(runs)
    for at in reversed(range(len(runs))):
        kept[at] = after
        after += runs[at].status == "keep"
    return Past(runs, history, metric, direction, before, best.get(current), current, kept)


def opposite(found: Study, past: Past) -> list[str]:
    """What the latest run that went the other way gave."""
    latest = next((at for at in reversed(range(len(past.runs))) if found.relations[at].kind == "opposite"), None)
    if latest is None:
        return []
    ours = {move.key: move.direction for move in found.moves}
    moves = [m for m in past.history.readings[latest] if m.direction * ours.get(m.key, 0) < 0]
    names = past.history.base.names
    what = f" ({explain.knob_name(moves[0], names)} {explain.step(moves[0])})" if moves else ""
    return [f"the other direction{what} {past.outcome(latest)} in {past.history.names[latest]}"]


def tested(found: Study, past: Past, at: int) -> tuple[Tested, str]:
    """How firmly the failure of run number `at` is closed, and what has weakened it, in words.

    The same program holds its base: only how and where it was measured counts then.
    """
    run = past.runs[at]
    packet = run.decision_packet.comparison if run.decision_packet else None
    probability = packet.probability if packet else None
    group = group_of(run)
    elsewhere = group != past.current and Group() not in (group, past.current)
    is_same = found.relations[at].same == 1.0
    moved, kept = ("", 0) if is_same else (moved_on(found, past, at), past.kept[at])
    left = deadends.strength(probability, kept, bool(moved), elsewhere)
    reasons = [moved] if moved else []
    if kept >= MANY and not moved:
        reasons.append(f"{kept} runs kept since that failure")
    if elsewhere:
        reasons.append(f"it failed in another group ({group.label})")
    if probability and not reasons:
        reasons.append(f"it was left open, better with probability {probability:.2f}")
    return Tested(
        base=run.parent_commit, group=group.label, replicates=packet.replicates if packet else None,
        champion_replicates=packet.champion_replicates if packet else None, probability=probability, strength=left,
    ), "; ".join(reasons)  # fmt: skip


def moved_on(found: Study, past: Past, failed: int) -> str:
    """What moved the base after run number `failed`: a kept run that turned the same knob, or a far better champion."""
    later = past.history.base.moved_since(found.moves, failed + 1)
    if later is not None:
        keys = {move.key for move in found.moves}
        move = next(move for move in past.history.readings[later] if move.key in keys)
        knob, step = explain.knob_name(move, past.history.base.names), explain.step(move)
        return f"since that failure {knob} {step} was kept in {past.runs[later].commit[:7]}".replace("  ", " ")
    before, now = past.best[failed], past.leading
    if before is None or now is None or abs(now - before) < deadends.FAR * abs(before):
        return ""
    return f"since that failure the champion moved from {before:.6g} to {now:.6g}"


def known(found: Study, past: Past) -> list[KnobHistory]:
    """What was tried of each knob that the idea turns: the latest trial of each value, in the order of the numbers."""
    histories: list[KnobHistory] = []
    for move in {move.key: move for move in reversed(found.moves[:KNOBS])}.values():
        tried: dict[str, tuple[Move, int]] = {}
        for at, moves in enumerate(past.history.readings):
            for theirs in moves:
                if theirs.key == move.key:
                    goal = explain.goal(theirs)
                    tried.pop(goal, None)
                    tried[goal] = theirs, at
        trials = [(_rank(theirs), goal, at) for goal, (theirs, at) in list(tried.items())[-TRIALS:]]
        if trials:
            shown = [_trial(goal, past, at, len(past.history.readings[at]) - 1) for _, goal, at in sorted(trials)]
            histories.insert(0, KnobHistory(knob=explain.knob_name(move, past.history.base.names), trials=shown))
    return histories


def _rank(move: Move) -> tuple[bool, float]:
    return (False, move.new) if isinstance(move.new, float) else (True, 0.0)


def _trial(goal: str, past: Past, at: int, others: int) -> Trial:
    run = past.runs[at]
    return Trial(
        value=goal, run_id=run.run_id, status=run.status, result=run.value(past.metric), delta=past.delta(at),
        others=others,
    )  # fmt: skip
