"""Decision packets: what happened, what it means, what to do next."""

from collections.abc import Sequence

from memorylab.core import ranking
from memorylab.core.record import (
    Comparison,
    HypothesisStatus,
    NextAction,
    Packet,
    PacketNovelty,
    PacketRun,
    Priority,
    Run,
    Status,
)
from memorylab.core.summary import is_memory_error
from memorylab.core.text import cell

# How far from the champion still counts as close: 0.15 % of its value, which is 0.0015 bits per byte at upstream's
# 1.0. An assumption until the noise of a comparison group is measured.
CLOSE = 0.0015


def judge(run: Run, history: Sequence[Run], metric: str, direction: ranking.Direction) -> Status:
    """keep or discard for a run with a value: kept if it beats the champion, or if there is none to beat.

    The status tells the loop whether to reset the commit away, so a run that repeats a kept program is kept, whatever
    its luck this time. A run without a value is a crash.
    """
    value = run.value(metric)
    if value is None:
        return "crash"
    if any(past.status == "keep" and _is_same_program(run, past) for past in history):
        return "keep"
    leader = ranking.champion((past for past in history if past.status == "keep"), metric, direction, run)
    best = leader.value(metric) if leader else None
    return "keep" if best is None or (value < best if direction == "minimize" else value > best) else "discard"


def _is_same_program(run: Run, past: Run) -> bool:
    blobs = [found.change.blob if found.change else None for found in (run, past)]
    return blobs[0] == blobs[1] is not None or run.commit == past.commit


def compare(run: Run, history: Sequence[Run], metric: str, direction: ranking.Direction) -> Comparison:
    """The run beside the champion of the runs before it, and of those and itself."""
    prior = ranking.champion(history, metric, direction, run)
    current = ranking.champion([*history, run], metric, direction, run)
    value = run.value(metric)
    prior_value = prior.value(metric) if prior else None
    current_value = current.value(metric) if current else None
    return Comparison(
        metric=metric,
        is_new_champion=current is run,
        prior_champion_run_id=prior.run_id if prior else None,
        prior_champion_value=prior_value,
        current_champion_run_id=current.run_id if current else None,
        current_champion_value=current_value,
        delta_to_prior_champion=None if value is None or prior_value is None else value - prior_value,
        delta_to_current_champion=None if value is None or current_value is None else value - current_value,
    )


def decide(run: Run, history: Sequence[Run], metric: str, direction: ranking.Direction) -> Packet:
    """The packet of a run (verdict and error in place) against the runs before it."""
    comparison = compare(run, history, metric, direction)
    close = _is_close(comparison, direction)
    action, priority, rationale = _action(run, comparison, close)
    guard = run.novelty_guard
    return Packet(
        summary=_summary(run, action, comparison),
        next_action=action,
        priority=priority,
        rationale=rationale,
        hypothesis_status=_hypothesis(run, comparison, close),
        run=PacketRun(
            run_id=run.run_id, commit=run.commit, status=run.status, family=run.family, description=run.description,
            hypothesis=run.hypothesis, metric=metric, value=run.value(metric), memory_gb=ranking.memory_gb(run),
        ),
        novelty=None if guard is None else PacketNovelty(
            classification=guard.classification, mode=guard.mode, policy_decision=guard.policy.decision,
            policy_rationale=guard.policy.rationale, top_match=guard.top_matches[0] if guard.top_matches else None,
        ),
        comparison=comparison,
        error=run.error,
    )  # fmt: skip


def _is_close(comparison: Comparison, direction: ranking.Direction) -> bool:
    delta, best = comparison.delta_to_current_champion, comparison.current_champion_value
    if delta is None or best is None:
        return False
    return (delta if direction == "minimize" else -delta) <= CLOSE * abs(best)


def _action(run: Run, comparison: Comparison, close: bool) -> tuple[NextAction, Priority, str]:
    known = run.novelty_guard.classification if run.novelty_guard else "novel"
    if run.status == "crash":
        if run.error and is_memory_error(run.error.summary):
            return "fix_and_retry", "high", "It seems to have run out of memory: make it smaller."
        return "investigate_crash", "high", "It crashed before it could be measured."
    if run.status == "keep":
        if comparison.is_new_champion:
            return "promote", "high", "It is the new champion: branch from it."
        if known == "novel":
            return "replicate", "medium", "It was kept and nothing like it was tried: confirm it before building on it."
        if known == "duplicate_run":
            return "replicate", "medium", "It repeats an earlier run: best read as a check of that one."
        if close:
            return "branch_followup", "high", "It stayed close to the champion in a line that works."
        return "branch_followup", "medium", "It extends a line that works."
    if known == "repeat_failure":
        return "abandon", "low", "It had failed before, and failed again."
    if known == "duplicate_run":
        return "abandon", "low", "It repeats an earlier run and is no better."
    if close:
        return "retry", "medium", "It ended close to the champion: another seed or a smaller step may decide it."
    if known in ("incremental_followup", "known_success"):
        return "branch_followup", "medium", "This one failed, but its family has worked."
    return "abandon", "low", "It ended far from the champion, and nothing speaks for another try."


def _hypothesis(run: Run, comparison: Comparison, close: bool) -> HypothesisStatus:
    if not run.hypothesis:
        return "not_stated"
    if run.status == "crash":
        return "inconclusive"
    if run.status == "keep":
        return "supported" if comparison.is_new_champion else "mixed"
    return "mixed" if close else "unsupported"


def _summary(run: Run, action: NextAction, comparison: Comparison) -> str:
    value = run.value(comparison.metric)
    result = f"{comparison.metric} {number(value)}" if value is not None else "no result"
    against = (
        f"{signed(comparison.delta_to_current_champion)} to the champion"
        if comparison.delta_to_current_champion is not None
        else "no champion to compare with"
    )
    if action == "promote":
        before = comparison.delta_to_prior_champion
        gain = "the first champion" if before is None else f"{signed(before)} to the champion before it"
        return f"Promote: {result}, {gain}."
    if run.status == "crash":
        what = "Fix and retry" if action == "fix_and_retry" else "Investigate"
        return f"{what}: {run.error.summary if run.error else 'it crashed.'}"[:2000]
    verb = {"replicate": "Replicate", "branch_followup": "Branch from it", "retry": "Retry", "abandon": "Abandon"}
    return f"{verb[action]}: {result}, {against}."


def _standing(comparison: Comparison) -> str:
    """Where the result stands, to be appended to it."""
    if comparison.is_new_champion and comparison.delta_to_prior_champion is None:
        return ", the first champion"
    if comparison.is_new_champion:
        return f", {signed(comparison.delta_to_prior_champion)} to the champion before it"
    if comparison.delta_to_current_champion is None:
        return ""
    best = number(comparison.current_champion_value)
    return f", {signed(comparison.delta_to_current_champion)} to the champion's {best}"


def number(value: float | int | None, digits: int = 6) -> str:
    """A metric as people read it: six decimals as upstream prints val_bpb, "-" where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def signed(value: float | int | None) -> str:
    """A difference with its sign, "-" where there is none."""
    return "-" if value is None else f"{value:+.6f}"


def markdown(packet: Packet) -> str:
    """The packet as it stands under the commit in `git log`, and in decision_packet.md."""
    run = packet.run
    lines = [
        "# Decision packet",
        "",
        f"**{packet.next_action}** ({packet.priority}): {cell(packet.summary)}",
        "",
        f"- Why: {cell(packet.rationale)}",
        f"- Run: `{run.run_id}`, {run.status}, {cell(run.description)}",
        f"- Result: {cell(run.metric)} {number(run.value)}{_standing(packet.comparison)}",
        f"- Memory: {'-' if run.memory_gb is None else f'{run.memory_gb:.1f} GB'}",
    ]
    if run.family:
        lines.append(f"- Family: {cell(run.family)}")
    if run.hypothesis:
        lines.append(f"- Hypothesis: {cell(run.hypothesis)} ({packet.hypothesis_status})")
    if packet.novelty is not None:
        guard = packet.novelty
        lines.append(f"- Novelty: {guard.classification}, {guard.policy_decision} in {guard.mode} mode")
        if guard.top_match is not None:
            match = guard.top_match
            lines.append(f"- Closest earlier run: `{match.run_id}` ({match.score:.2f}), {cell(match.description)}")
    if packet.error is not None:
        lines.append(f"- Error: {cell(packet.error.summary)} (from {cell(packet.error.source)})")
    return "\n".join(lines) + "\n"
