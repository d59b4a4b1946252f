"""The memory shared with plain git, and what plain git does to it when it prunes, forces and mirrors."""

import json

import pytest

from memorylab.store import refs
from tests.conftest import Lab
from tests.test_concurrency import journal, noted
from tests.test_gc import forget
from tests.test_sync import (
    VIEWS,
    ann,
    assert_whole,
    bob,
    damage,
    hub,
    ids,
    log,
    me,
    own,
    pauses,
    refs_in,
    views,
)

__all__ = ["ann", "bob", "hub", "pauses"]  # fixtures

# What a user may type, and which of our own refs it takes from a clone: those that were there are gone, or moved back.
OWN = ("journal", "ledger", "decisions")
TAKING = {
    "prune": (["fetch --prune"], ()),
    "prune, as configured": (["config fetch.prune true", "fetch"], ()),
    "force": (["fetch --force"], ()),
    "notes moved back": (["fetch --force origin +refs/notes/*:refs/notes/*"], OWN[1:]),
    "notes pruned": (["fetch --force --prune origin +refs/notes/*:refs/notes/*"], OWN[1:]),
    "journals pruned": (["fetch --prune origin +refs/memorylab/*:refs/memorylab/*"], OWN[:1]),
    "mirror": (["remote add --mirror=fetch copy HUB", "fetch --prune copy"], OWN),
    "remote update": (["remote add --mirror=fetch copy HUB", "remote update --prune"], OWN),
    "remote removed": (["remote remove origin"], ()),
    "remote renamed": (["remote rename origin other"], ()),
}


def push(lab: Lab) -> None:
    """As the documentation has it."""
    lab.git("push", "-q", "origin", "refs/notes/memorylab/*", "refs/memorylab/journal/*")


def do(lab: Lab, hub: Lab, commands: list[str]) -> None:
    # git does not fetch into a branch that is checked out.
    lab.git("checkout", "-q", "--detach")
    for command in commands:
        lab.git(*command.replace("HUB", str(hub.path)).split(" "))


def assert_goes_on(lab: Lab, runs: list[str]) -> None:
    """Everything is there once, in the journal as in the notes, numbered without a gap, and is seen."""
    entries = [record for record, _ in journal(lab, me(lab))]
    assert [record["seq"] for record in entries] == list(range(1, len(entries) + 1))
    assert sorted(map(str, noted(lab, me(lab)))) == sorted(map(str, entries))
    assert set(runs) <= set(ids(lab))
    shown = [json.loads(line)["run_id"] for line in (lab.path / VIEWS[0]).read_text().splitlines()]
    assert sorted(shown) == ids(lab)
    lab.run("verify")


@pytest.mark.long
def test_what_plain_git_shares(hub: Lab, ann: Lab, bob: Lab) -> None:
    commit = ann.experiment("deeper", 1.2, knob="DEPTH", to=12)
    ann.git("reset", "-q", "--hard", "HEAD~1")
    log(bob, "his")
    push(ann)
    push(bob)
    for lab in (ann, bob):
        lab.git("fetch", "-q")
    assert len(ids(ann)) == 2
    assert_whole(ann, bob)
    assert "+DEPTH = 12" in bob.run("diff", commit, "--json").stdout
    # Nothing is left for sync to do, which counts plain git's pushes and fetches as its own.
    assert "not on origin" not in ann.run("status").stdout
    for lab in (ann, bob):
        assert lab.run("sync").output == "origin: nothing new\n"


def test_plain_git_does_not_push_anothers(hub: Lab, ann: Lab, bob: Lab) -> None:
    """What was fetched is beside our own refs, where the patterns do not reach."""
    log(bob, "his")
    push(bob)
    ann.git("fetch", "-q")
    log(ann, "hers")
    before = refs_in(hub)
    push(ann)
    assert refs_in(hub) == before | refs_in(ann, *own(ann))


CASES = [
    *((how, "log") for how in TAKING),
    *((how, after) for how in ("notes moved back", "notes pruned", "mirror") for after in ("status", "sync", "hook")),
]


@pytest.mark.long
@pytest.mark.parametrize(("how", "after"), CASES)
def test_what_was_not_pushed_survives(hub: Lab, ann: Lab, bob: Lab, how: str, after: str) -> None:
    """Whichever command is the next: it goes on with the right number, and what was taken is there again."""
    log(bob, "his")
    bob.run("sync")
    log(ann, "earlier")
    ann.run("sync")
    log(ann, "not shared")
    runs, ours = ids(ann), refs_in(ann, *own(ann))
    commands, taken = TAKING[how]
    do(ann, hub, commands)
    left = refs_in(ann, *ours)
    assert {kind for kind, ref in refs.of(me(ann)) if left.get(ref) != ours[ref]} == set(taken)
    remote = ann.git("remote").splitlines()[:1]
    if after == "log":
        runs.append(log(ann, "next", 0.5))
    elif after == "hook":
        ann.edit("DEPTH", 12)
        ann.commit("next")
    elif after == "sync" and remote:
        ann.run("sync", *remote)
        assert refs_in(hub, *own(ann)) == refs_in(ann, *own(ann)) == ours
    ann.run("status")
    assert_goes_on(ann, runs)
    assert len(ids(ann)) == 3 + (after == "log") and len(ann.memory.plans) == (after == "hook")
    if remote:
        ann.run("sync", *remote)
        bob.run("sync")
        assert_whole(ann, bob)


@pytest.mark.parametrize("how", ["notes pruned", "mirror"])
def test_what_was_never_pushed_survives(hub: Lab, ann: Lab, how: str) -> None:
    """Not even a first time: all of ours is taken."""
    log(ann, "not shared")
    do(ann, hub, TAKING[how][0])
    runs = [log(ann, "next")]
    assert_goes_on(ann, runs)
    assert len(ids(ann)) == 2


@pytest.mark.long
@pytest.mark.parametrize("gc", [False, True])
@pytest.mark.parametrize("how", ["deleted", "unrelated", "truncated"])
def test_what_others_lost_on_the_remote_is_put_back(hub: Lab, ann: Lab, bob: Lab, how: str, gc: bool) -> None:
    for description in ("one", "two"):
        log(bob, description)
    bob.run("sync")
    ann.run("sync")
    runs, copies = ids(ann), refs_in(ann, refs.REMOTES)
    before = views(ann)
    for ref in own(bob):
        damage(hub, ref, how)
    ann.git("fetch", "-q", "--prune" if how == "deleted" else "--force")
    assert refs_in(ann, refs.REMOTES) != copies
    if gc:
        forget(ann)
    done = ann.run("status")
    assert "had lost what was remembered, and was put back" in done.stderr
    assert refs_in(ann, refs.REMOTES) == copies and ids(ann) == runs
    assert views(ann) == before
    ann.run("verify")
    assert ann.run("status").stderr == ""
    ann.git("fsck", "--no-dangling")
    # The remote is no better for it, and the next sync says so.
    assert me(bob) in ann.run("sync").stderr
    assert ids(ann) == runs


@pytest.mark.long
@pytest.mark.parametrize("how", ["notes pruned", "journals pruned", "mirror"])
def test_a_plan_that_the_hook_has_just_written_survives(hub: Lab, ann: Lab, how: str) -> None:
    """No command has looked at it since: it is not known to have been there."""
    log(ann, "earlier")
    ann.run("sync")
    ann.edit("DEPTH", 12)
    commit = ann.commit("next")
    assert commit in ann.memory.plans
    do(ann, hub, TAKING[how][0])
    ann.run("status")
    assert commit in ann.memory.plans
    assert_goes_on(ann, [])


def test_a_decision_after_a_fetch_that_took_is_made_on_all_that_is_known(hub: Lab, ann: Lab) -> None:
    """The run that `log` compares with was among what was taken."""
    log(ann, "the best", 0.5)
    do(ann, hub, TAKING["mirror"][0])
    logged = log(ann, "worse", 0.9)
    run = ann.memory.find(logged)
    assert run.decision_packet is not None
    assert run.decision_packet.comparison.prior_champion_value == 0.5
