"""The guard: what the history says of an idea, and what the mode makes of that.

Words are compared by what they turn, and where to (similarity.py). Where the code is at hand it outranks the words:
the same program, the same added statements, the constants that were set.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from memorylab.core import reading, similarity
from memorylab.core.aliases import STARTING_VALUES
from memorylab.core.reading import Move
from memorylab.core.record import Change, Classification, Decision, Match, Mode, Policy, Run, Verdict
from memorylab.core.similarity import Likeness
from memorylab.core.tokens import Value

# Set from 733 labelled pairs of 28 real ledgers: anything from 0.55 to 0.8 finds 90 % of the same ideas and nothing
# else (F1 0.95); at 0.44, which is 0.6 with both widenings below, it is still 95 % precise or better. It also lies low
# enough for a likely variant to follow up a run that was kept.
DEFAULT_THRESHOLD = 0.6
DEFAULT_LIMIT = 3
ADJUSTMENT: dict[Mode, float] = {"explore": -0.05, "exploit": 0.0, "replicate": -0.08}  # as published
SAME_FAMILY = 0.08  # a family is the author's own word for "this belongs together": its runs match a little earlier

SAME = 0.5  # more likely the same than not
RELATED = 0.5
DUPLICATE = 0.9  # practically the same: one knob, one value, or the same words on the same base
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


class Idea(Struct, frozen=True):
    """What is about to be tried, or was. `change` is the code, where it is written already."""

    description: str
    hypothesis: str = ""
    family: str = ""
    tags: tuple[str, ...] = ()
    change: Change | None = None


class Relation(Struct, frozen=True):
    """How a planned idea stands to a past one.

    `same` is the confidence in [0, 1] that it is the same intervention, `related` that it is the same line of work
    (the same, or the same knob at another value). Opposite directions are neither.
    """

    kind: Literal["same", "variant", "opposite", "different"]
    same: float
    related: float
    why: str


def relate(
    planned: Idea, history: Sequence[tuple[Idea, str]], start: Mapping[str, str] | None = None
) -> list[Relation]:
    """One relation for each past idea, in order. The history is in the order of the ledger, each with its status.

    `start` holds the constants of the subject before the first of them (`change.constants`), None stands for those of
    upstream. They give a direction to a bare value, as in "matrix LR 0.05".
    """
    base = similarity.starting_values(STARTING_VALUES if start is None else start)
    readings = []
    for at, (idea, status) in enumerate(history):
        moves = similarity.resolve(_reading(idea), base)
        readings.append(moves)
        _follow(base, moves, kept=status.lower().startswith("keep"), at=at)
    moves = similarity.resolve(_reading(planned), base)
    rarity = similarity.rarities([*readings, moves])
    return [
        _relation(planned, idea, similarity.compare(moves, reading, rarity))
        for (idea, _), reading in zip(history, readings, strict=True)
    ]


def classify(
    planned: Idea,
    past: Sequence[Run],
    *,
    mode: Mode,
    threshold: float = DEFAULT_THRESHOLD,
    limit: int = DEFAULT_LIMIT,
    metric: str,
    start: Mapping[str, str] | None = None,
) -> Verdict:
    """The verdict on an idea, given the runs before it in the order of the ledger.

    `threshold` in [0, 1] is the score from which a run matches, before the adjustment for the mode; at most `limit`
    matches are shown, best first, the later run first where scores are equal. `metric` names the value that is shown,
    `start` is as in `relate`.
    """
    effective = round(min(0.99, max(0.0, threshold + ADJUSTMENT[mode])), 4)
    relations = relate(planned, [(idea_of(run), run.status) for run in past], start)
    ranked: list[tuple[float, int, Match]] = []
    for at, (run, relation) in enumerate(zip(past, relations, strict=True)):
        related = bool(run.family) and run.family.casefold() == planned.family.casefold()
        score = _score(relation, run)
        if relation.kind != "opposite" and score > 0 and score >= effective - (SAME_FAMILY if related else 0.0):
            ranked.append((score, at, _match(run, relation, score, related, metric)))
    ranked.sort(key=lambda entry: (-entry[0], -entry[1]))
    matches = [match for _, _, match in ranked]
    counts: dict[str, int] = {
        category: sum(match.category == category for match in matches) for category in sorted(PRIORITY)
    }
    decisive, outweighed = _decisive(matches)
    classification: Classification = decisive.category if decisive else "novel"
    return Verdict(
        classification=classification,
        probe_text=probe_text(planned),
        threshold=threshold,
        effective_threshold=effective,
        match_count=len(matches),
        counts=counts,
        top_matches=matches[: max(0, limit)],
        mode=mode,
        policy=evaluate_policy(classification, mode),
        why=_why(planned, decisive, outweighed, past, relations),
    )


def evaluate_policy(classification: Classification, mode: Mode) -> Policy:
    """What the mode makes of a classification."""
    decision, rationale = POLICY[mode][classification]
    return Policy(mode=mode, decision=decision, rationale=rationale)


def idea_of(run: Run) -> Idea:
    """What a past run tried."""
    return Idea(run.description, run.hypothesis, run.family, tuple(run.tags), run.change)


def probe_text(idea: Idea) -> str:
    """All the words of an idea, as the verdict keeps them."""
    return " ".join(part for part in (idea.description, idea.hypothesis, idea.family, *idea.tags) if part)[:80_000]


# --- relations ------------------------------------------------------------------------------------------------------


def _reading(idea: Idea) -> tuple[Move, ...]:
    """What an idea turns: the constants that its code sets, else its words."""
    if idea.change is not None and idea.change.knobs:
        return reading.read_change(idea.change)
    return _words(idea)


def _words(idea: Idea) -> tuple[Move, ...]:
    """A hypothesis and tags speak of reasons more than of the deed: they count where the description says nothing."""
    return reading.read(idea.description) or reading.read(idea.hypothesis) or reading.read(" ".join(idea.tags))


def _follow(base: dict[object, Value], moves: Sequence[Move], kept: bool, at: int) -> None:
    """Keep in `base` what each knob stands at after a run, as far as words and code tell."""
    for move in moves:
        value = move.new if kept else move.old
        if value is None and kept and move.direction:
            value = f"{similarity.LEFT}{at}"  # not known, but not what it was: the same words now go a step further
        if value is not None:
            base[move.key] = value


def _relation(planned: Idea, past: Idea, likeness: Likeness) -> Relation:
    ours, theirs = planned.change, past.change
    same, why = likeness.same, likeness.why
    if ours and theirs and ours.subject == theirs.subject:
        if ours.blob and ours.blob == theirs.blob:
            return Relation("same", 1.0, 1.0, "the same program was run before")
        if ours.fingerprint and ours.fingerprint == theirs.fingerprint:
            return Relation("same", 0.98, 1.0, "the same statements were added")
        if ours.knobs and theirs.knobs and ours.fingerprint and theirs.fingerprint and same >= DUPLICATE:
            same, why = 0.75, f"{why}, but other statements differ"
    elif _plain(planned) == _plain(past) != "" and (same > 0.7 or not likeness.related):
        same, why = max(same, 0.95), "the same words"
    related = max(likeness.related, same)
    if likeness.opposite:
        return Relation("opposite", same, related, why)
    kind: Literal["same", "variant", "different"] = (
        "same" if same >= SAME else "variant" if related >= RELATED else "different"
    )
    return Relation(kind, same, related, why)


def _plain(idea: Idea) -> str:
    return " ".join(idea.description.casefold().split())


# --- the verdict ----------------------------------------------------------------------------------------------------


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


def _why(
    planned: Idea, decisive: Match | None, outweighed: Match | None, past: Sequence[Run], relations: Sequence[Relation]
) -> str:
    """The grounds of a verdict, as short sentences."""
    grounds = []
    if decisive is None:
        grounds.append("no earlier run is close enough")
    else:
        grounds.append(f"{decisive.run_id} ({decisive.status}): {decisive.why}")
    if outweighed is not None:
        grounds.append(f"clearly closer than {outweighed.run_id} ({outweighed.category})")
    opposite = [run for run, relation in zip(past, relations, strict=True) if relation.kind == "opposite"]
    if opposite and (decisive is None or decisive.category != "duplicate_run"):
        latest = opposite[-1]
        grounds.append(f"the opposite direction was tried in {latest.run_id} ({latest.status}), which is no match")
    grounds += _disagreement(planned)
    return "; ".join(grounds)


def _disagreement(idea: Idea) -> list[str]:
    """Said, where the words name knobs and the code sets none of them."""
    if idea.change is None or not idea.change.knobs:
        return []
    said = [move for move in reading.read(idea.description) if move.head]
    done = reading.read_change(idea.change)
    if not said or any(similarity.knob_likeness(a, b, {}) >= 0.5 for a in said for b in done):
        return []
    names = ", ".join(list(idea.change.knobs)[:4])
    return [f"the words speak of {said[0].name}, the code changes {names}; the code counts"]
