"""What past runs tell of an idea beyond the closest match: other directions, other values, and how old a failure is."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence

from msgspec import Struct

from memorylab.core import deadends, explain
from memorylab.core.aliases import BUILT_IN, Vocabulary
from memorylab.core.group import Group, group_of, is_measured
from memorylab.core.history import History, idea_of, name_of, read_history
from memorylab.core.moves import Move
from memorylab.core.novelty import Study
from memorylab.core.record import Direction, KnobHistory, Run, Tested, Trial
from memorylab.core.text import rough

MANY = 4  # kept runs since a failure that are worth a word
KNOBS = 4
TRIALS = 6


class Past(Struct, frozen=True):
    """Past runs that one may be compared with, in the order of the ledger, as the guard reads them, and how they are
    measured. `best` holds for each the best value that was kept before it in its comparison group, None without one,
    and `leading` the best in `current`, the group of the latest measured run; `kept` counts for each the runs that were
    kept after it. `look` gives the run at a place of the ledger."""

    runs: Sequence[Run]
    history: History
    metric: str
    direction: Direction
    best: Sequence[float | None]
    leading: float | None
    current: Group
    kept: Sequence[int]
    look: Callable[[int], Run]

    def delta(self, number: int) -> float | None:
        """A run's value minus the best before it; None if one of them was not measured."""
        value, before = self.runs[number].value(self.metric), self.best[number]
        return None if value is None or before is None else round(value - before, 9)

    def outcome(self, number: int) -> str:
        """What a run gave, in words: `lost 0.004`."""
        delta, run = self.delta(number), self.runs[number]
        if delta is None:
            return "crashed" if run.status == "crash" else f"was a {run.status}"
        better = delta < 0 if self.direction == "minimize" else delta > 0
        return f"{'gained' if better else 'lost'} {rough(abs(delta), 4)}"


class Results:
    """What the runs so far came to, told run by run: the best kept value of each comparison group, the group of the
    latest measured run, how many were kept."""

    def __init__(
        self,
        metric: str,
        direction: Direction,
        best: MutableMapping[Group, float] | None = None,
        current: Group | None = None,
        kept: int = 0,
    ) -> None:
        """The last three hold the state; by default no run has been."""
        self._metric, self._direction = metric, direction
        self.best: MutableMapping[Group, float] = {} if best is None else best
        self.current, self.kept = current or Group(), kept

    def follow(self, run: Run) -> float | None:
        """Go on to what holds after a run; the best before it in its group."""
        group, value = group_of(run), run.value(self._metric)
        before = self.best.get(group)
        self.kept += run.status == "keep"
        if value is not None and is_measured(run, self._metric):
            self.current = group
            if run.status == "keep":
                known = value if before is None else before
                self.best[group] = min(known, value) if self._direction == "minimize" else max(known, value)
        return before

    @property
    def leading(self) -> float | None:
        """The best in the current group."""
        return self.best.get(self.current)


def past(
    runs: Sequence[Run],
    metric: str,
    direction: Direction = "minimize",
    start: Mapping[str, str] | None = None,
    vocabulary: Vocabulary = BUILT_IN,
) -> Past:
    """All of a past, its runs in the order of the ledger; `start` and `vocabulary` are as in `novelty.relate`."""
    ideas = [(idea_of(run), run.status) for run in runs]
    history = read_history(ideas, [name_of(run) for run in runs], start, vocabulary)
    results = Results(metric, direction)
    before, through = [], []
    for run in runs:
        before.append(results.follow(run))
        through.append(results.kept)
    kept = [results.kept - count for count in through]
    current, leading = results.current, results.leading
    return Past(runs, history, metric, direction, before, leading, current, kept, runs.__getitem__)


def opposite(found: Study, past: Past) -> list[str]:
    """What the latest run that went the other way gave."""
    latest = next((at for at in reversed(range(len(past.runs))) if found.relations[at].kind == "opposite"), None)
    if latest is None:
        return []
    ours = {move.key: move.direction for move in found.moves}
    moves = [m for m in past.history.traces[latest].moves if m.direction * ours.get(m.key, 0) < 0]
    names = past.history.state.base.names
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
    state = past.history.state
    later = state.base.moved_since(found.moves, past.history.places[failed] + 1)
    if later is not None:
        keys = {move.key for move in found.moves}
        move = next(move for move in state.trace(later).moves if move.key in keys)
        knob, step = explain.knob_name(move, state.base.names), explain.step(move)
        return f"since that failure {knob} {step} was kept in {past.look(later).commit[:7]}".replace("  ", " ")
    before, now = past.best[failed], past.leading
    if before is None or now is None or abs(now - before) < deadends.FAR * abs(before):
        return ""
    return f"since that failure the champion moved from {rough(before, 6)} to {rough(now, 6)}"


def known(found: Study, past: Past) -> list[KnobHistory]:
    """What was tried of each knob that the idea turns: the latest trial of each value, in the order of the numbers."""
    histories: list[KnobHistory] = []
    for move in {move.key: move for move in reversed(found.moves[:KNOBS])}.values():
        tried: dict[str, tuple[Move, int]] = {}
        for at, trace in enumerate(past.history.traces):
            for theirs in trace.moves:
                if theirs.key == move.key:
                    goal = explain.goal(theirs)
                    tried.pop(goal, None)
                    tried[goal] = theirs, at
        trials = [(_rank(theirs), goal, at) for goal, (theirs, at) in list(tried.items())[-TRIALS:]]
        if trials:
            shown = [_trial(goal, past, at) for _, goal, at in sorted(trials)]
            name = explain.knob_name(move, past.history.state.base.names)
            histories.insert(0, KnobHistory(knob=name, trials=shown))
    return histories


def _rank(move: Move) -> tuple[bool, float]:
    return (False, move.new) if isinstance(move.new, float) else (True, 0.0)


def _trial(goal: str, past: Past, at: int) -> Trial:
    run = past.runs[at]
    return Trial(
        value=goal, run_id=run.run_id, status=run.status, result=run.value(past.metric), delta=past.delta(at),
        others=len(past.history.traces[at].moves) - 1,
    )  # fmt: skip
