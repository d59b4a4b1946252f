"""What the program had said of a generated run: verdict and decision packet, of the size and with the parts of real
ones. Commands read them and decide nothing by their words; to judge each run by the whole history would take days."""

from collections import deque
from random import Random

from benchmarks.scale.ideas import KNOBS, Idea
from memorylab.core.decision import number
from memorylab.core.group import group_of
from memorylab.core.record import (
    Classification,
    Comparison,
    KnobHistory,
    Match,
    NextAction,
    Packet,
    PacketNovelty,
    PacketRun,
    Policy,
    Run,
    Tested,
    Trial,
    Verdict,
)

TRIALS = 6
Past = dict[str, "deque[tuple[Run, str]]"]  # what an idea is about -> its latest runs, and the value that each set

_SAID = {
    "novel": ("caution", "Nothing like it was tried; exploit mode prefers what is known."),
    "known_success": ("allow", "Something like this worked before."),
    "incremental_followup": ("allow", "It follows up an earlier run."),
    "repeat_failure": ("block", "Something like this failed before."),
    "duplicate_run": ("block", "This was run before; the budget would buy nothing new."),
}


def verdict(idea: Idea | None, said: str, past: Past, random: Random) -> Verdict:
    """A verdict on an idea, by the latest runs about the same."""
    found = list(past[idea.key])[::-1] if idea else []
    matches = [_match(run, random.uniform(0.5, 1.0), idea) for run, _ in found[:5] if idea]
    kind: Classification = "novel"
    if idea is not None and matches:
        failed = matches[0].status != "keep"
        kind = "repeat_failure" if idea.repeats is not None and failed else "known_success" if not failed else "novel"
    known = []
    if idea is not None and idea.key in KNOBS:
        trials = [_trial(run, value) for run, value in found]
        known = [KnobHistory(knob=idea.key, trials=trials)] if trials else []
    counts = dict.fromkeys(("duplicate_run", "incremental_followup", "known_success", "repeat_failure"), 0)
    for match in matches:
        counts[match.category] += 1
    decision, rationale = _SAID[kind]
    return Verdict(
        classification=kind, probe_text=said, threshold=0.5, effective_threshold=0.5, match_count=len(matches),
        counts=counts, top_matches=matches, mode="exploit",
        policy=Policy(mode="exploit", decision=decision, rationale=rationale),  # type: ignore[arg-type]
        why=f"{matches[0].run_id} ({matches[0].status}): {matches[0].why}" if matches else "", known=known,
    )  # fmt: skip


def in_replicate(run: Run) -> Verdict:
    """The verdict on a further run of a commit."""
    decision, rationale = _SAID["duplicate_run"]
    match = Match(
        category="duplicate_run", score=1.0, run_id=run.run_id, commit=run.commit, family=run.family, status=run.status,
        value=run.value("val_bpb"), description=run.description, relation="same",
        why=f"the same program as in {run.commit[:7]}",
    )  # fmt: skip
    return Verdict(
        classification="duplicate_run", probe_text=run.description, threshold=0.5, effective_threshold=0.5,
        match_count=1, counts={"duplicate_run": 1}, top_matches=[match], mode="replicate",
        policy=Policy(mode="replicate", decision="allow", rationale=rationale),
    )  # fmt: skip


def packet(run: Run, base: Run | None) -> Packet:
    """The packet of a run beside the one that it is built on."""
    value, before = run.value("val_bpb"), base.value("val_bpb") if base else None
    delta = None if value is None or before is None else value - before
    leads = run.status == "keep"
    action: NextAction = "promote" if leads else "investigate_crash" if run.status == "crash" else "abandon"
    against = f", {delta:+.6f} to the champion's {number(before)}" if delta is not None else ""
    guard = run.novelty_guard
    return Packet(
        summary=f"{action.replace('_', ' ').capitalize()}: val_bpb {number(value)}{against}.", next_action=action,
        priority="high" if leads else "low", rationale="It ended where the noise of one run leaves little doubt.",
        hypothesis_status="not_stated" if not run.hypothesis else "supported" if leads else "unsupported",
        run=PacketRun(
            run_id=run.run_id, commit=run.commit, status=run.status, family=run.family, description=run.description,
            hypothesis=run.hypothesis, metric="val_bpb", value=value, memory_gb=None if value is None else 44.0,
        ),
        novelty=None if guard is None else PacketNovelty(
            classification=guard.classification, mode=guard.mode, policy_decision=guard.policy.decision,
            policy_rationale=guard.policy.rationale, top_match=guard.top_matches[0] if guard.top_matches else None,
        ),
        comparison=Comparison(
            metric="val_bpb", is_new_champion=leads, prior_champion_run_id=base.run_id if base else None,
            prior_champion_value=before, current_champion_run_id=run.run_id if leads else base.run_id if base else None,
            current_champion_value=value if leads else before, delta_to_prior_champion=delta,
            delta_to_current_champion=0.0 if leads else delta, group=group_of(run).label,
            probability=None if delta is None else 0.97 if leads else 0.11, noise=0.0008, noise_replicates=12,
            replicates=1, champion_replicates=1 if base else None, leader_run_id=base.run_id if base else None,
            leader_commit=base.commit if base else None,
        ),
        error=run.error,
    )  # fmt: skip


def _match(run: Run, score: float, idea: Idea) -> Match:
    kept = run.status == "keep"
    tested = Tested(
        base=run.parent_commit, group=group_of(run).label, replicates=1, champion_replicates=1, probability=0.11,
        strength=0.7,
    )  # fmt: skip
    return Match(
        category="known_success" if kept else "repeat_failure", score=round(score, 4), run_id=run.run_id,
        commit=run.commit, family=run.family, status=run.status, value=run.value("val_bpb"),
        description=run.description, relation="variant", why=f"{idea.key} in {run.commit[:7]} too",
        tested=None if kept else tested,
    )  # fmt: skip


def _trial(run: Run, value: str) -> Trial:
    found = run.value("val_bpb")
    delta = None if found is None else 0.004
    return Trial(value=value, run_id=run.run_id, status=run.status, result=found, delta=delta)
