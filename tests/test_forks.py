"""Two clones under one writer's id, and one writer in two clones, one after the other: nothing is lost, all agree."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from memorylab.store import refs
from memorylab.store.files import locked
from tests import test_kills
from tests.conftest import Lab
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
)

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
