"""check --stdin: many candidate ideas, judged in one call and ranked by how new they are."""

from collections.abc import Iterable

import msgspec

from memorylab.commands import check
from memorylab.commands.session import Session
from memorylab.core import novelty, verdict
from memorylab.core.history import Idea
from memorylab.core.record import Classification, Decision, Match, Mode
from memorylab.core.text import inline, shorten, tags
from memorylab.errors import BadInput

MOST = 1_000  # candidates in one call
LONGEST = 100_000  # bytes of a line


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the input: an object with these fields, or a string, which is the description."""

    description: str
    hypothesis: str = ""
    family: str = ""
    tags: list[str] | str = []
    id: str | int | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate, judged. `line` is its line of the input, `id` what the input calls it; `novelty` in [0, 1];
    `repeats` the line of an earlier candidate that is the same idea."""

    line: int
    id: str | int | None
    description: str
    novelty: float
    classification: Classification
    decision: Decision
    why: str
    repeats: int | None
    top_matches: list[Match]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """check --stdin: the candidates, the newest idea first."""

    candidates: list[Candidate]


def judge(
    session: Session, lines: Iterable[bytes], mode: Mode | None, threshold: float | None, limit: int
) -> list[Candidate]:
    """The candidates, the newest idea first; what repeats another candidate comes last. Raises BadInput with the line
    that cannot be understood."""
    proposals = _read(lines)
    mode = mode or session.settings.mode
    threshold = session.settings.threshold if threshold is None else threshold
    start = session.starting_values()
    judged: list[Candidate] = []
    seen: list[tuple[Idea, str]] = []
    for line, proposal in proposals:
        said = proposal.tags if isinstance(proposal.tags, list) else tags(proposal.tags)
        idea = Idea(
            inline(proposal.description), inline(proposal.hypothesis), inline(proposal.family),
            tuple(inline(tag) for tag in said),
        )  # fmt: skip
        past = session.recall.past(idea, limit)
        found = novelty.study(idea, past.history)
        judged_alone = verdict.judge(idea, past, mode, threshold, limit, found)
        answer = check.with_others(session, idea, judged_alone)
        among = novelty.relate(idea, seen, start, session.settings.vocabulary)
        twin = next((at for at, relation in enumerate(among) if relation.same >= novelty.DUPLICATE), None)
        seen.append((idea, "candidate"))
        judged.append(
            Candidate(
                line=line, id=proposal.id, description=idea.description, novelty=verdict.how_new(found),
                classification=answer.classification, decision=answer.policy.decision,
                why="; ".join([*map(check.who, answer.claimed), *filter(None, [answer.why])]),
                repeats=None if twin is None else judged[twin].line, top_matches=answer.top_matches,
            )
        )  # fmt: skip
    return sorted(judged, key=lambda candidate: (candidate.repeats is not None, -candidate.novelty, candidate.line))


def _read(lines: Iterable[bytes]) -> list[tuple[int, Proposal]]:
    proposals: list[tuple[int, Proposal]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if len(proposals) == MOST or len(line) > LONGEST:
            what = f"more than {MOST:,} candidates" if len(proposals) == MOST else f"line {number} is too long"
            raise BadInput(f"stdin: {what}.", "Judge fewer at a time.")
        try:
            read = msgspec.json.decode(line, type=Proposal | str)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
            raise BadInput(
                f"stdin, line {number} is no candidate: {inline(str(problem))}.",
                'Give one JSON object a line, as {"description": "raise MATRIX_LR to 0.06"}.',
            ) from None
        proposal = Proposal(read) if isinstance(read, str) else read
        if not inline(proposal.description):
            raise BadInput(f"stdin, line {number} has an empty description.", "Say in one line what is to be tried.")
        proposals.append((number, proposal))
    if not proposals:
        raise BadInput("stdin holds no candidates.", "Give one JSON object a line.")
    return proposals


def render(judged: list[Candidate]) -> str:
    """One line for each candidate, with what it is closest to."""
    lines = []
    for rank, one in enumerate(judged, start=1):
        known = f"repeats line {one.repeats}" if one.repeats is not None else ""
        if not known and (one.classification != "novel" or one.decision == "block"):
            known = one.why
        lines.append(
            f"{rank:>3}. {one.novelty:.2f} {one.classification} -> {one.decision}: {shorten(one.description, 80)}"
        )
        if known:
            lines.append(f"     {shorten(known, 160)}")
    return "\n".join(lines)
