"""The union of all ledgers: whoever wrote what, in whatever order, parts and copies it comes, all readers agree on it.

Two of one id, a record in another's name, a number used twice: what is hostile or broken is settled everywhere alike.
"""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memorylab import index
from memorylab.core import claims
from memorylab.core.aliases import BUILT_IN
from memorylab.core.history import Idea
from memorylab.core.record import (
    Amend,
    Change,
    Claim,
    Knob,
    Plan,
    Policy,
    Record,
    Rewrite,
    Run,
    Verdict,
    decode,
    encode,
    to_json,
)
from memorylab.recall import Recall
from memorylab.store.refs import Entry
from memorylab.timeline import Timeline, Way
from memorylab.views import table
from tests import memory

NOW = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
WAY = Way("val_bpb", "minimize", 0.95, 0.0, BUILT_IN, "train.py", lambda *_: {}, lambda _: iter(()))
COMMITS = [f"{n:x}" * 40 for n in range(1, 5)]
IDS = st.sampled_from([f"id-{n}" for n in range(6)])  # few, so that there are twins
WRITERS = st.sampled_from(["ana", "bob", "eve"])
NUMBERS = st.integers(1, 4)
TIMES = st.sampled_from([f"2026-03-01T00:0{n}:00Z" for n in range(6)])
IDEAS = st.sampled_from(["raise matrix lr to 0.06", "halve the batch", "rerun", "drop ema", "baseline", "depth 12", ""])
VERDICT = Verdict(
    classification="novel", probe_text="x", threshold=0.5, effective_threshold=0.5, match_count=0, counts={},
    top_matches=[], mode="exploit", policy=Policy(mode="exploit", decision="allow", rationale="new"),
)  # fmt: skip
CHANGES = st.none() | st.builds(
    Change, subject=st.just("train.py"), blob=st.sampled_from(["a" * 40, "b" * 40]), fingerprint=st.just("f"),
    knobs=st.just({}) | st.just({"MATRIX_LR": Knob(old="1", new="2")}),
)  # fmt: skip
COMMON = {"writer": WRITERS, "seq": NUMBERS, "timestamp_utc": TIMES, "commit": st.sampled_from(COMMITS)}
RUNS = st.builds(
    Run, **{**COMMON, "timestamp_utc": st.none() | TIMES}, run_id=IDS, branch=st.none(),
    parent_commit=st.none() | st.sampled_from(COMMITS), family=st.sampled_from(["", "lr"]),
    status=st.sampled_from(["keep", "discard", "crash"]), description=IDEAS, hypothesis=st.just(""), tags=st.just([]),
    notes=st.sampled_from(["", "x"]), metrics=st.fixed_dictionaries({"val_bpb": st.sampled_from([0.9, 1.0, 1.1])}),
    error=st.none(), artifacts=st.just({}), novelty_guard=st.none() | st.just(VERDICT), decision_packet=st.none(),
    change=CHANGES, environment=st.none(),
)  # fmt: skip
AMENDS = st.builds(
    Amend, **COMMON, id=IDS, run_id=IDS, status=st.sampled_from([None, "keep", "discard", "crash"]),
    description=st.none() | IDEAS, notes=st.none() | st.just("amended"),
)  # fmt: skip
PLANS = st.builds(
    Plan, **COMMON, id=IDS, branch=st.none(), parent_commit=st.none(), family=st.just(""), description=IDEAS,
    hypothesis=st.just(""), tags=st.just([]), novelty_guard=st.just(VERDICT), change=st.none(),
)  # fmt: skip
REWRITES = st.builds(Rewrite, **COMMON, id=IDS, old_commit=st.sampled_from(COMMITS), command=st.just("rebase"))
CLAIMS = st.builds(
    Claim, **COMMON, id=IDS, description=IDEAS, expires_utc=st.none() | st.just("2026-03-01T01:00:00Z"),
    claim_id=st.none() | IDS, outcome=st.sampled_from([None, "withdrawn", "fulfilled"]),
)  # fmt: skip
RECORDS = st.one_of(RUNS, RUNS, AMENDS, PLANS, REWRITES, CLAIMS)
JUNK = st.sampled_from([b"{", b"\xff", b'{"kind":"of another day"}', b'{"v":2,"kind":"run"}'])


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """What may stand in ledgers: mostly records under their writer's name, some under another's, some no records."""
    found = []
    for _ in range(draw(st.integers(1, 12))):
        anchor = draw(st.sampled_from(COMMITS))
        if draw(st.integers(0, 7)) == 0:
            found.append(Entry(draw(WRITERS), anchor, draw(JUNK)))
            continue
        record = draw(RECORDS)
        owner = record.writer if draw(st.integers(0, 7)) else draw(WRITERS)
        found.append(Entry(owner, anchor, encode(record)))
    return found


def read(parts: Sequence[Sequence[Entry]]) -> Recall:
    """The memory, of what came in some parts, each read before the next came."""
    database = index.in_memory(())
    for part in parts:
        database.execute("BEGIN")
        index._insert(database, part)
        Timeline(database, WAY).update()
        database.execute("COMMIT")
    return Recall(database, WAY)


def views(found: Recall) -> list[bytes | str | int]:
    """Everything that is shown or asked, to the byte."""
    runs = [(at, line, table.row(run, "val_bpb")) for at, run, line in found.runs()]
    said = [part for one in runs for part in one]
    registries = [to_json(msgspec.to_builtins(found.registry(who))) for who in (None, "ana", "nobody")]
    plans = [to_json(found.plan(commit)) for commit in COMMITS] + [to_json(found.pending(10))]
    past = found.past(Idea("raise matrix lr to 0.05"))
    return [
        *said, *registries, *plans, to_json(claims.standing(found.claims(NOW), NOW)), found.unreadable, found.writers(),
        to_json([sorted(found.rewritten(commit)) for commit in COMMITS]), to_json(found.programs(0)),
        to_json(past.runs), to_json(found.races.dump()), to_json(found.latest_stamp(NOW)),
        to_json([found.anchor(run.run_id) for _, run, _ in found.runs()]),
    ]  # fmt: skip


def in_parts(chance: random.Random, found: Sequence[Entry]) -> list[list[Entry]]:
    """The same in another order, some twice, in up to four parts."""
    several = [*found, *chance.sample(found, chance.randrange(len(found) + 1))]
    chance.shuffle(several)
    cuts = sorted(chance.randrange(len(several) + 1) for _ in range(chance.randrange(4)))
    return [several[a:b] for a, b in zip([0, *cuts], [*cuts, len(several)], strict=True)]


def check(found: list[Entry], seed: int) -> None:
    once = read([found])
    first = views(once)
    chance = random.Random(seed)
    for _ in range(2):
        parts = in_parts(chance, found)
        assert views(read(parts)) == first, parts
    # And as it is understood without any index.
    whole = memory.read(SimpleNamespace(entries=lambda: found))  # type: ignore[arg-type]
    assert [(run, line) for _, run, line in once.runs()] == [(run, whole.lines[run.run_id]) for run in whole.runs]
    assert once.unreadable == len(whole.unreadable)
    assert all(once.anchor(run.run_id) == whole.anchors[run.run_id] for run in whole.runs)
    assert claims.standing(once.claims(NOW), NOW) == claims.standing(whole.claims, NOW)


few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
many = settings(few, max_examples=400)


@pytest.mark.long
@few
@given(entries(), st.integers(0, 999))
def test_all_readers_agree_in_whatever_order_parts_and_copies_it_comes(found: list[Entry], seed: int) -> None:
    check(found, seed)


@pytest.mark.long
@many
@given(entries(), st.integers(0, 999))
def test_all_readers_agree_on_many(found: list[Entry], seed: int) -> None:
    check(found, seed)


@few
@given(RUNS, RUNS, st.permutations([0, 1, 2]))
def test_of_two_records_of_one_id_all_believe_the_same_one(one: Run, other: Run, order: list[int]) -> None:
    """A hostile twin is told of, and wins nowhere by coming first or last."""
    twin = msgspec.structs.replace(other, run_id=one.run_id)
    lines = [encode(one), encode(twin), encode(one)]
    found = [Entry(record.writer, COMMITS[0], line) for record, line in zip((one, twin, one), lines, strict=True)]
    recall = read([[found[at]] for at in order])
    ((_, believed, line),) = recall.runs()
    assert line == min(lines) and believed == decode(line)
    same = msgspec.structs.replace(twin, writer=one.writer, seq=one.seq) == one
    assert recall.unreadable == (0 if same else 1)


@few
@given(RECORDS, WRITERS)
def test_nobody_speaks_in_anothers_name(record: Record, owner: str) -> None:
    recall = read([[Entry(owner, COMMITS[0], encode(record))]])
    is_own = record.writer == owner
    assert recall.unreadable == (0 if is_own else 1)
    assert len(list(recall.runs())) == (1 if is_own and isinstance(record, Run) else 0)
    assert len(recall.claims(NOW)) == (1 if is_own and isinstance(record, Claim) else 0)


@pytest.mark.long
@few
@given(st.lists(RUNS, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_a_number_used_twice_keeps_both(runs: list[Run], chance: random.Random) -> None:
    """A writer that forked has two records of one number: both count, in one order everywhere."""
    forked = [msgspec.structs.replace(run, run_id=f"r-{at}", writer="ana", seq=1) for at, run in enumerate(runs)]
    found = [Entry("ana", COMMITS[0], encode(run)) for run in forked]
    first = views(read([found]))
    chance.shuffle(found)
    assert views(read([[one] for one in found])) == first
    assert len(list(read([found]).runs())) == len(runs)
