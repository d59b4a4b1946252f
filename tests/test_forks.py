"""Two clones under one writer's id, and one writer in two clones, one after the other: nothing is lost, all agree."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memorylab.store import refs
from memorylab.store.files import locked
from tests import test_kills
from tests.conftest import Hub, Lab
from tests.test_sync import (
    MEMORY,
    VIEWS,
    ann,
    assert_whole,
    bob,
    hub,
    ids,
    log,
    me,
    own,
    pauses,
    refs_in,
    synced,
    unrelated,
)

pytestmark = pytest.mark.long  # for their length alone

__all__ = ["ann", "bob", "hub", "pauses"]  # fixtures


def copy(lab: Lab, name: str) -> Lab:
    """`cp -r`."""
    shutil.copytree(lab.path, lab.path.with_name(name), symlinks=True)
    return Lab(lab.path.with_name(name))


def fork(lab: Lab) -> Lab:
    """`mv`, then `cp -r` to where it was: the moved clone is known by its inode, the copy by its path."""
    lab.path.rename(lab.path.with_name("moved"))
    moved = Lab(lab.path.with_name("moved"))
    assert copy(moved, lab.path.name).path == lab.path
    assert me(moved) == me(lab)
    return moved


def numbers(lab: Lab, writer: str) -> list[int]:
    """The sequence of a writer's journal, wherever it is from."""
    tips = {tip for name, tip in lab.store.chains("journal") if name == writer}
    found = [[entry.seq for entry in lab.store.journal(tip)][::-1] for tip in tips]
    return max(found, key=len, default=[])


def assert_healed(*labs: Lab) -> None:
    """After each has synced, and again: all is in all of them, under names of their own, numbered without a gap."""
    for lab in (*labs, *labs):
        lab.run("sync")
    writers = {me(lab) for lab in labs}
    assert len(writers) == len(labs)
    for lab in labs:
        for writer in {name for name, _ in lab.store.chains("ledger")}:
            found = numbers(lab, writer)
            assert found == list(range(1, len(found) + 1))
    assert_whole(*labs)


def test_a_copied_clone_has_a_name_of_its_own(hub: Lab, ann: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    log(ann, "not shared yet")
    other = copy(ann, "other")
    assert other.store.writer() is None
    log(other, "by the copy")
    assert me(other) != me(ann)
    # It has the other's refs from before it was copied, which are none of its own.
    other.run("sync")
    assert len(refs_in(hub, *MEMORY)) == 6
    assert hub.git("rev-parse", own(ann)[0]) != ann.git("rev-parse", own(ann)[0])
    log(ann, "by the first")
    assert_healed(ann, other)
    assert len(ids(other)) == 4


def test_a_moved_clone_keeps_its_name(hub: Lab, ann: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    before = me(ann)
    ann.path.rename(ann.path.with_name("moved"))
    moved = Lab(ann.path.with_name("moved"))
    log(moved, "two")
    assert me(moved) == before and synced(moved)["went"] == 1
    assert numbers(moved, before) == [1, 2]


@pytest.mark.long
@pytest.mark.parametrize("before", ["nothing", "unshared", "shared", "some of each"])
def test_two_clones_of_one_name_are_healed(hub: Lab, ann: Lab, bob: Lab, before: str) -> None:
    """Whatever had gone to the remote when they parted. Records of every kind, with what belongs to them."""
    total = 0
    if before in ("shared", "some of each"):
        log(ann, "shared")
        ann.run("sync")
        total += 1
    if before in ("unshared", "some of each"):
        log(ann, "unshared")
        total += 1
    if before == "nothing":
        ann.run("check", "--record", "--description", "only to have a name")
    moved, name = fork(ann), me(ann)
    for lab, depth in ((ann, 12), (moved, 16)):
        commit = lab.experiment(f"depth {depth}", 0.9, knob="DEPTH", to=depth)
        lab.run("amend", commit, "--notes", f"by {lab.path.name}")
        log(lab, "again")
        total += 2
    artifacts = {name: one.blob for run in moved.memory.runs for name, one in run.artifacts.items()}
    ann.run("sync")
    done = moved.run("sync")
    assert "another clone writes as the one here did; this one is " in done.stderr and done.stderr.count("\n") == 1
    assert me(ann) == name != me(moved) and me(moved).startswith("ann-")
    assert_healed(ann, moved)
    bob.run("sync")
    assert_whole(ann, moved, bob)
    assert len(ids(bob)) == total
    assert {run.notes for run in bob.memory.runs} == {"", "by ann", "by moved"}
    assert all(bob.store.has(oid) for oid in artifacts.values())
    # The one that has another name now goes on where it is.
    log(moved, "later")
    assert synced(moved)["went"] == 1 and numbers(moved, me(moved))[-1] == len(numbers(moved, me(moved)))
    hub.git("fsck", "--strict", "--no-dangling")


def test_what_comes_with_a_healing_is_seen(hub: Lab, ann: Lab, bob: Lab) -> None:
    """Only the last attempt was told of and shown: nothing was said to have come, nor to have happened."""
    log(ann, "one")
    ann.run("sync")
    moved = fork(ann)
    log(ann, "two")
    log(bob, "his")
    log(moved, "three")
    ann.run("sync")
    bob.run("sync")
    done = moved.run("sync")
    assert done.stdout == "origin: 2 records of 2 writers came, 1 record went\n"
    assert "another clone writes as the one here did" in done.stderr
    shown = [json.loads(line)["description"] for line in (moved.path / VIEWS[0]).read_text().splitlines()]
    assert sorted(shown) == ["his", "one", "three", "two"]


def test_a_fork_with_nothing_of_its_own_goes_on_with_the_others(hub: Lab, ann: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    moved, name = fork(ann), me(ann)
    log(ann, "two")
    ann.run("sync")
    said = synced(moved)
    assert said["remarks"] == [] and said["changed"] and me(moved) == name
    assert refs_in(moved, *own(moved)) == refs_in(ann, *own(ann))
    assert_whole(ann, moved)
    # Only when both write do they part.
    log(moved, "three")
    log(ann, "four")
    moved.run("sync")
    assert_healed(ann, moved)
    assert me(moved) == name and len(ids(ann)) == 4


def test_three_clones_of_one_name(hub: Lab, ann: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    first = fork(ann)
    second = copy(first, "elsewhere")
    shutil.rmtree(ann.path)
    ann = copy(second, "ann")
    # A third one has the name when the first is moved away and a copy put in its place again.
    labs = [ann, first]
    for n, lab in enumerate(labs):
        log(lab, f"by {n}")
    second_name = second.store.writer()
    assert second_name is None
    log(second, "by 2")
    assert_healed(*labs, second)
    assert len(ids(second)) == 4


def test_a_fork_of_notes_alone(hub: Lab, ann: Lab) -> None:
    """The journal of the other one was never fetched: it could not be seen what it has."""
    ann.git("config", "memorylab.notesOnly", "true")
    moved = fork(ann)
    log(ann, "one")
    log(moved, "two")
    ann.run("sync")
    assert "another clone" in moved.run("sync").stderr
    assert_healed(ann, moved)
    assert len(ids(ann)) == 2


def test_what_is_logged_while_a_fork_is_healed_comes_along(hub: Lab, ann: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another process, after the journal was read and before it was locked: its refs were deleted with the rest."""
    log(ann, "one")
    ann.run("sync")
    moved = fork(ann)
    log(ann, "two")
    ann.run("sync")
    log(moved, "three")
    described = iter(("four", "five"))

    def late(path: Path, *arguments: object) -> object:
        if path == moved.store.state / "lock" and (description := next(described, None)):
            log(moved, description)
        return locked(path, *arguments)

    monkeypatch.setattr("memorylab.ledger.locked", late)
    moved.run("sync")
    assert next(described, None) is None
    assert_healed(ann, moved)
    assert {run.description for run in ann.memory.runs} == {"one", "two", "three", "four", "five"}


# -- killed while it is healed ----------------------------------------------------------------------------------------


class Killer(test_kills.Killer):
    """Kills before a ref or a file is moved or a git is started, counted from when the fork is seen on."""

    seen = False

    def __call__(self, frame: FrameType, event: str, function: object) -> None:
        self.seen = self.seen or (event == "call" and frame.f_code.co_name in ("part", "adopt"))
        if self.seen and event == "c_call" and getattr(function, "__name__", "") in MOVES:
            self.taken += 1
            if self.taken == self.due:
                os.kill(os.getpid(), signal.SIGKILL)


MOVES = ("git_transaction_lock_ref", "git_transaction_commit", "replace", "fork_exec")


def as_it_was(*labs: Lab) -> Iterator[None]:
    """Again and again the same repositories."""
    for lab in labs:
        shutil.copytree(lab.path, lab.path.with_name(f"{lab.path.name}.kept"), symlinks=True)
    while True:
        yield
        for lab in labs:
            shutil.rmtree(lab.path)
            shutil.copytree(lab.path.with_name(f"{lab.path.name}.kept"), lab.path, symlinks=True)


# Once the refs are in order, the steps are those of any sync.
@pytest.mark.long
@pytest.mark.parametrize("points", [(*range(1, 14, 2), 20), (*range(2, 14, 2), 30)], ids=["odd", "even"])
def test_killed_while_two_clones_of_one_name_are_healed(
    hub: Lab, ann: Lab, points: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every step: two names had the same records, or one name two journals, and nothing put that right any more."""
    monkeypatch.setattr("tests.test_kills.Killer", Killer)
    log(ann, "one")
    ann.run("sync")
    moved = fork(ann)
    log(ann, "two")
    ann.run("sync")
    log(moved, "three")
    log(moved, "four")
    runs = sorted({*ids(ann), *ids(moved)})
    for due, _ in zip(points, as_it_was(hub, ann, moved), strict=False):
        assert not test_kills.log_and_die(moved, due, "sync")
        assert set(ids(moved)) >= set(runs) - set(ids(ann))
        if due % 4 < 2:
            moved.run("status")
        moved.run("sync")
        ann.run("sync")
        assert ids(moved) == ids(ann) == runs
        assert_whole(ann, moved)
        assert numbers(moved, me(moved)) == [1, 2] and len(refs_in(moved, refs.JOURNAL)) == 1


@pytest.mark.long
@pytest.mark.parametrize("point", range(1, 12, 2))
def test_killed_while_it_goes_on_with_the_others(
    hub: Lab, ann: Lab, point: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.test_kills.Killer", Killer)
    log(ann, "one")
    ann.run("sync")
    moved, name = fork(ann), me(ann)
    log(ann, "two")
    ann.run("sync")
    assert not test_kills.log_and_die(moved, point, "sync")
    moved.run("sync")
    assert me(moved) == name and refs_in(moved, *own(moved)) == refs_in(ann, *own(ann))
    assert_whole(ann, moved)


# -- one writer, one clone after another ------------------------------------------------------------------------------


@pytest.mark.parametrize("light", [False, True], ids=["whole", "notes only"])
@pytest.mark.parametrize("exact", [False, True], ids=["by name", "by id"])
def test_a_container_that_comes_back_goes_on(hub: Hub, ann: Lab, exact: bool, light: bool) -> None:
    """Also where only notes are fetched: there it got another name each time, as the journal was not there."""
    log(ann, "one")
    log(ann, "two")
    ann.run("sync")
    before, name = refs_in(hub, *own(ann)), me(ann)
    shutil.rmtree(ann.path)
    again = hub.join("again", init=False)
    if light:
        again.git("config", "memorylab.notesOnly", "true")
    said = again.run("init", "--writer", name if exact else "ann").stdout
    assert f"writer: {name}\n" in said and me(again) == name
    log(again, "three")
    assert synced(again)["went"] == 1
    assert numbers(again, name) == [1, 2, 3] and len(ids(again)) == 3
    for ref, oid in before.items():
        hub.git("merge-base", "--is-ancestor", oid, ref)
    assert len(refs_in(hub, *MEMORY)) == 3
    again.run("verify")


def test_a_name_that_is_not_known_is_new(hub: Hub, ann: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    other = hub.join("anna")
    assert me(other).startswith("anna-") and other.run("sync").stdout == "origin: nothing new\n"


def test_two_containers_of_one_name_at_once(hub: Hub, ann: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    name = me(ann)
    shutil.rmtree(ann.path)
    labs = [hub.join("first", init=False), hub.join("second", init=False)]
    for lab in labs:
        lab.run("init", "--writer", "ann")
        assert me(lab) == name
        lab.experiment(f"in {lab.path.name}", 0.9, knob="DEPTH", to=len(lab.path.name))
    for process in [lab.spawn("sync") for lab in labs]:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert_healed(*labs)
    assert name in {me(lab) for lab in labs} and len(ids(labs[0])) == 3


def test_a_name_that_has_notes_alone_is_not_taken_over(hub: Hub, ann: Lab) -> None:
    """Without its journal there is nothing to go on from; what it noted is read all the same."""
    log(ann, "one")
    ann.run("sync")
    hub.git("update-ref", "-d", own(ann)[0])
    again = hub.join("again", init=False)
    again.run("init", "--writer", "ann")
    assert me(again) != me(ann) and me(again).startswith("ann-")
    log(again, "two")
    assert synced(again)["went"] == 1 and len(ids(again)) == 2
    ann.run("sync")
    assert_healed(ann, again)


@pytest.mark.parametrize("damage", ["a commit", "a merge", "no ledger", "another's journal"])
def test_what_is_no_journal_is_not_taken_over(hub: Hub, bob: Lab, damage: str) -> None:
    """It was, and then nothing could be logged any more."""
    log(bob, "one")
    bob.run("sync")
    name, head = "ann-00000000", hub.git("rev-parse", "main")
    other = unrelated(hub, head)
    tree, identity = hub.git("rev-parse", "main^{tree}"), ("-c", "user.name=x", "-c", "user.email=x@x")
    tips = {
        "a commit": other,
        "a merge": hub.git(*identity, "commit-tree", tree, "-p", head, "-p", other, "-m", "x\n\nSeq: 7"),
    }
    hub.git("update-ref", refs.JOURNAL + name, tips.get(damage, hub.git("rev-parse", own(bob)[0])))
    if damage != "no ledger":
        hub.git("update-ref", refs.LEDGER + name, hub.git("rev-parse", own(bob)[1]))
    ann = hub.join("ann")
    assert me(ann) != name and me(ann).startswith("ann-")
    log(ann, "two")
    assert synced(ann)["went"] == 1 and numbers(ann, me(ann)) == [1]


def test_of_several_of_one_name_the_latest_goes_on(hub: Hub, ann: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    other = hub.join("other", init=False)
    other.run("init", "--writer", "ann")
    assert me(other) != me(ann)
    with clock(monkeypatch, timedelta(hours=1)):
        log(ann, "the later")
    log(other, "the earlier")
    for lab in (ann, other):
        lab.run("sync")
    latest = hub.join("latest", init=False)
    latest.run("init", "--writer", "ann")
    assert me(latest) == me(ann)
    named = hub.join("named", init=False)
    named.run("init", "--writer", me(other))
    assert me(named) == me(other)


# -- clocks, and any order --------------------------------------------------------------------------------------------


@contextmanager
def clock(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> Iterator[None]:
    """A clone's clock that is wrong."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + ahead

    with monkeypatch.context() as patch:
        patch.setattr("memorylab.commands.session.datetime", Wrong)
        yield


def test_clocks_that_disagree_by_a_day(hub: Lab, ann: Lab, bob: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is that of the times that are written, the same everywhere; an amendment applies wherever it stands."""
    for turn in range(2):
        for lab, ahead in ((ann, timedelta(days=1)), (bob, timedelta())):
            with clock(monkeypatch, ahead):
                log(lab, f"{lab.path.name} {turn}")
                lab.run("sync")
    run = ids(ann)[-1]
    bob.run("sync")
    bob.run("amend", run, "--notes", "from yesterday")
    moved = fork(ann)
    with clock(monkeypatch, timedelta(days=1)):
        log(ann, "tomorrow")
        ann.run("sync")
    log(moved, "today")
    for lab in (bob, moved):
        lab.run("sync")
    assert_healed(ann, bob, moved)
    assert ann.memory.find(run).notes == "from yesterday"
    times = [run.timestamp_utc or "" for run in moved.memory.runs]
    assert times == sorted(times) and len(times) == 6 and times[0][:10] < times[-1][:10]


ACTS = st.tuples(st.sampled_from(["log", "sync", "fetch", "push"]), st.integers(0, 2))


@pytest.mark.long
def test_any_order_of_logs_and_syncs_converges(hub: Lab, ann: Lab, bob: Lab) -> None:
    """Among three clones, of which two have one name."""
    log(ann, "one")
    ann.run("sync")
    labs = (ann, bob, fork(ann))
    labs[2].run("init")  # so that it is known by its path, which a copy of it has too
    states = as_it_was(hub, *labs)

    @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(ACTS, min_size=4, max_size=9))
    def check(acts: list[tuple[str, int]]) -> None:
        next(states)
        logged = set(ids(ann))
        for act, which in acts:
            lab = labs[which]
            if act == "log":
                logged.add(log(lab, f"by {which}"))
            elif act == "sync":
                lab.run("sync")
            elif act == "fetch":
                lab.git("fetch", "-q", check=False)
            else:
                # Refused where another clone of the same name was first.
                lab.git("push", "-q", "origin", "refs/notes/memorylab/*", "refs/memorylab/journal/*", check=False)
        for lab in (*labs, *labs):
            lab.run("sync")
        assert set(ids(bob)) == logged
        assert_whole(*labs)

    check()
