"""check: is this idea new, and may it be tried in this mode?"""

from collections.abc import Mapping
from typing import Any

import msgspec

from memorylab.commands import experiment
from memorylab.commands.session import Session
from memorylab.core import claims
from memorylab.core.history import Idea
from memorylab.core.record import Claim, Holder, Match, Mode, Plan, Trial, Verdict
from memorylab.core.text import count, inline, number, shorten
from memorylab.core.verdict import judge, with_claims
from memorylab.store import git

PATIENCE = 10.0  # seconds that a plan waits for another writer: a commit should not hang for longer


def check(
    session: Session, said: Mapping[str, Any], mode: Mode | None, threshold: float | None, limit: int, record: bool
) -> Verdict:
    """Judge what was said (None is not said) and, of what was not, what the repository tells; with `record` HEAD, and
    keep the verdict as its plan. A description alone is judged by its words: no code goes with it yet."""
    given = {name: value for name, value in said.items() if value is not None}
    if "description" in given and not record:
        texts: dict[str, Any] = {name: inline(given.get(name, "")) for name in ("description", "hypothesis", "family")}
        return verdict(session, Idea(**texts, tags=tuple(given.get("tags", ()))), mode, threshold, limit)
    found = experiment.of_commit(session) if record else from_repository(session)
    found = msgspec.structs.replace(found, **given)
    judged = verdict(session, idea_of(found), mode or found.mode, threshold, limit)
    if record:
        record_plan(session, found, judged)
    return judged


def verdict(session: Session, idea: Idea, mode: Mode | None, threshold: float | None, limit: int) -> Verdict:
    """What the history says of an idea."""
    threshold = session.settings.threshold if threshold is None else threshold
    past = session.recall.past(idea, limit)
    return with_others(session, idea, judge(idea, past, mode or session.settings.mode, threshold, limit))


def with_others(session: Session, idea: Idea, judged: Verdict) -> Verdict:
    """A verdict that knows who else is about to try the idea."""
    others = [one for one in open_claims(session) if not is_ours(session, one)]
    return with_claims(judged, [claims.holder(one) for one in claims_on(session, idea, others)])


def open_claims(session: Session) -> list[Claim]:
    """The claims that stand now, of all writers, the oldest first."""
    return claims.standing(session.recall.claims(session.now), session.now)


def claims_on(session: Session, idea: Idea, among: list[Claim]) -> list[Claim]:
    """The claims on the same idea."""
    settings = session.settings
    return claims.same(idea, among, settings.threshold, _base(session, idea), settings.vocabulary) if among else []


def is_ours(session: Session, claim: Claim) -> bool:
    """Whether a claim was made in this working tree: others of the same clone are others."""
    return claim.writer == session.writer and claim.worktree == session.place.worktree


def who(holder: Holder) -> str:
    """Whose claim it is, and until when."""
    return f"claimed by {inline(whose(holder))} until {clock(holder.expires_utc)}"


def whose(holder: Holder) -> str:
    """The writer, and the worktree if it is not the main one."""
    return f"{holder.writer}/{holder.worktree}" if holder.worktree else holder.writer


def clock(time: str | None) -> str:
    """A time to the minute."""
    return f"{(time or '')[:16].replace('T', ' ')} UTC"


def _base(session: Session, idea: Idea) -> dict[str, str] | None:
    """The subject's constants where an idea starts from: HEAD's, without what the idea's own code has set there."""
    now = experiment.constants_now(session)
    if now is None:
        return session.starting_values()
    before = {name: knob.old for name, knob in idea.change.knobs.items()} if idea.change else {}
    return {name: value for name, value in (now | before).items() if value is not None}


def from_repository(session: Session) -> experiment.Experiment:
    """What is about to be tried when nobody says: the working tree's change, else HEAD's."""
    return experiment.of_working_tree(session) or experiment.of_commit(session)


def idea_of(found: experiment.Experiment) -> Idea:
    """An experiment as the guard compares it."""
    return Idea(
        description=inline(found.description),
        hypothesis=inline(found.hypothesis),
        family=inline(found.family),
        tags=tuple(found.tags),
        change=found.change,
    )


def record_plan(session: Session, found: experiment.Experiment, judged: Verdict, patience: float = PATIENCE) -> None:
    """Store the verdict on a commit before its result is known, which also pins the commit.

    Raises StoreBusy if another process writes for longer than `patience` seconds.
    """
    from memorylab.ledger import new_id, timestamp  # a verdict alone needs no libgit2

    commit = found.commit
    plan = Plan(
        writer="_", seq=1, id=new_id(session.now, commit.oid), timestamp_utc=timestamp(session.now),
        branch=git.branch(session.place), commit=commit.oid,
        parent_commit=commit.parents[0] if commit.parents else None,
        family=inline(found.family), description=inline(found.description), hypothesis=inline(found.hypothesis),
        tags=found.tags, novelty_guard=judged, change=found.change,
    )  # fmt: skip
    session.ledger.append(session.now, [(commit.oid, plan)], seconds=patience)


def headline(judged: Verdict) -> str:
    """The verdict in one line."""
    reason = f" ({judged.why})" if judged.why else ""
    return f"{judged.classification} -> {judged.policy.decision} ({judged.mode}): {judged.policy.rationale}{reason}"


def render(judged: Verdict) -> str:
    """The verdict with its evidence, for a terminal."""
    lines = [headline(judged)]
    for match in judged.top_matches:
        value = number(match.value) if match.value is not None else "-"
        lines.append(
            f"  {match.score:.2f} {match.category}: {match.status} {value} {shorten(inline(match.description), 100)}"
            f"\n       {match.run_id}" + (f": {match.why}" if match.why else "") + _closed(match)
        )
    if not judged.top_matches:
        lines.append("  No earlier run comes close.")
    elif judged.match_count > len(judged.top_matches):
        lines.append(f"  {judged.match_count - len(judged.top_matches)} more; --limit shows them.")
    lines += [f"  {who(one)}: {shorten(inline(one.description), 100)}" for one in judged.claimed]
    lines += [f"  {inline(knob.knob)} before: {', '.join(map(_trial, knob.trials))}" for knob in judged.known]
    return "\n".join(lines)


def _closed(match: Match) -> str:
    """How firmly a failure is closed: `; strength 0.70 after 1 run against 3`."""
    found = match.tested
    if found is None:
        return ""
    after = ""
    if found.replicates and found.champion_replicates:
        after = f" after {count(found.replicates, 'run')} against {found.champion_replicates}"
    return f"; strength {found.strength:.2f}{after}"


def _trial(trial: Trial) -> str:
    """What a value gave: `0.06 keep 1.220100 (-0.004000)`."""
    result = f" {number(trial.result)}" if trial.result is not None else ""
    against = f" ({number(trial.delta, trial.result, '+')})" if trial.delta is not None else ""
    return f"{inline(trial.value)} {trial.status}{result}{against}"
