"""The records of the ledger: immutable values, one canonical line of JSON each.

A record is one line: UTF-8 JSON with sorted keys and no spaces, at most 1 MiB. Changing `encode` changes the bytes of
every note and view, so it never changes within a schema version. docs/record.schema.json is generated from here.
"""

import math
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

VERSION: Literal[1] = 1
MAX_BYTES = 1 << 20

# How alike counts as a match. Set from labelled pairs of real ledgers; docs/novelty.md has the figures and what other
# values give.
DEFAULT_THRESHOLD = 0.5

# The probability of being truly better that a new champion needs, and what luck is taken to be before replicates tell:
# its standard deviation as a share of the metric's value, 0 to take it from how much results differ.
DEFAULT_PROMOTE = 0.95
DEFAULT_NOISE = 0.0

Direction = Literal["minimize", "maximize"]

Status = Literal["keep", "discard", "crash"]
Mode = Literal["explore", "exploit", "replicate"]
Classification = Literal["novel", "known_success", "incremental_followup", "repeat_failure", "duplicate_run"]
Decision = Literal["allow", "caution", "block"]
NextAction = Literal[
    "promote", "branch_followup", "replicate", "retry", "abandon", "fix_and_retry", "investigate_crash"
]
Priority = Literal["high", "medium", "low"]
HypothesisStatus = Literal["not_stated", "supported", "mixed", "unsupported", "inconclusive"]

# A run id is a folder name and a writer id is a part of a ref name: nothing else may pass, whoever wrote the record.
# (A bare $ would let a final line feed pass; the dots stand alone because git refuses "a..b" and "a." in a ref.)
ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$(?!\n)"
Id = Annotated[str, Meta(pattern=ID_PATTERN, max_length=120)]
Line = Annotated[str, Meta(max_length=20_000)]
Name = Annotated[str, Meta(max_length=1_000)]
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$(?!\n)"
Timestamp = Annotated[str, Meta(pattern=_TIME)]
# Beyond 2**53 JSON readers disagree on integers, and float() of one with 400 digits raises.
Whole = Annotated[int, Meta(ge=-(2**53), le=2**53)]  # what JSON readers of every language take for the same number
Number = Whole | float | None


class _Value(Struct, frozen=True, gc=False):
    """A part of a record. No record is part of itself, so the garbage collector need not look for that."""


class Knob(_Value, frozen=True, kw_only=True):
    """A top-level constant of the subject that a change sets; values are source text in normal form, null if absent."""

    old: Line | None
    new: Line | None


class Change(_Value, frozen=True, kw_only=True):
    """What was done to the subject, against the parent commit. `statements` counts those besides the knobs."""

    subject: Name
    blob: str | None = None
    fingerprint: str | None = None
    knobs: dict[str, Knob] = {}
    statements: Whole = 0
    dirty: bool = False


class Environment(_Value, frozen=True, kw_only=True):
    """What makes two runs comparable; null is not known."""

    device: Name | None = None
    seed: Whole | None = None
    threads: Whole | None = None
    evaluator: Name | None = None
    budget_kind: Name | None = None
    budget: Number = None
    libraries: dict[str, Name] = {}


class Error(_Value, frozen=True, kw_only=True):
    """Why a run crashed: one line, the last lines of the log, and where both come from."""

    summary: Line
    tail: list[Line] = []
    source: Name


class Artifact(_Value, frozen=True, kw_only=True):
    """A file kept with the run in the journal."""

    blob: str
    size: Whole


class Policy(_Value, frozen=True, kw_only=True):
    """The mode's answer to a classification."""

    mode: Mode
    decision: Decision
    rationale: Line


class Tested(_Value, frozen=True, kw_only=True):
    """How firmly a failure is closed: the commit that it was tried on, the comparison group, its runs and those of the
    champion that it met, the probability of having been better all the same (null: not known), and the strength that
    is left of the case against it, in [0, 1]."""

    base: Name | None
    group: Line
    replicates: Whole | None = None
    champion_replicates: Whole | None = None
    probability: Number = None
    strength: float


class Match(_Value, frozen=True, kw_only=True):
    """An earlier run that the idea resembles. `score` in [0, 1]; `tested` where it failed."""

    category: Classification
    score: float
    run_id: Id
    commit: Name
    family: Line = ""
    status: Status
    value: Number = None
    description: Line
    tags: list[Name] = []
    relation: Literal["same", "variant", "opposite", "different"] = "same"
    why: Line = ""
    tested: Tested | None = None


class Trial(_Value, frozen=True, kw_only=True):
    """What one value of a knob gave. `delta` is the result minus the champion's before it; `others` counts what the run
    changed besides."""

    value: Line
    run_id: Id
    status: Status
    result: Number = None
    delta: Number = None
    others: Whole = 0


class KnobHistory(_Value, frozen=True, kw_only=True):
    """What was tried of a knob before, one trial for each value."""

    knob: Line
    trials: list[Trial]


class Holder(_Value, frozen=True, kw_only=True):
    """Somebody else who has claimed the idea; `worktree` is empty for a clone's first one."""

    claim_id: Id
    writer: Id
    worktree: Name = ""
    expires_utc: Name
    description: Line


class Verdict(_Value, frozen=True, kw_only=True):
    """The guard's answer: what the history says of an idea, and what the mode makes of that.

    `stale` says why the failure that it repeats no longer counts for much; empty if it does. `claimed` are those who
    are about to try the same.
    """

    classification: Classification
    probe_text: Annotated[str, Meta(max_length=80_000)]
    threshold: float
    effective_threshold: float
    match_count: Whole
    counts: dict[str, Whole]
    top_matches: list[Match]
    mode: Mode
    policy: Policy
    why: Line = ""
    known: list[KnobHistory] = []
    stale: Line = ""
    claimed: list[Holder] = []


class PacketRun(_Value, frozen=True, kw_only=True):
    """The run that a packet speaks of."""

    run_id: Id
    commit: Name
    status: Status
    family: Line
    description: Line
    hypothesis: Line
    metric: Name
    value: Number
    memory_gb: Number


class PacketNovelty(_Value, frozen=True, kw_only=True):
    """What the guard had said of the run."""

    classification: Classification
    mode: Mode
    policy_decision: Decision
    policy_rationale: Line
    top_match: Match | None


class Comparison(_Value, frozen=True, kw_only=True):
    """The program of the run beside the champion before it and the champion with it, within one comparison `group`.

    Values are means over the runs of a program, deltas are value minus champion's value. `probability` is that of being
    truly better than the champion before it; `noise` the standard deviation of one run, which rests on
    `noise_replicates` runs and is assumed where that is 0. `seeds_needed` further runs are expected to decide; null if
    it is decided, or if they are more than 40. The leader is what to build on: the champion, or what is likely ahead of
    it. What was not computed when it was decided is null.
    """

    metric: Name
    is_new_champion: bool
    prior_champion_run_id: Id | None
    prior_champion_value: Number
    current_champion_run_id: Id | None
    current_champion_value: Number
    delta_to_prior_champion: Number
    delta_to_current_champion: Number
    group: Line = ""
    probability: Number = None
    noise: Number = None
    noise_replicates: Whole | None = None
    replicates: Whole | None = None
    champion_replicates: Whole | None = None
    seeds_needed: Whole | None = None
    leader_run_id: Id | None = None
    leader_commit: Name | None = None


class Packet(_Value, frozen=True, kw_only=True):
    """What happened, what it means, what to do next."""

    summary: Line
    next_action: NextAction
    priority: Priority
    rationale: Line
    hypothesis_status: HypothesisStatus
    run: PacketRun
    novelty: PacketNovelty | None
    comparison: Comparison
    error: Error | None


class _Record(Struct, frozen=True, kw_only=True, tag_field="kind", gc=False):
    v: Literal[1] = VERSION
    writer: Id
    seq: Annotated[int, Meta(ge=1, le=2**53)]


class Run(_Record, frozen=True, kw_only=True, tag="run"):
    """One execution of the subject at a commit."""

    run_id: Id
    timestamp_utc: Timestamp | None
    branch: Name | None
    commit: Name
    parent_commit: Name | None
    family: Line
    status: Status
    description: Line
    hypothesis: Line
    tags: Annotated[list[Name], Meta(max_length=100)]
    notes: Annotated[str, Meta(max_length=100_000)]
    metrics: Annotated[dict[str, Number], Meta(max_length=1_000)]
    error: Error | None
    artifacts: Annotated[dict[str, Artifact], Meta(max_length=100)]
    novelty_guard: Verdict | None
    decision_packet: Packet | None
    change: Change | None
    environment: Environment | None

    @property
    def id(self) -> str:
        return self.run_id

    def value(self, metric: str) -> float | None:
        """The metric as a finite float, None where the run has none."""
        found = self.metrics.get(metric)
        return None if found is None or self.status == "crash" else float(found)


class Plan(_Record, frozen=True, kw_only=True, tag="plan"):
    """The verdict on a commit before its result is known."""

    id: Id
    timestamp_utc: Timestamp
    branch: Name | None
    commit: Name
    parent_commit: Name | None
    family: Line
    description: Line
    hypothesis: Line
    tags: Annotated[list[Name], Meta(max_length=100)]
    novelty_guard: Verdict
    change: Change | None


class Amend(_Record, frozen=True, kw_only=True, tag="amend"):
    """A correction of what was said of a run. Measurements cannot be amended."""

    id: Id
    timestamp_utc: Timestamp
    commit: Name
    run_id: Id
    status: Status | None = None
    family: Line | None = None
    description: Line | None = None
    hypothesis: Line | None = None
    tags: Annotated[list[Name], Meta(max_length=100)] | None = None
    notes: Annotated[str, Meta(max_length=100_000)] | None = None


class Rewrite(_Record, frozen=True, kw_only=True, tag="rewrite"):
    """A commit was rewritten by amend or rebase. The new one was never measured: metrics do not travel. `blob` is the
    subject that it holds, null where there is none or that was not noted."""

    id: Id
    timestamp_utc: Timestamp
    commit: Name
    old_commit: Name
    command: Name
    blob: Name | None = None


class Claim(_Record, frozen=True, kw_only=True, tag="claim"):
    """An idea that a worktree of its writer is about to try, until `expires_utc`; or, with `claim_id`, that claim's
    end before its time: `withdrawn`, or `fulfilled` by `run_id`. `commit` is what the experiment starts from."""

    id: Id
    timestamp_utc: Timestamp
    commit: Name
    branch: Name | None = None
    worktree: Name = ""
    description: Line = ""
    hypothesis: Line = ""
    family: Line = ""
    tags: Annotated[list[Name], Meta(max_length=100)] = []
    expires_utc: Timestamp | None = None
    claim_id: Id | None = None
    outcome: Literal["withdrawn", "fulfilled"] | None = None
    run_id: Id | None = None


AMENDABLE = ("status", "family", "description", "hypothesis", "tags", "notes")

Record = Run | Plan | Amend | Rewrite | Claim
KINDS = ("run", "plan", "amend", "rewrite", "claim")

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(Record)


class Unreadable(Struct, frozen=True):
    """A line that this version does not understand: kept as it is, counted, reported."""

    raw: bytes
    reason: str


def encode(record: Record) -> bytes:
    """The canonical line, without line feed. Raises ValueError if it cannot be a record (NaN, size, pattern)."""
    numbers = record.metrics.values() if isinstance(record, Run) else ()
    if any(isinstance(n, float) and not math.isfinite(n) for n in numbers):
        raise ValueError("a metric is not a finite number")
    line = _encoder.encode(record)
    if len(line) > MAX_BYTES:
        raise ValueError(f"the record is {len(line):,} bytes, more than {MAX_BYTES:,}")
    _decoder.decode(line)
    return line


def decode(line: bytes) -> Record | Unreadable:
    """The record on a line, or why there is none. Never raises, whatever the bytes."""
    if len(line) > MAX_BYTES:
        return Unreadable(line, f"longer than {MAX_BYTES:,} bytes")
    try:
        line.decode("utf-8")  # msgspec passes over the bytes of fields that it does not know
        record: Record = _decoder.decode(line)
        for time in (record.timestamp_utc, record.expires_utc if isinstance(record, Claim) else None):
            if time is not None:
                datetime.fromisoformat(time)
        return record
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        return Unreadable(line, str(problem))


def amended(run: Run, amend: Amend) -> Run:
    """The run with what an amendment says of it."""
    return replace(run, **{name: new for name in AMENDABLE if (new := getattr(amend, name)) is not None})


def same_but_for_writer(one: Record | Unreadable, other: Record | Unreadable) -> bool:
    """Whether a record is another one, written anew by a writer who had to part from a namesake."""
    if isinstance(one, Unreadable) or isinstance(other, Unreadable):
        return False
    return type(one) is type(other) and replace(one, writer=other.writer, seq=other.seq) == other


class _Brief(Run, frozen=True, kw_only=True, tag="run"):
    novelty_guard: msgspec.Raw  # type: ignore[assignment]  # passed over, and left out


_brief_decoder = msgspec.json.Decoder(_Brief)


def decode_briefly(line: bytes) -> Run:
    """The run on a line that was decoded before, without the guard's verdict, which is half of it: in half the time."""
    return replace(_brief_decoder.decode(line), novelty_guard=None)


def rounded(value: float, digits: int = 5) -> float:
    """A computed figure to so many significant digits: more would be noise in a record."""
    return float(f"{value:.{digits}g}")


def to_json(value: Any) -> bytes:
    """Canonical JSON of any value made of records and plain data."""
    return _encoder.encode(value)
