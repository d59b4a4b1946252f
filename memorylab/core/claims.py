"""Claims: who is about to try what. A claim ends by its time, by its owner's word, or by the run that fulfils it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from memorylab.core import novelty
from memorylab.core.aliases import BUILT_IN, Vocabulary
from memorylab.core.history import Idea
from memorylab.core.record import Claim, Holder, encode

# Clocks disagree, and anyone may write any time: no claim stands for longer, or begins further ahead.
LONGEST = timedelta(days=7)
AHEAD = timedelta(days=1)


def standing(claims: Iterable[Claim], now: datetime) -> list[Claim]:
    """The claims that are open at a moment, the oldest first, each once."""
    known = list(claims)
    ended = {(end.claim_id, end.writer) for end in known if end.claim_id is not None}
    opened = (claim for claim in known if claim.claim_id is None and (claim.id, claim.writer) not in ended)
    # Of two with one id every clone believes the same one, as in the ledger.
    found = {claim.id: claim for claim in sorted(opened, key=encode, reverse=True) if _is_open(claim, now)}
    return sorted(found.values(), key=lambda claim: (datetime.fromisoformat(claim.timestamp_utc), claim.id))


def same(
    idea: Idea,
    claims: Sequence[Claim],
    threshold: float,
    start: Mapping[str, str] | None = None,
    vocabulary: Vocabulary = BUILT_IN,
) -> list[Claim]:
    """The claims on the same idea, in their order. `threshold` in [0, 1] and `start` as in `novelty.relate`."""
    # One by one: they are no history, in which each starts where the one before it has led.
    return [one for one in claims if _is_same(idea, idea_of(one), threshold, start, vocabulary)]


def idea_of(claim: Claim) -> Idea:
    """What is claimed."""
    return Idea(claim.description, claim.hypothesis, claim.family, tuple(claim.tags))


def holder(claim: Claim) -> Holder:
    """Who holds a claim, as a verdict names it."""
    return Holder(
        claim_id=claim.id, writer=claim.writer, worktree=claim.worktree, expires_utc=claim.expires_utc or "",
        description=claim.description,
    )  # fmt: skip


def _is_same(
    idea: Idea, other: Idea, threshold: float, start: Mapping[str, str] | None, vocabulary: Vocabulary
) -> bool:
    (relation,) = novelty.relate(idea, [(other, "")], start, vocabulary)
    return relation.same >= threshold


def _is_open(claim: Claim, now: datetime) -> bool:
    if claim.expires_utc is None:
        return False
    begins, ends = datetime.fromisoformat(claim.timestamp_utc), datetime.fromisoformat(claim.expires_utc)
    return begins <= now + AHEAD and now < min(ends, begins + LONGEST)
