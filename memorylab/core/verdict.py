"""The guard: what the history says of an idea, and what the mode makes of that."""

from collections.abc import Sequence

from msgspec.structs import replace

from memorylab.core import evidence, explain, reading, similarity
from memorylab.core.deadends import WEAK
from memorylab.core.evidence import Past
from memorylab.core.history import Idea
from memorylab.core.novelty import DUPLICATE, Relation, Study, study
from memorylab.core.record import (
    DEFAULT_THRESHOLD,
    Classification,
    Decision,
    Holder,
    Match,
    Mode,
    Policy,
    Run,
    Verdict,
)
from memorylab.core.tokens import equal

DEFAULT_LIMIT = 3
MAX_WHY = 4_000  # characters
ADJUSTMENT: dict[Mode, float] = {"explore": -0.05, "exploit": 0.0, "replicate": -0.08}  # as published
SAME_FAMILY = 0.08  # a family is the author's own word for "this belongs together": its runs match a little earlier

# Another value of what was kept follows it up, though it is not the same; a likely variant (0.95) then scores 0.67.
FOLLOWS = 0.7
CLEARLY = 0.2  # so much closer, a match of a lower kind outweighs one of a higher

# Highest first; what is novel has no match.
PRIORITY: tuple[Classification, ...] = ("duplicate_run", "repeat_failure", "incremental_followup", "known_success")

POLICY: dict[Mode, dict[Classification, tuple[Decision, str]]] = {
    "explore": {
        "novel": ("allow", "New ground is what exploring is for."),
        "duplicate_run": ("block", "This was run before; exploring means something else."),
        "repeat_failure": ("block", "This failed before; exploring means something else."),
        "incremental_followup": ("block", "This refines a known line; exploring means another one."),
        "known_success": ("block", "This is known to work; exploring means something not known."),
    },
    "exploit": {
        "novel": ("caution", "Nothing in the history supports this yet."),
        "duplicate_run": ("block", "This was run before; the budget would buy nothing new."),
        "repeat_failure": ("block", "This failed before; say what is different now, or leave it."),
        "incremental_followup": ("allow", "This builds on a run that was kept."),
        "known_success": ("allow", "Something like this worked before."),
    },
    "replicate": {
        "novel": ("block", "There is no earlier run to replicate."),
        "duplicate_run": ("allow", "This repeats an earlier run, as intended."),
        "repeat_failure": ("block", "The earlier run failed; there is no success to confirm."),
        "incremental_followup": ("allow", "This is close to a run that was kept."),
        "known_success": ("allow", "This is close to a known success."),
    },
}
# A failure is evidence about the base that it was tried on.
STALE = "This failed on another base; it may be worth a second try."


def judge(
    planned: Idea,
    past: Past,
    mode: Mode,
    threshold: float = DEFAULT_THRESHOLD,
    limit: int = DEFAULT_LIMIT,
    found: Study | None = None,
) -> Verdict:
    """The verdict on an idea; `found` is how it stands to each run of the past, if that is known already.

    `threshold` in [0, 1] is the score from which a run matches, before the adjustment for the mode; at most `limit`
    matches are shown, best first, the later run first where scores are equal.
    """
    found = found or study(planned, past.history)
    effective = round(min(0.99, max(0.0, threshold + ADJUSTMENT[mode])), 4)
    ranked = _ranked(planned, past, found, effective)
    matches = [match for _, match in ranked]
    decisive, outweighed = _decisive(matches)
    classification: Classification = decisive.category if decisive else "novel"
    stale = _stale(found, past, ranked, decisive)
    grounds = ["no earlier run is close enough"]
    if decisive is not None:
        grounds = [f"{decisive.run_id} ({decisive.status}): {decisive.why}"]
    if stale:
        grounds.append(stale)
    if outweighed is not None:
        grounds.append(f"clearly closer than {outweighed.run_id} ({outweighed.category})")
    if decisive is None or decisive.category != "duplicate_run":
        grounds += evidence.opposite(found, past)
    grounds += _disagreement(planned, past)
    return Verdict(
        classification=classification,
        probe_text=probe_text(planned),
        threshold=threshold,
        effective_threshold=effective,
        match_count=len(matches),
        counts={category: sum(match.category == category for match in matches) for category in sorted(PRIORITY)},
        top_matches=matches[: max(0, limit)],
        mode=mode,
        policy=evaluate_policy(classification, mode, bool(stale)),
        why="; ".join(grounds)[:MAX_WHY],
        known=evidence.known(found, past),
        stale=stale,
    )


def evaluate_policy(classification: Classification, mode: Mode, stale: bool = False) -> Policy:
    """What the mode makes of a classification; `stale` says that the failure behind it was on another base.

    A stale failure weakens a block to caution, but not in replicate mode: it is still no success to confirm.
    """
    decision, rationale = POLICY[mode][classification]
    if stale and decision == "block" and mode != "replicate":
        decision, rationale = "caution", STALE
    return Policy(mode=mode, decision=decision, rationale=rationale)


def in_mode(verdict: Verdict, mode: Mode) -> Verdict:
    """The same evidence, judged in another mode."""
    judged = replace(verdict, mode=mode, policy=evaluate_policy(verdict.classification, mode, bool(verdict.stale)))
    return with_claims(judged, verdict.claimed)


def with_claims(verdict: Verdict, claimed: list[Holder]) -> Verdict:
    """The verdict where others are about to try the same, which blocks it unless a repetition is wanted."""
    if not claimed:
        return verdict
    policy = verdict.policy
    if verdict.mode != "replicate":
        policy = replace(policy, decision="block", rationale="Somebody else is about to try this; take another idea.")
    return replace(verdict, policy=policy, claimed=claimed)


def how_new(found: Study) -> float:
    """How new an idea is, in [0, 1]: 1 minus the best score that any past run gets, whatever became of it."""
    return round(1 - max((max(r.same, FOLLOWS * r.related) for r in found.relations), default=0.0), 4)


def probe_text(idea: Idea) -> str:
    """All the words of an idea, as the verdict keeps them."""
    return " ".join(part for part in (idea.description, idea.hypothesis, idea.family, *idea.tags) if part)[:80_000]


def _ranked(planned: Idea, past: Past, found: Study, effective: float) -> list[tuple[int, Match]]:
    """The runs that match, best first, each with its place in the ledger."""
    ranked: list[tuple[float, int, Match]] = []
    for at, (run, relation) in enumerate(zip(past.runs, found.relations, strict=True)):
        related = bool(run.family) and run.family.casefold() == planned.family.casefold()
        score = _score(relation, run)
        if relation.kind != "opposite" and score > 0 and score >= effective - (SAME_FAMILY if related else 0.0):
            match = _match(run, relation, score, related, past.metric)
            if run.status != "keep":
                match = replace(match, tested=evidence.tested(found, past, at)[0])
            ranked.append((score, at, match))
    ranked.sort(key=lambda entry: (-entry[0], -entry[1]))
    return [(at, match) for _, at, match in ranked]


def _score(relation: Relation, run: Run) -> float:
    """How far a run speaks to the idea, in [0, 1].

    A failure is repeated only by the same idea: another value of what failed may well work. A success is followed up by
    another value too.
    """
    score = max(relation.same, FOLLOWS * relation.related) if run.status == "keep" else relation.same
    return round(min(1.0, max(0.0, score)), 4)


def _match(run: Run, relation: Relation, score: float, related: bool, metric: str) -> Match:
    category: Classification
    if relation.same >= DUPLICATE:
        category = "duplicate_run"
    elif run.status != "keep":
        category = "repeat_failure"
    else:
        category = "incremental_followup" if related else "known_success"
    return Match(
        category=category,
        score=score,
        run_id=run.run_id,
        commit=run.commit,
        family=run.family,
        status=run.status,
        value=run.value(metric),
        description=run.description,
        tags=run.tags,
        relation=relation.kind,
        why=relation.why,
    )


def _decisive(matches: Sequence[Match]) -> tuple[Match | None, Match | None]:
    """The match that decides, and the one of a higher kind that it outweighs, if any. `matches` are best first."""
    best = [next((m for m in matches if m.category == category), None) for category in PRIORITY]
    chosen = None
    outweighed = None
    for match in best:
        if match is not None and chosen is None:
            chosen = match
        elif match is not None and chosen is not None and match.score >= chosen.score + CLEARLY:
            chosen, outweighed = match, chosen
    return chosen, outweighed


def _stale(found: Study, past: Past, ranked: Sequence[tuple[int, Match]], decisive: Match | None) -> str:
    """Why the failures behind a verdict say little of the base as it is now; empty if they still count.

    The latest failure counts. The same program on another base is no such thing: it holds its base.
    """
    if decisive is None or decisive.category not in ("duplicate_run", "repeat_failure") or decisive.status == "keep":
        return ""
    if any(match.status == "keep" and match.category == "duplicate_run" for _, match in ranked):
        return ""
    failures = [at for at, match in ranked if match.status != "keep" and match.score >= decisive.score - CLEARLY]
    closed, why = evidence.tested(found, past, max(failures))
    return why if closed.strength <= WEAK else ""


def _disagreement(idea: Idea, past: Past) -> list[str]:
    """Said, where the words and the code name different knobs or values, or the code turns knobs that go unsaid."""
    if idea.change is None or not idea.change.knobs:
        return []
    base, vocabulary = past.history.state.base, past.history.state.vocabulary
    said = [m for m in base.resolve(reading.read(idea.description, vocabulary)) if m.head]
    done = base.resolve(reading.read_change(idea.change))
    pairs = [(a, b) for a in said for b in done if similarity.knob_likeness(a, b, {}) >= similarity.ONE_KNOB]
    if said and not pairs:
        names = ", ".join(list(idea.change.knobs)[:4])
        return [
            f"the words speak of {explain.knob_name(said[0], base.names)}, the code changes {names}; the code counts"
        ]
    remarks = []
    for a, b in pairs:
        values = a.new is not None and b.new is not None
        if not equal(a.new, b.new) if values else a.direction * b.direction < 0:
            names = explain.knob_name(b, base.names)
            remarks.append(f"the words say {names} {explain.step(a)}, the code {explain.step(b)}; the code counts")
    unsaid = [explain.knob_name(b, base.names) for b in done if all(b is not paired for _, paired in pairs)]
    if pairs and unsaid:
        remarks.append(f"the code also changes {', '.join(unsaid[:4])}")
    return remarks
