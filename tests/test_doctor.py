"""doctor: what the memory takes in git, that it starts where others refuse, that hooks are proved by running."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from memorylab import index
from memorylab.commands import hooks
from memorylab.store import git
from tests.conftest import Lab
from tests.test_doctor_repair import codes, doctor, everything, log, needs_files


@pytest.mark.long
def test_what_the_memory_takes(lab: Lab) -> None:
    lab.experiment("raise matrix lr", 1.0)
    found = json.loads(lab.run("doctor", "--json").stdout)
    counted = dict(line.split(": ") for line in lab.git("count-objects", "-v").splitlines())
    assert (found["runs"], found["loose_objects"], found["packs"]) == (1, int(counted["count"]), 0)
    assert found["objects_bytes"] == int(counted["size"]) * 1024 == found["bytes_per_1000_runs"] // 1000
    assert found["index_bytes"] >= (lab.store.state / index.FILE).stat().st_size and found["advice"] == []
    assert lab.run("doctor").stdout.endswith("Nothing to be done.\n")


@pytest.mark.long
def test_when_to_gc(lab: Lab) -> None:
    """Advice is nothing that is wrong."""
    lab.experiment("raise matrix lr", 1.0)
    lab.git("config", "gc.auto", "10")
    said = lab.run("doctor").stdout
    assert "loose objects slow git down" in said and "`git gc`" in said and said.endswith("Nothing is wrong.\n")
    lab.git("gc", "-q")
    assert lab.run("doctor").stdout.endswith("Nothing to be done.\n")
    lab.git("config", "gc.auto", "0")
    (lab.path / ".git/objects/pack/tmp_pack_x").write_text("x")
    assert "1 file in .git/objects" in lab.run("doctor").stdout


@pytest.mark.long
def test_a_log_adds_as_many_loose_objects_as_is_said(lab: Lab) -> None:
    """docs/performance.md says how many; each is a file of at least a block."""
    lab.experiment("first", 1.0)
    lab.edit("DEPTH", 9)
    lab.commit("second")
    before = int(lab.git("count-objects").split()[0])
    lab.result(1.1)
    lab.run("log", "--log", "run.log")
    assert int(lab.git("count-objects").split()[0]) - before <= 20


# -- where other commands refuse --------------------------------------------------------------------------------------


def test_a_configuration_that_git_cannot_read(lab: Lab) -> None:
    with (lab.path / ".git/config").open("a") as file:
        file.write("[core\n")
    for options in ((), ("--repair",)):
        found = doctor(lab, *options, rc=1)
        assert codes(found) == {"config-unreadable"} and "line" in found["findings"][0]["message"]
    assert "error config-unreadable: " in lab.run("doctor", rc=1).stdout


@pytest.mark.parametrize("how", ["emptied", "lost", "of a worktree"])
def test_a_head_that_a_power_cut_emptied(lab: Lab, how: str) -> None:
    """git goes by it as by nothing else: there was no repository to any command, and the advice was to begin one."""
    lab.git("checkout", "-q", "-b", "it's")
    where, path = lab, lab.path / ".git/HEAD"
    if how == "of a worktree":
        lab.git("worktree", "add", "-q", "-b", "other", "../tree")
        where, path = Lab(lab.path.with_name("tree")), lab.path / ".git/worktrees/tree/HEAD"
        where.git("checkout", "-q", "-b", "it's-too")
    before = path.read_bytes()
    path.write_bytes(b"")
    if how == "lost":
        path.unlink()
    assert f"{path} names no branch" in where.run("status", rc=3).stderr
    (where.path / "in").mkdir()
    for options in ((), ("--repair",)):
        found = doctor(Lab(where.path / "in"), *options, rc=1)
        assert codes(found) == {"head-unreadable"} and str(path) in found["findings"][0]["message"]
    remedy = found["findings"][0]["remedy"].split("`")[1]
    subprocess.run(remedy, shell=True, check=True)
    assert path.read_bytes() == before
    where.run("status")


@pytest.mark.long
@needs_files
def test_a_branch_that_a_power_cut_emptied(lab: Lab) -> None:
    """git said that nothing was committed yet, and the doctor that nothing was to be done."""
    lab.experiment("deeper", 1.0, knob="DEPTH", to=9)
    last, path = lab.git("rev-parse", "HEAD"), lab.path / ".git" / lab.git("symbolic-ref", "HEAD")
    before = path.read_bytes()
    path.write_bytes(b"")
    found = doctor(lab, "--repair", rc=1)
    assert "branch-unreadable" in codes(found) and path.read_bytes() == b""
    remedy = next(one["remedy"] for one in found["findings"] if one["code"] == "branch-unreadable")
    subprocess.run(remedy.split("`")[1], shell=True, cwd=lab.path, check=True)
    assert path.read_bytes() == before and not lab.git("status", "--porcelain") and lab.git("rev-parse", "HEAD") == last
    doctor(lab, rc=0)


def test_a_form_that_is_not_known(lab: Lab) -> None:
    lab.git("config", "core.repositoryFormatVersion", "1")
    lab.git("config", "extensions.fromTheFuture", "true")
    found = doctor(lab, rc=1)
    assert codes(found) == {"format-unsupported"} and "fromthefuture" in found["findings"][0]["message"].lower()


def test_no_repository_is_no_finding(tmp_path: Path) -> None:
    assert "not a git repository" in Lab(tmp_path).run("doctor", rc=3).stderr


@pytest.mark.parametrize("where", ["git config", pytest.param("pyproject.toml", marks=pytest.mark.long)])
def test_a_setting_that_cannot_be_used(lab: Lab, where: str) -> None:
    """All the rest is looked at nevertheless."""
    if where == "git config":
        lab.git("config", "memorylab.threshold", "many")
    else:
        (lab.path / "pyproject.toml").write_text("[tool.memorylab\n")
    (lab.path / ".git/memorylab/spool").write_text("nothing\n")
    found = doctor(lab, rc=1)
    assert codes(found) == {"setting-unusable", "spool-left"}
    assert where in found["findings"][0]["message"] + found["findings"][0]["remedy"]


def test_a_repository_in_which_nothing_was_set_up(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("bare", init=False)
    was = everything(lab)
    found = doctor(lab, rc=0)
    assert [one["code"] for one in found["findings"]] == ["not-set-up"] and everything(lab) == was
    empty = Lab(lab.path.with_name("empty"))
    empty.path.mkdir()
    empty.git("init", "-q")
    doctor(empty, rc=0)


# -- hooks ------------------------------------------------------------------------------------------------------------


def files(lab: Lab) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in lab.path.rglob("*") if path.is_file() and ".git" not in path.parts}


def hook(lab: Lab, name: str = "post-commit") -> Path:
    return lab.path / ".git/hooks" / name


def point_elsewhere(lab: Lab) -> None:
    (lab.path / ".githooks").mkdir()
    lab.git("config", "core.hooksPath", ".githooks")


def not_executable(lab: Lab) -> None:
    hook(lab).chmod(0o644)


def deleted(lab: Lab) -> None:
    hook(lab, "post-rewrite").unlink()


def shims_gone(lab: Lab) -> None:
    (lab.path / ".git/memorylab/hooks/settings").unlink()


def exits_early(lab: Lab) -> None:
    """What a user put before our lines."""
    hook(lab).write_text(hook(lab).read_text().replace("#!/bin/sh\n", "#!/bin/sh\nexit 0\n", 1))


def never_calls_ours(lab: Lab) -> None:
    hook(lab).write_text("#!/bin/sh\necho mine\n")


def another_interpreter(lab: Lab) -> None:
    hook(lab).write_text("#!/usr/bin/env python3\nprint('mine')\n")


def program_fails(lab: Lab) -> None:
    """A venv whose Python is gone, as it is left by an upgrade of the system."""
    program = lab.path.parent / "git-memorylab"
    program.write_text("#!/gone/python3\n")
    program.chmod(0o755)
    settings = lab.path / ".git/memorylab/hooks/settings"
    settings.write_text(f"train.py\n{program}\n")


def program_gone(lab: Lab) -> None:
    (lab.path / ".git/memorylab/hooks/settings").write_text("train.py\n/gone/venv/bin/git-memorylab\n")


def other_subject(lab: Lab) -> None:
    (lab.path / "solve.py").write_text("x = 1\n")
    lab.git("config", "memorylab.subject", "solve.py")


INERT = {
    not_executable: ("hooks-inert", True), deleted: ("hooks-inert", True), shims_gone: ("hooks-inert", True),
    exits_early: ("hooks-inert", True), never_calls_ours: ("hooks-inert", True), program_fails: ("hooks-inert", True),
    program_gone: ("hooks-program-gone", True), other_subject: ("hooks-subject", True),
    point_elsewhere: ("hooks-inert", False), another_interpreter: ("hooks-inert", False),
}  # fmt: skip


@pytest.mark.skipif(
    git.version() >= hooks.CONFIG_HOOKS_SINCE, reason="`init` puts the hooks into the configuration of this git"
)
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(one, id=one.__name__.replace("_", " "), marks=() if one is exits_early else pytest.mark.long)
        for one in INERT
    ],
)
def test_a_hook_that_does_not_come_through(lab: Lab, damage: Callable[[Lab], None]) -> None:
    """However it comes that it does not: what counts is whether a commit is remembered."""
    code, mends = INERT[damage]
    log(lab, "one")
    assert doctor(lab, rc=0)["findings"] == []
    damage(lab)
    was, beside = everything(lab), files(lab)
    found = doctor(lab, rc=1)
    assert codes(found) == {code} and [one["mends"] for one in found["findings"]] == [mends]
    assert everything(lab) == was and files(lab) == beside, "no trace of the canary"
    done = doctor(lab, "--repair", rc=0 if mends else 1)
    assert codes(done) == (set() if mends else {code})
    if mends:
        subject = lab.path / ("solve.py" if damage is other_subject else "train.py")
        subject.write_text("DEPTH = 99\n")
        lab.git("add", "-A")
        assert "memorylab: novel" in said_by_git(lab, "commit", "-qm", "depth 99")


def said_by_git(lab: Lab, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=lab.path, capture_output=True, text=True, env=os.environ)
    return done.stdout + done.stderr


@pytest.mark.long
def test_a_hook_of_the_users_is_kept_and_runs_in_the_canary_without_a_remote(lab: Lab) -> None:
    """It is run on a commit of its own, and can neither push it nor leave it behind."""
    hub = lab.path.parent / "hub.git"
    lab.git("init", "-q", "--bare", str(hub))
    lab.git("remote", "add", "origin", str(hub))
    path = hook(lab)
    path.write_text(path.read_text() + "git push -q origin HEAD:refs/heads/canary\nsleep 0\nexit 1\n")
    head, was = lab.git("rev-parse", "HEAD"), everything(lab)
    assert codes(doctor(lab)) <= {"refspec-missing"}
    assert lab.git("rev-parse", "HEAD") == head and everything(lab) == was
    assert not Lab(hub).git("for-each-ref")


@pytest.mark.long
def test_hooks_in_a_worktree_and_in_a_subfolder(lab: Lab) -> None:
    lab.git("worktree", "add", "-q", str(lab.path.parent / "tree"))
    assert doctor(Lab(lab.path.parent / "tree"), rc=0)["findings"] == []
    (lab.path / "sub").mkdir()
    assert doctor(Lab(lab.path / "sub"), rc=0)["findings"] == []
    assert hooks.NAMES == ("post-commit", "post-rewrite")
