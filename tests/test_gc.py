"""A discarded experiment outlives its branch, its reflog, its worktree and gc."""

import pytest

from memorylab.store import refs
from tests.conftest import Lab


def forget(lab: Lab) -> None:
    """Do everything that makes git forget what no branch holds."""
    lab.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    lab.git("gc", "-q", "--prune=now")


def assert_recovered(lab: Lab, commit: str) -> None:
    """Its change can be shown, its code restored, here."""
    shown = lab.run("diff", commit[:10], "--json").output
    assert "-DEPTH = 8" in shown and "+DEPTH = 12" in shown
    lab.run("restore", commit[:10])
    assert "DEPTH = 12" in (lab.path / "train.py").read_text()
    lab.git("checkout", "-q", "train.py")
    lab.run("restore", commit[:10], "--branch", "again")
    assert lab.git("rev-parse", "again") == commit
    lab.git("fsck", "--no-dangling")


def test_a_run_that_was_reset_away_comes_back(lab: Lab) -> None:
    commit = lab.experiment("deeper", 1.2, knob="DEPTH", to=12)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    forget(lab)
    assert_recovered(lab, commit)


def test_a_run_of_a_worktree_that_was_removed_comes_back(lab: Lab) -> None:
    lab.git("worktree", "add", "-q", "--detach", str(lab.path.parent / "tree"))
    commit = Lab(lab.path.parent / "tree").experiment("deeper", 1.2, knob="DEPTH", to=12)
    lab.git("worktree", "remove", "--force", str(lab.path.parent / "tree"))
    forget(lab)
    assert_recovered(lab, commit)


@pytest.mark.parametrize("removed", [False, True])
def test_the_hook_alone_pins(lab: Lab, removed: bool) -> None:
    """Killed before `log`: the commit was never logged, but it was made."""
    tree = lab
    if removed:
        lab.git("worktree", "add", "-q", "--detach", str(lab.path.parent / "tree"))
        tree = Lab(lab.path.parent / "tree")
    tree.edit("DEPTH", 12)
    commit = tree.commit("deeper")
    assert commit in lab.memory.plans and not lab.memory.runs
    if removed:
        lab.git("worktree", "remove", "--force", str(tree.path))
    else:
        lab.git("reset", "-q", "--hard", "HEAD~1")
    forget(lab)
    assert "DEPTH = 12" in lab.git("show", f"{commit}:train.py")
    # It can still be logged, by its name, when the result turns up.
    lab.result(1.2)
    lab.run("log", "--commit", commit, "--log", "run.log")
    assert_recovered(lab, commit)


def test_git_notes_prune_takes_nothing_that_is_pinned(lab: Lab) -> None:
    commit = lab.experiment("deeper", 1.2, knob="DEPTH", to=12)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    forget(lab)
    lab.git("notes", f"--ref={refs.LEDGER}{lab.store.writer()}", "prune")
    assert_recovered(lab, commit)


def test_artifacts_survive_with_the_run(lab: Lab) -> None:
    lab.experiment("deeper", 1.2, knob="DEPTH", to=12)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    run = lab.memory.runs[0]
    before = {name: lab.store.blob(artifact.blob) for name, artifact in run.artifacts.items()}
    forget(lab)
    assert {name: lab.store.blob(artifact.blob) for name, artifact in run.artifacts.items()} == before
    assert None not in before.values() and {"run.log", "train.patch"} <= set(before)
