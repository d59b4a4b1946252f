"""Decision packets: what happened, what it means, what to do next."""

from msgspec.structs import replace

from memorylab.core import race, ranking
from memorylab.core.entry import Entry
from memorylab.core.group import group_of
from memorylab.core.noise import basis
from memorylab.core.races import Races
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
    rounded,
)
from memorylab.core.summary import is_memory_error
from memorylab.core.text import cell, count, number, rough

# A discarded run that is better than the champion with this probability or more ended within the noise of it: it is
# worth another try, as published. About the share of changes that help at all, so nothing was learned against it.
CLOSE = 0.2

# One program in so many is run again at once, where the gain is within the noise: it measures luck, which all later
# decisions rest on. More would cost more ideas than it saves (benchmarks/decisions).
PER_REPLICATE = 50


class Evidence:
    """What a run's group looks like without the run and with it, and where the run stands in it."""

    def __init__(self, run: Run, races: Races) -> None:
        group = group_of(run)
        if run.environment is None and run.value(races.rules.metric) is None:
            # A crash may not get as far as to say where it ran.
            group = races.latest or group
        self.group, self.rules = group, races.rules
        self.before, self.after = races.race(group), races.also(run).race(group)
        # What the loop goes on from, as the status has it: this program, or the one before it (None: not known).
        programs = races.programs.ahead()
        self.program, self.base = programs.add(run), programs.base(run)
        self.own = self.after.entries.get(self.program)
        self.earlier = self.before.entries.get(self.program)
        self.prior, self.current = self.before.champion, self.after.champion
        self.is_champion = self.current is not None and self.current is self.own
        self.was_champion = self.prior is not None and self.prior.sample.program == self.program
        # The champion before it, on all evidence; for the champion itself the one that it took the lead from.
        self.rival: Entry | None = None
        if self.own is not None and self.prior is not None:
            now = self.after.entries.get(self.prior.sample.program, self.prior)
            self.rival = self.after.met(self.own) if self.was_champion else now

    @property
    def is_further(self) -> bool:
        """Whether its program had been measured before."""
        return self.own is not None and len(self.own.sample.runs) > 1

    @property
    def probability(self) -> float | None:
        return self.after.probability(self.own, self.rival) if self.own and self.rival else None


def settle(run: Run, races: Races, status: Status | None = None) -> tuple[Run, Evidence]:
    """The run with its status (as given, else judged) and its packet, and what both rest on: the races before it."""
    run = replace(run, status=status or ("crash" if run.value(races.rules.metric) is None else "keep"))
    found = Evidence(run, races)
    if status is None and run.status == "keep" and not _stays(found):
        run = replace(run, status="discard")
        if found.is_further:  # a further discard may end what the earlier runs of the program had won
            found = Evidence(run, races)
    return replace(run, decision_packet=_packet(run, found)), found


def judge(run: Run, races: Races) -> Status:
    """keep or discard for a run with a value: kept if its program is expected to be better than the one that leads its
    group, or if there is none. A run without a value is a crash."""
    return settle(run, races)[0].status


def decide(run: Run, races: Races) -> Packet:
    """The packet of a run (verdict and error in place) after the runs before it, on all evidence of its program."""
    return _packet(run, Evidence(run, races))


def _stays(found: Evidence) -> bool:
    """The status tells the loop whether to reset the commit away. So a program that was kept stays kept whatever its
    luck this time, unless all its runs together say that it never was ahead."""
    if found.own is None:
        return False
    had_led = found.earlier is not None and found.earlier.led
    was_kept = found.is_further and found.own.sample.runs[-2].status == "keep"
    return found.own.led or was_kept and not had_led


def _packet(run: Run, found: Evidence) -> Packet:
    comparison = _comparison(run, found)
    action, priority, rationale = _action(run, found, comparison)
    leader, here = found.after.leader, found.program if run.status == "keep" else found.base
    if leader is not None and here is not None and leader.sample.program != here:
        rationale += f" Build on {leader.sample.runs[0].commit[:7]}, which leads."
    guard = run.novelty_guard
    return Packet(
        summary=_summary(run, found, action, comparison),
        next_action=action,
        priority=priority,
        rationale=rationale,
        hypothesis_status=_hypothesis(run, found, comparison),
        run=PacketRun(
            run_id=run.run_id, commit=run.commit, status=run.status, family=run.family, description=run.description,
            hypothesis=run.hypothesis, metric=comparison.metric, value=run.value(comparison.metric),
            memory_gb=ranking.memory_gb(run),
        ),
        novelty=None if guard is None else PacketNovelty(
            classification=guard.classification, mode=guard.mode, policy_decision=guard.policy.decision,
            policy_rationale=guard.policy.rationale, top_match=guard.top_matches[0] if guard.top_matches else None,
        ),
        comparison=comparison,
        error=run.error,
    )  # fmt: skip


def _comparison(run: Run, found: Evidence) -> Comparison:
    own, prior, current, noise = found.own, found.prior, found.current, found.after.noise
    leader = found.after.leader.sample.runs[0] if found.after.leader else None
    value, probability = run.value(found.rules.metric), found.probability
    mean = own.sample.mean if own else None
    # A further run of the champion is set against those before it.
    beside = value if found.was_champion else mean
    return Comparison(
        metric=found.rules.metric,
        is_new_champion=found.is_champion and not found.was_champion,
        prior_champion_run_id=prior.sample.runs[0].run_id if prior else None,
        prior_champion_value=prior.sample.mean if prior else None,
        current_champion_run_id=current.sample.runs[0].run_id if current else None,
        current_champion_value=current.sample.mean if current else None,
        delta_to_prior_champion=None if beside is None or prior is None else beside - prior.sample.mean,
        delta_to_current_champion=None if mean is None or current is None else mean - current.sample.mean,
        group=found.group.label,
        probability=None if probability is None else rounded(probability),
        noise=rounded(noise.sd) if found.after.entries else None,
        noise_replicates=noise.replicates,
        replicates=len(own.sample.values) if own else None,
        champion_replicates=len(found.rival.sample.values) if found.rival else None,
        seeds_needed=found.after.seeds(own, found.rival) if own and found.rival else None,
        leader_run_id=leader.run_id if leader else None,
        leader_commit=leader.commit if leader else None,
    )


def _action(run: Run, found: Evidence, comparison: Comparison) -> tuple[NextAction, Priority, str]:
    known = run.novelty_guard.classification if run.novelty_guard else "novel"
    probability = comparison.probability
    likely = probability is not None and probability >= CLOSE
    surely = probability is not None and probability >= found.rules.promote
    if run.status == "crash":
        if run.error and is_memory_error(run.error.summary):
            return "fix_and_retry", "high", "It seems to have run out of memory: make it smaller."
        return "investigate_crash", "high", "It crashed before it could be measured."
    had_led = found.earlier is not None and found.earlier.led
    if had_led and not (found.own and found.own.led) and not found.is_champion:
        return "abandon", "medium", "On more evidence it is not ahead of what came before it: go back to that."
    if run.status == "keep":
        if comparison.is_new_champion:
            if found.rival is None:
                return "promote", "high", "It is the first champion of its group: branch from it."
            return "promote", "high", "It is truly better than the champion: branch from it."
        if found.is_champion:
            return "branch_followup", "high", "It is the champion still, on more evidence: build on it."
        if found.own is not None and found.own.led:
            return _replicate(found, comparison)
        if known == "novel":
            return "replicate", "medium", "It was kept and nothing like it was tried: confirm it before building on it."
        if known == "duplicate_run":
            return "replicate", "medium", "It repeats an earlier run: best read as a check of that one."
        if likely:
            return "branch_followup", "high", "It stayed close to the champion in a line that works."
        return "branch_followup", "medium", "It extends a line that works."
    if surely:
        return "retry", "high", "It is better than the champion, but was discarded: restore it, or say why not."
    if known == "repeat_failure":
        return "abandon", "low", "It had failed before, and failed again."
    if known == "duplicate_run":
        return "abandon", "low", "It repeats an earlier run and is no better."
    delta = comparison.delta_to_current_champion
    if delta is not None and found.rules.oriented(delta) < 0:
        return (
            "replicate",
            "medium",
            "It is ahead by less than luck explains, so it was not kept: replicate it to know.",
        )
    if likely:
        return "retry", "medium", "It ended within the noise of the champion: another seed or a smaller step may tell."
    if known in ("incremental_followup", "known_success"):
        return "branch_followup", "medium", "This one failed, but its family has worked."
    return "abandon", "low", "It ended far from the champion, and nothing speaks for another try."


def _replicate(found: Evidence, comparison: Comparison) -> tuple[NextAction, Priority, str]:
    """For what leads without being sure: now, or along the way."""
    if found.after.noise.replicates < len(found.after.entries) // PER_REPLICATE:
        return "replicate", "high", "It is ahead, but luck has hardly been measured here: run it with another seed."
    return (
        "replicate", "medium",
        "It is ahead within the noise: build on it, the gains add up to a promotion; or replicate it to know.",
    )  # fmt: skip


def _hypothesis(run: Run, found: Evidence, comparison: Comparison) -> HypothesisStatus:
    """By the rule of the promotion: supported above the wanted probability, unsupported below one minus it; between
    them mixed, if it was replicated and is open all the same."""
    if not run.hypothesis:
        return "not_stated"
    if run.status == "crash" or comparison.probability is None:
        return "inconclusive"
    if comparison.probability >= found.rules.promote:
        return "supported"
    if comparison.probability <= 1 - found.rules.promote:
        return "unsupported"
    return "mixed" if (comparison.replicates or 0) > 1 else "inconclusive"


def _summary(run: Run, found: Evidence, action: NextAction, comparison: Comparison) -> str:
    value = run.value(comparison.metric)
    if run.status == "crash":
        what = "Fix and retry" if action == "fix_and_retry" else "Investigate"
        return f"{what}: {run.error.summary if run.error else 'it crashed.'}"[:2000]
    result = f"{comparison.metric} {_value(value, comparison)}" if value is not None else "no result"
    names = {"replicate": "Replicate", "branch_followup": "Branch from it", "retry": "Retry", "abandon": "Abandon"}
    said = f"{names.get(action, 'Promote')}: {result}{_standing(comparison)}"
    if comparison.probability is not None:
        said += f"; {odds(comparison)}"
        if action in ("replicate", "retry") and not found.after.decided(comparison.probability):
            seeds = comparison.seeds_needed
            more = f"{count(seeds, 'more run')} should decide" if seeds else f"{race.MOST_SEEDS} more would not decide"
            said += f"; {more}"
    return said + "."


def chance(probability: float) -> str:
    """A probability without the pretence of certainty."""
    return ">0.99" if probability > 0.99 else "<0.01" if probability < 0.01 else f"{probability:.2f}"


def odds(comparison: Comparison) -> str:
    """How likely it is better, and on what: `better with probability 0.81 (1 run against 2, noise 0.0030 assumed)`."""
    probability, noise, based = comparison.probability, comparison.noise, comparison.noise_replicates
    if probability is None or noise is None:
        return ""
    runs = f"{count(comparison.replicates or 0, 'run')} against {comparison.champion_replicates or 0}"
    return f"better with probability {chance(probability)} ({runs}, noise {rough(noise)} {basis(based or 0)})"


def _value(value: float | int | None, comparison: Comparison) -> str:
    """What the run measured, and the mean of its program's runs if it is not the only one."""
    runs, delta, best = comparison.replicates, comparison.delta_to_current_champion, comparison.current_champion_value
    if not runs or runs < 2 or delta is None or best is None:
        return number(value)
    return f"{number(value)} (mean of {runs} runs {number(best + delta)})"


def _standing(comparison: Comparison) -> str:
    """Where the result stands, to be appended to it."""
    if comparison.is_new_champion and comparison.prior_champion_run_id is None:
        return ", the first champion"
    if comparison.is_new_champion:
        return (
            f", {signed(comparison.delta_to_prior_champion, comparison.prior_champion_value)} to the champion before it"
        )
    if comparison.delta_to_current_champion is None:
        return ""
    if comparison.delta_to_current_champion == 0.0 and (comparison.probability or 1.0) > 0.5:
        return ", the champion"  # and not another program with the same value, which is likely worse
    best = number(comparison.current_champion_value)
    delta = signed(comparison.delta_to_current_champion, comparison.current_champion_value)
    return f", {delta} to the champion's {best}"


def signed(value: float | int | None, scale: float | int | None) -> str:
    """A difference with its sign, "-" where there is none, to as many decimals as what it is a difference to."""
    return number(value, scale, "+")


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
        f"- Result: {cell(run.metric)} {_value(run.value, packet.comparison)}{_standing(packet.comparison)}",
    ]
    if run.memory_gb is not None:
        lines.append(f"- Memory: {run.memory_gb:.1f} GB")
    if said := odds(packet.comparison):
        lines.append(f"- Evidence: {said}, in the group {cell(packet.comparison.group)}")
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
