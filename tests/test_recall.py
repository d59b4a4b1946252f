"""The index recalls what the whole memory tells: after any history of the refs, and whatever became of it."""

import random
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from msgspec.structs import replace

from memorylab import index, recall
from memorylab.commands.session import Session, constants
from memorylab.core import claims, evidence, ranking
from memorylab.core.aliases import Vocabulary
from memorylab.core.history import Idea
from memorylab.core.race import Rules
from memorylab.core.races import Races
from memorylab.core.record import Amend, Change, Claim, Environment, Knob, Plan, Record, Run, encode
from memorylab.core.verdict import judge
from memorylab.errors import NotFound
from memorylab.recall import Recall
from memorylab.store import refs
from memorylab.store.refs import Entry
from memorylab.timeline import Timeline, Way
from tests.conftest import Lab
from tests.core import reference
from tests.core.turning import programs
from tests.memory import Memory

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SAID = [
    "raise matrix lr to 0.06", "lower matrix lr to 0.02", "matrix LR 0.06", "halve the batch", "batch size 2**19",
    "drop ema", "add SwiGLU", "swiglu activation", "depth 12 and matrix lr 0.03", "rerun", "seed 2 of exp 3",
    "exp 3: warmdown 0.5", "retry the best config", "baseline: DEPTH=8 MATRIX_LR=0.04", "total batch 524,288",
    "shuffle the value embedding tables", "remove value embeddings", "lr 1.5x", "deeper",
]  # fmt: skip
DEVICES = [None, Environment(device="cuda:0 (H100)", budget_kind="seconds", budget=300.0), Environment(device="cpu")]


def stamp(minute: int) -> str:
    return f"{NOW + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"


def a_run(chance: random.Random, writer: str, number: int, minute: int | None, commit: str, parent: str | None) -> Run:
    knob = chance.choice(["MATRIX_LR", "DEPTH"])
    change = Change(
        subject="train.py", blob=f"{chance.randrange(40):040x}", fingerprint=chance.choice([None, "f1", "f2"]),
        knobs={knob: Knob(old="1", new=str(chance.randrange(4)))} if chance.random() < 0.5 else {}, statements=0,
    )  # fmt: skip
    return Run(
        writer=writer, seq=number, run_id=f"{writer}-{number}", branch=None, commit=commit, parent_commit=parent,
        timestamp_utc=None if minute is None else stamp(minute), family=chance.choice(["", "lr"]),
        status=chance.choice(["keep", "discard", "discard", "crash"]), description=chance.choice(SAID), hypothesis="",
        tags=[], notes="", metrics={"val_bpb": round(chance.uniform(0.9, 1.1), 4)}, error=None, artifacts={},
        novelty_guard=None, decision_packet=None, change=change if chance.random() < 0.4 else None,
        environment=chance.choice(DEVICES),
    )  # fmt: skip


class Team:
    """Writers whose ledgers stand under a remote, written by plain git."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab, self.chance = lab, random.Random(seed)
        self.written: dict[str, list[Record]] = {"ana": [], "bob": []}
        self.commits = lab.git("rev-list", "HEAD").split()
        self.minute = 0

    def write(self, writer: str, record: Record, anchor: str) -> None:
        self.say(writer, encode(record).decode(), anchor)
        self.written[writer].append(record)

    def say(self, writer: str, line: str, anchor: str) -> None:
        scratch, ref = refs.NOTES + "scratch", refs.fetched_as("origin", refs.LEDGER + writer)
        if self.lab.git("rev-parse", "-q", "--verify", ref, check=False):
            self.lab.git("update-ref", scratch, ref)
        self.lab.git("notes", "--ref", scratch, "append", "-m", line, anchor)
        self.lab.git("update-ref", ref, scratch)
        self.lab.git("update-ref", "-d", scratch)

    def act(self) -> str:
        chance = self.chance
        writer = chance.choice(sorted(self.written))
        number, anchor = len(self.written[writer]) + 1, chance.choice(self.commits)
        runs = [one for found in self.written.values() for one in found if isinstance(one, Run)]
        kind = chance.choice(
            ["run"] * 6 + ["late", "late", "undated", "amend", "twin", "back", "plan", "claim", "junk"]
        )
        self.minute += 1
        if kind in ("run", "late", "undated") or not runs:
            minute = {"late": chance.randrange(self.minute), "undated": None}.get(kind, self.minute)
            commit = anchor if chance.random() < 0.5 else "abc1234"
            self.write(writer, a_run(chance, writer, number, minute, commit, None), anchor)
        elif kind == "amend":
            said = Amend(
                writer=writer, seq=number, id=f"{writer}-a{number}", timestamp_utc=stamp(self.minute), commit=anchor,
                run_id=chance.choice(runs).run_id, status=chance.choice([None, "keep", "discard"]),
                description=chance.choice([None, *SAID]),
            )  # fmt: skip
            self.write(writer, said, anchor)
        elif kind == "twin":
            twin = chance.choice(runs)
            self.write(writer, replace(twin, writer=writer, seq=number, notes=str(chance.random())), anchor)
        elif kind == "plan":
            self.write(writer, a_plan(writer, number, self.minute, anchor), anchor)
        elif kind == "junk":
            self.say(writer, f'{{"kind":"of another day {chance.randrange(3)}"}}', anchor)
        elif kind == "claim":
            claim = Claim(
                writer=writer, seq=number, id=f"{writer}-c{number}", timestamp_utc=stamp(self.minute), commit=anchor,
                description=chance.choice(SAID), expires_utc=stamp(self.minute + 60),
            )  # fmt: skip
            self.write(writer, claim, anchor)
        elif self.written[writer]:
            ref = refs.fetched_as("origin", refs.LEDGER + writer)
            if self.lab.git("rev-parse", "-q", "--verify", f"{ref}~1", check=False):
                self.lab.git("update-ref", ref, f"{ref}~1")
                self.written[writer].pop()
        return kind


def a_plan(writer: str, number: int, minute: int, commit: str) -> Plan:
    return Plan(
        writer=writer, seq=number, id=f"{writer}-p{number}", timestamp_utc=stamp(minute), branch=None, commit=commit,
        parent_commit=None, family="", description="x", hypothesis="", tags=[], change=None,
        novelty_guard=judge(Idea("x"), evidence.past([], "val_bpb"), "exploit"),
    )  # fmt: skip


class Whole:
    """What is recalled, from all of the memory."""

    def __init__(self, memory: Memory, way: Way) -> None:
        self.memory, self.way = memory, way
        first = self.first()
        start = way.constants(*first) if first else None
        self._past = evidence.past(memory.runs, way.metric, way.direction, start, way.vocabulary)
        rules = Rules(metric=way.metric, direction=way.direction, promote=way.promote, noise=way.noise)
        self.races = Races.of(memory.runs, rules)

    def past(self, idea: Idea, latest: int) -> evidence.Past:
        return self._past

    def claims(self, now: datetime) -> Sequence[Claim]:
        return self.memory.claims

    def is_planned(self, commit: str) -> bool:
        return commit in self.memory.plans

    def registry(self, writer: str | None = None) -> ranking.Registry:
        way, races = self.way, self.races
        of = partial(reference.group, vocabulary=way.vocabulary)
        return ranking.registry(reference.tally(self.memory.runs, way.ancestors, of, races.rules, writer), races)

    @property
    def unreadable(self) -> int:
        return len(self.memory.unreadable)

    def find(self, name: str) -> Run:
        return self.memory.find(name)

    def anchor(self, run_id: str) -> str | None:
        return self.memory.anchors.get(run_id)

    def program(self, run_id: str) -> str | None:
        return programs(self.memory.runs)[0].get(run_id)

    def of_program(self, program: str) -> list[Run]:
        of_run, _ = programs(self.memory.runs)
        return [run for run in self.memory.runs if of_run[run.run_id] == program]

    def first(self) -> tuple[str | None, str] | None:
        memory = self.memory
        found = next((run for run in memory.runs if memory.anchors[run.run_id] == run.commit), None)
        return (found.parent_commit, found.commit) if found else None


def told(found: Recall | Whole, commits: list[str]) -> list[object]:
    """All that is asked of a memory, of every kind of idea."""
    ideas = [Idea(text) for text in SAID]
    chance = random.Random(0)
    ideas += [replace(idea, change=a_run(chance, "w", 1, 0, "c", None).change) for idea in ideas]
    verdicts = [judge(idea, found.past(idea, 50), "exploit", limit=50) for idea in ideas]
    now = NOW + timedelta(minutes=90)
    return [
        *verdicts, claims.standing(found.claims(now), now), [found.is_planned(one) for one in commits], found.first(),
        found.races.dump(), *map(found.registry, (None, "ana", "nobody")), found.unreadable,
    ]  # fmt: skip


def looked_up(found: Recall | Whole, names: list[str]) -> list[object]:
    """What is found by a name, or said of it; where that is, and what ran the same program."""
    said: list[object] = []
    for name in names:
        try:
            run = found.find(name)
        except NotFound as problem:
            said.append(problem.message)
            continue
        program = found.program(run.run_id)
        said += [run, found.anchor(run.run_id), program, list(found.of_program(program or ""))]
    return said


def way(session: Session) -> Way:
    of = session.settings
    return Way(
        of.metric, of.direction, of.promote, of.noise, of.vocabulary, of.subject,
        partial(constants, session.reader, of.subject), session.reader.ancestors,
    )  # fmt: skip


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 12))])
def test_whatever_becomes_of_the_runs_the_index_recalls_them(lab: Lab, seed: int) -> None:
    for knob in ("MATRIX_LR", "DEPTH"):
        lab.edit(knob, 3)
        lab.commit(f"{knob} 3")
    team = Team(lab, seed)
    done = []
    for _ in range(30):
        done.append(team.act())
        if team.chance.random() < 0.4:
            session = Session(lab.path)
            assert isinstance(session.recall, Recall)
            whole = Whole(lab.memory, way(session))
            assert told(session.recall, team.commits) == told(whole, team.commits), done
            ids = [run.run_id for run in whole.memory.runs]
            parts = [*(name[1:] for name in ids), *(name[:5] for name in team.commits), "abc1", "nobody"]
            names = [*ids, *team.commits, *parts]
            assert looked_up(session.recall, names) == looked_up(whole, names), done


def test_what_was_read_is_not_read_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new run costs what it takes to read that one; one in between what comes after it."""
    team = Team(lab, 0)
    for minute in range(10, 20):
        team.write("ana", a_run(team.chance, "ana", minute, minute, team.commits[0], None), team.commits[0])
    read: list[int] = []
    follow = Timeline._read

    def counted(self: Timeline, number: int, run: Run) -> None:
        read.append(number)
        follow(self, number, run)

    monkeypatch.setattr(Timeline, "_read", counted)
    for number, (minute, expected) in enumerate([(None, 10), (None, 0), (20, 1), (22, 1), (21, 2), (None, 0)], start=1):
        read.clear()
        if minute is not None:
            team.write("bob", a_run(team.chance, "bob", number, minute, team.commits[0], None), team.commits[0])
        assert isinstance(Session(lab.path).recall, Recall)
        assert len(read) == expected


def test_it_is_read_anew_another_way(lab: Lab) -> None:
    """With other words, another metric, or changed code, nothing of before counts."""
    lab.experiment("raise matrix lr", 1.0)
    session = Session(lab.path)
    database = index.open_at(session.place.state)
    assert isinstance(session.recall, Recall)
    assert Timeline(database, way(session)).is_fresh()
    usual = way(session)
    for changed in (
        replace(usual, metric="loss"), replace(usual, direction="maximize"), replace(usual, promote=0.9),
        replace(usual, noise=0.1), replace(usual, vocabulary=Vocabulary({("peak",): ("lr",)})),
        replace(usual, subject="other.py"),
    ):  # fmt: skip
        assert not Timeline(database, changed).is_fresh()
        ledgers = session.store.chains("ledger")
        found = recall.of(session.place.state, lambda given=ledgers: given, changed, lambda: session.store)
        assert isinstance(found, Recall)
        assert told(found, []) == told(Whole(lab.memory, changed), [])
    database.close()


def test_who_reads_is_not_disturbed_by_who_writes(lab: Lab) -> None:
    lab.experiment("raise matrix lr", 1.0)
    idea = Idea("raise matrix lr")
    session = Session(lab.path)
    before = session.recall.past(idea)
    lab.experiment("raise matrix lr again", 1.1)
    assert [run.run_id for run in session.recall.past(idea).runs] == [run.run_id for run in before.runs]
    assert len(Session(lab.path).recall.past(idea).runs) == 2


def test_without_the_index_the_memory_is_read(lab: Lab) -> None:
    lab.experiment("raise matrix lr", 1.0)
    expected = told(Session(lab.path).recall, [])
    with sqlite3.connect(lab.store.state / index.FILE, isolation_level=None) as other:
        lab.experiment("drop ema", 1.1)
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM chains")
        index._PATIENCE, patience = 0.0, index._PATIENCE
        try:
            found = Session(lab.path).recall
        finally:
            index._PATIENCE = patience
            other.execute("ROLLBACK")
    other.close()
    assert told(found, []) != expected
    damage = (lab.store.state / index.FILE).read_bytes()[:4096] + b"no page" * 20_000
    (lab.store.state / index.FILE).write_bytes(damage)
    assert told(Session(lab.path).recall, []) == told(found, [])


@pytest.mark.long
def test_a_long_history_is_raced_as_a_whole_one(lab: Lab) -> None:
    """Windows are full, programs come back after they have left them, and the state is taken up several times."""
    chance = random.Random(5)
    usual = way(Session(lab.path))
    runs = []
    for number in range(1, 901):
        run = a_run(chance, "ana", number, number, f"c{chance.randrange(700)}", f"c{chance.randrange(700)}")
        runs.append(replace(run, environment=DEVICES[1], status=chance.choice(["keep", "discard", "discard"])))
    entries = [Entry("ana", run.commit, encode(run)) for run in runs]
    late = entries.pop(640)
    database = index.in_memory(entries[:300])
    for more in (entries[300:301], entries[301:850], entries[850:], [late]):
        Timeline(database, usual).update()
        index._insert(database, more)
    Timeline(database, usual).update()
    found = Timeline(database, usual)
    rules = Rules(metric=usual.metric, direction=usual.direction, promote=usual.promote, noise=usual.noise)
    assert found.races.dump() == Races.of(runs, rules).dump()
    for place in (0, 1, 299, 555, 899):
        assert found.races_before(place).dump() == Races.of(runs[:place], rules).dump()
    # Without a rerun: which program its commit holds is known from the runs before.
    commits, blobs = [run.commit for run in runs], [run.change.blob if run.change else None for run in runs]
    again = [n for n in range(300, 900) if commits[n] in commits[:n] and blobs[n] in [None, *blobs[:n]]]
    for place in again[:: len(again) // 5]:
        others = Races.of([*runs[:place], *runs[place + 1 :]], rules)
        assert found.races_before(place, later=True).dump() == others.dump()
    kept = [at for (at,) in database.execute("SELECT at FROM checkpoints")]
    assert 899 in kept and len(kept) < 30


def recalled(lab: Lab, *runs: Run, anchor: str = "") -> Recall:
    """An index of these runs, each a note on `anchor`, else on its own commit."""
    usual = way(Session(lab.path))
    database = index.in_memory([Entry(run.writer, anchor or run.commit, encode(run)) for run in runs])
    Timeline(database, usual).update()
    return Recall(database, usual)


def plain(number: int, **said: object) -> Run:
    run = a_run(random.Random(0), "ana", number, number, f"c{number}", None)
    return replace(run, **({"status": "discard", "change": None, "environment": None} | said))


def test_an_earlier_run_of_another_subject_starts_all_anew(lab: Lab) -> None:
    """What each knob stood at is known from the first run with code: one that comes to be known later may be before."""
    lab.edit("MATRIX_LR", 0.5)
    old = lab.commit("a large matrix lr")
    lab.edit("MATRIX_LR", 0.001)
    new = lab.commit("a small one")
    said = {"description": "matrix lr 0.1", "status": "keep"}
    undated = [plain(number, timestamp_utc=None, **said) for number in range(1, 261)]
    late, early = plain(300, commit=new, **said), plain(299, commit=old, **said)
    entries = [Entry("ana", "e" * 40, encode(run)) for run in undated]
    usual, database = way(Session(lab.path)), index.in_memory([*entries, Entry("ana", new, encode(late))])
    Timeline(database, usual).update()
    index._insert(database, [Entry("ana", old, encode(early))])
    Timeline(database, usual).update()
    whole = index.in_memory([*entries, Entry("ana", new, encode(late)), Entry("ana", old, encode(early))])
    Timeline(whole, usual).update()
    traces = [[row[0] for row in one.execute("SELECT trace FROM places ORDER BY at")] for one in (database, whole)]
    assert traces[0] == traces[1]


def test_the_larger_cluster_comes_first_however_many_crashed(lab: Lab) -> None:
    crashed = [plain(n, status="crash", description=f"idea{n}x") for n in range(1, 25)]
    found = recalled(lab, *crashed, *(plain(n, description="drop ema") for n in (30, 31))).registry()
    assert [(cluster.size, cluster.crashes) for cluster in found.failure_clusters][:2] == [(2, 0), (1, 1)]


def test_of_two_lineages_with_one_best_value_the_earlier_comes_first(lab: Lab) -> None:
    runs = [plain(n, commit=commit, metrics={"val_bpb": 1.0}) for n, commit in ((1, "z" * 7), (2, "a" * 7))]
    assert [one.lineage_root for one in recalled(lab, *runs).registry().best_lineages] == ["z" * 7, "a" * 7]


def test_a_lineage_goes_on_from_a_recorded_parent_that_is_not_here(lab: Lab) -> None:
    runs = [plain(1, commit="a" * 40), plain(2, commit="b" * 40, parent_commit="a" * 40)]
    assert [one.num_runs for one in recalled(lab, *runs).registry().best_lineages] == [2]


def test_what_a_writer_wrote_anew_under_another_name_is_no_conflict(lab: Lab) -> None:
    run = plain(1)
    assert recalled(lab, run, replace(run, writer="bob", seq=9)).unreadable == 0
    assert recalled(lab, run, replace(run, writer="bob", notes="another")).unreadable == 1


def test_it_may_be_closed_in_another_thread(lab: Lab) -> None:
    """`replicate` has threads, and what is garbage is collected in any of them."""
    found = [recalled(lab, plain(1))]
    thread = threading.Thread(target=found.clear)
    thread.start()
    thread.join()
    assert not found
