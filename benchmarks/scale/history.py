"""What was meant: every run of a generated lab, one after the other, with all that git is to hold of it.

A loop of agents: each writer goes on from its latest kept commit, tries an idea, and is kept (about 15 %), discarded
or crashes (5 %); some kept commits are run again. Values are a walk that gets slower, measured with noise. Nothing here
grows with the number of runs.
"""

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from msgspec.json import format as json_format
from msgspec.structs import replace

from benchmarks.scale import machine, packets
from benchmarks.scale.ideas import Idea, describe, idea
from benchmarks.scale.subject import NAME, State, Subject
from memorylab.core import decision
from memorylab.core.record import Artifact, Environment, Error, Plan, Run, Status, encode, to_json
from memorylab.core.summary import crash_metrics
from memorylab.ledger import timestamp

END = datetime(2026, 11, 1, tzinfo=UTC)
AUTHOR = "Bench <bench@example.org>"
_KEPT, _CRASHED, _AGAIN = 0.15, 0.05, 0.015
_APART = 330  # seconds between two runs of one writer
_TRAINED = 310  # between a commit and its result
_START, _FLOOR, _LUCK = 1.2, 0.9, 0.0008  # val_bpb of the baseline, what no idea gets below, and the noise of one run


class Lab(NamedTuple):
    """What to generate. The same lab is the same repository, bit by bit."""

    runs: int
    writers: int = 1
    seed: int = 0
    end: datetime = END


class Commit(NamedTuple):
    """An experiment commit: its message, its subject, and seconds since 1970."""

    oid: str
    parent: str
    blob: str
    text: bytes
    message: str
    time: int


class Step(NamedTuple):
    """One run. `commit` and `plan` are None for a further run of a commit; `lines` are those of the plan, if there is
    one, and of the run; `packet` and `files` (name -> content) are what is kept beside it."""

    writer: str
    commit: Commit | None
    plan: Plan | None
    run: Run
    lines: list[bytes]
    packet: bytes
    files: dict[str, bytes]


class Writer:
    """Where a writer stands: its name, its last number, the run that it goes on from, and how many led there."""

    def __init__(self, name: str, at: State) -> None:
        self.name, self.state, self.seq = name, at, 0
        self.run: Run | None = None
        self.blob = ""
        self.value = _START
        self.kept = 0

    def number(self) -> int:
        """The number of its next record."""
        self.seq += 1
        return self.seq


def name_of(writer: int) -> str:
    """A writer's id."""
    return f"agent{writer}-{hashlib.sha1(b'%d' % writer).hexdigest()[:8]}"


def hash_of(kind: str, content: bytes) -> str:
    """The id of a git object."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content).hexdigest()


def history(lab: Lab) -> Iterator[Step]:
    """Every run, in the order of time."""
    subject = Subject()
    writers = [Writer(name_of(n), subject.start) for n in range(lab.writers)]
    past: packets.Past = defaultdict(lambda: deque(maxlen=packets.TRIALS))
    number = 0
    for n in range(lab.runs):
        random = Random(f"{lab.seed}/run/{n}")
        writer = writers[n % lab.writers]
        sooner = random.randrange(_APART // lab.writers // 2 + 1)
        when = lab.end - timedelta(seconds=(lab.runs - n) * _APART // lab.writers - sooner)
        if writer.run is not None and random.random() < _AGAIN:
            yield _again(writer, random, when)
            continue
        tried = None
        if writer.run is not None:
            number, tried = _next_idea(lab.seed, number, writer.state)
        yield _step(subject, writer, tried, past, random, when)


def _next_idea(seed: int, number: int, state: State) -> tuple[int, Idea]:
    """The next number, and the idea: one that would set something to what it is set to is passed by."""
    while _stands(found := idea(seed, number), state):
        number += 1
    return number + 1, found


def _stands(one: Idea, state: State) -> bool:
    if one.mechanism is not None:
        return one.mechanism == state.mechanism
    return any(float(value) == float(state.values[name]) for name, value in one.settings.items())


def _step(
    subject: Subject, writer: Writer, tried: Idea | None, past: packets.Past, random: Random, when: datetime
) -> Step:
    state = writer.state.after(tried) if tried else writer.state
    text = subject.text(state).encode()
    blob = hash_of("blob", text)
    said = describe(tried, writer.state.values) if tried else "baseline"
    family, hypothesis = (tried.family, tried.hypothesis) if tried else ("", "")
    trailers = "".join(f"{k}: {v}\n" for k, v in (("Family", family), ("Hypothesis", hypothesis)) if v)
    message = f"{said}\n\n{trailers}" if trailers else f"{said}\n"
    commit = _commit(writer.run.commit if writer.run else "", blob, text, message, when - timedelta(seconds=_TRAINED))
    status, true = _outcome(writer, tried, random)
    value = None if status == "crash" else round(true + random.gauss(0, _LUCK), 6)
    change = subject.change(writer.state if tried else None, state, blob)
    verdict = packets.verdict(tried, said, past, random)
    plan = Plan(
        writer=writer.name, seq=writer.number(), id=_id(when - timedelta(seconds=_TRAINED), commit.oid, random),
        timestamp_utc=timestamp(when - timedelta(seconds=_TRAINED)), branch="main", commit=commit.oid,
        parent_commit=commit.parent or None, family=family, description=said, hypothesis=hypothesis, tags=[],
        novelty_guard=replace(verdict, top_matches=verdict.top_matches[:3]), change=change,
    )  # fmt: skip
    run = Run(
        writer=writer.name, seq=writer.number(), run_id=_id(when, commit.oid, random), timestamp_utc=timestamp(when),
        branch="main", commit=commit.oid, parent_commit=commit.parent or None, family=family, status=status,
        description=said, hypothesis=hypothesis, tags=[], notes="", metrics={}, error=None, artifacts={},
        novelty_guard=plan.novelty_guard, decision_packet=None, change=change, environment=None,
    )  # fmt: skip
    patch = subject.patch(writer.state, state, (writer.blob, blob)) if tried else b""
    step = _finished(writer, commit, plan, run, value, random.randrange(1000), patch)
    if tried is not None:
        past[tried.key].append((step.run, tried.settings.get(tried.key, "")))
    if status == "keep":
        writer.run, writer.state, writer.blob, writer.value = step.run, state, blob, true
        writer.kept += 1
    return step


def _again(writer: Writer, random: Random, when: datetime) -> Step:
    """A further run of the commit that the writer is at, with another seed."""
    model = writer.run
    assert model is not None
    run = replace(
        model, seq=writer.number(), run_id=_id(when, model.commit, random), timestamp_utc=timestamp(when), artifacts={},
        novelty_guard=packets.in_replicate(model), decision_packet=None,
    )  # fmt: skip
    value = round(writer.value + random.gauss(0, _LUCK), 6)
    return _finished(writer, None, None, run, value, random.randrange(1000), b"")


def _finished(
    writer: Writer, commit: Commit | None, plan: Plan | None, run: Run, value: float | None, seed: int, patch: bytes
) -> Step:  # fmt: skip
    """The run with its result, packet and artifacts."""
    error = None
    metrics = crash_metrics({}) if value is None else {"val_bpb": value, **machine.NUMBERS}
    log = machine.run_log(value, seed)
    if value is None:
        error = Error(summary=machine.OUT_OF_MEMORY, tail=log.splitlines(), source="run.log")
    environment = Environment(
        device=machine.DEVICE, seed=seed, evaluator=machine.EVALUATOR, budget_kind=machine.BUDGET_KIND,
        budget=machine.BUDGET, libraries={"torch": machine.TORCH},
    )  # fmt: skip
    run = replace(run, metrics=metrics, error=error, environment=environment)
    run = replace(run, decision_packet=packets.packet(run, writer.run))
    files = {"run.log": log.encode()}
    files["decision_packet.json"] = json_format(to_json(run.decision_packet), indent=2) + b"\n"
    if patch:
        files["train.patch"] = patch
    assert run.decision_packet is not None
    files["decision_packet.md"] = decision.markdown(run.decision_packet).encode()
    kept = {name: Artifact(blob=hash_of("blob", files[name]), size=len(files[name])) for name in sorted(files)}
    run = replace(run, artifacts=kept)
    lines = [*([encode(plan)] if plan else []), encode(run)]
    return Step(writer.name, commit, plan, run, lines, files["decision_packet.md"], files)


def _commit(parent: str, blob: str, text: bytes, message: str, when: datetime) -> Commit:
    tree = hash_of("tree", b"100644 %s\0" % NAME.encode() + bytes.fromhex(blob))
    time = int(when.timestamp())
    head = f"tree {tree}\n" + (f"parent {parent}\n" if parent else "")
    content = f"{head}author {AUTHOR} {time} +0000\ncommitter {AUTHOR} {time} +0000\n\n{message}"
    return Commit(hash_of("commit", content.encode()), parent, blob, text, message, time)


def _outcome(writer: Writer, tried: Idea | None, random: Random) -> tuple[Status, float]:
    """The status of a run and its true value, which may be better or worse than that of what it is built on."""
    at, drawn = writer.value, random.random()
    if tried is None:
        return "keep", at
    if drawn < _CRASHED:
        return "crash", at
    if drawn < _CRASHED + _KEPT:
        # On average the square root law of a loop that has the large gains behind it.
        return "keep", at - random.random() * (at - _FLOOR) / (writer.kept + 30)
    return "discard", at + abs(random.gauss(0, 0.005))


def _id(when: datetime, commit: str, random: Random) -> str:
    return f"{when:%Y%m%dT%H%M%SZ}-{commit[:7]}-{random.getrandbits(64):016x}"
