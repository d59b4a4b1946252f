"""What past runs tell of an idea beyond the closest match: other directions, other values, and how old a failure is."""

from collections.abc import Sequence

from msgspec import Struct

from memorylab.core import explain, ranking
from memorylab.core.moves import Move
from memorylab.core.novelty import History, Study
from memorylab.core.record import KnobHistory, Run, Trial

# So far the champion has moved when a failure is read as one on another base. Of the repeats of failures in 40 public
# ledgers 13 of the 65 that are stale by this and by moved knobs were kept, 8 of the 64 others
# (benchmarks/novelty/stale.py).
FAR = 0.01  # of the champion's value
KNOBS = 4
TRIALS = 6


class Past(Struct, frozen=True):
    """The runs so far, in the order of the ledger, as the guard reads them, and how they are measured."""

    runs: Sequence[Run]
    history: History
    metric: str
    direction: ranking.Direction

    def champion_before(self, at: int, like: Run) -> float | None:
        """The champion's value before run number `at`, among what is comparable with `like`; None without one."""
        best = ranking.champion((r for r in self.runs[:at] if r.status == "keep"), self.metric, self.direction, like)
        return best.value(self.metric) if best else None

    def delta(self, at: int) -> float | None:
        """A run's value minus the champion's before it; None if one of them was not measured."""
        value = self.runs[at].value(self.metric)
        before = None if value is None else self.champion_before(at, self.runs[at])
        return None if value is None or before is None else round(value - before, 9)

    def outcome(self, at: int) -> str:
        """What a run gave, in words: `lost 0.004`."""
        delta, run = self.delta(at), self.runs[at]
        if delta is None:
            return "crashed" if run.status == "crash" else f"was a {run.status}"
        better = delta < 0 if self.direction == "minimize" else delta > 0
        return f"{'gained' if better else 'lost'} {abs(delta):.4g}"


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


def moved_on(found: Study, past: Past, failed: int) -> str:
    """What moved the base after run number `failed`: a kept run that turned the same knob, or a far better champion."""
    later = past.history.base.moved_since(found.moves, failed + 1)
    if later is not None:
        keys = {move.key for move in found.moves}
        move = next(move for move in past.history.readings[later] if move.key in keys)
        knob, step = explain.knob_name(move, past.history.base.names), explain.step(move)
        return f"since that failure {knob} {step} was kept in {past.runs[later].commit[:7]}".replace("  ", " ")
    run = past.runs[failed]
    before, now = past.champion_before(failed, run), past.champion_before(len(past.runs), run)
    if before is None or now is None or abs(now - before) < FAR * abs(before):
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
