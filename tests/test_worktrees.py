"""Agents in worktrees of one clone share its memory at once; what `git log` shows is everybody's, in every clone."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from memorylab.store import display, notes, refs
from tests.conftest import Hub, Lab, Templates

pytestmark = pytest.mark.long  # for their length alone


def add_worktree(lab: Lab, name: str) -> Lab:
    """A worktree on a branch of its own, beside the others."""
    path = lab.path.parent / f"{lab.path.name}-{name}"
    lab.git("worktree", "add", "-q", "-b", name, str(path), "main")
    return Lab(path)


def forget(lab: Lab) -> None:
    """Do everything that makes git forget what no ref holds."""
    lab.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    lab.git("gc", "-q", "--prune=now")


def views(lab: Lab) -> list[str]:
    """The runs that the working tree's files tell of."""
    lines = (lab.path / "results" / "memorylab" / "experiments.jsonl").read_text().splitlines()
    table = (lab.path / "results.tsv").read_text()
    told = [json.loads(line)["description"] for line in lines]
    assert all(description in table for description in told)
    return told


@pytest.fixture
def bare(tmp_path: Path) -> Lab:
    made = Lab(tmp_path / "remote.git")
    made.path.mkdir()
    made.git("init", "-q", "--bare")
    return made


@pytest.fixture
def quiet(lab: Lab) -> Lab:
    """A clone in which no hook judges what is committed."""
    lab.git("config", "core.hooksPath", "/dev/null")
    return lab


# -- worktrees


def test_agents_in_worktrees_see_each_other_at_once(quiet: Lab) -> None:
    agents = [quiet, add_worktree(quiet, "one"), add_worktree(quiet, "two")]
    for number, agent in enumerate(agents):
        agent.experiment(f"depth {10 + number}", 1.5 - number / 10, knob="DEPTH", to=10 + number)
        for other in agents:
            said = other.run("status").stdout
            assert f"{number + 1} run" in said and "; 1 writer" in said
            assert views(other) == [f"depth {10 + n}" for n in range(number + 1)]
            tried = other.run("check", "--description", f"DEPTH 8 -> {10 + number}", "--fail-on-similar", rc=1).stdout
            assert tried.startswith("duplicate_run -> block") and f"depth {10 + number}" in tried
    # What an agent edits, before it commits it.
    agents[0].git("reset", "-q", "--hard", "HEAD~1")
    agents[0].edit("DEPTH", 12)
    agents[0].run("check", "--fail-on-similar", rc=1)
    assert {run.branch for run in quiet.memory.runs} == {"main", "one", "two"}
    packets = {agent.git("log", "-1", agent.memory.runs[-1].commit).count("# Decision packet") for agent in agents}
    assert packets == {1}
    quiet.run("verify")


def test_a_hook_in_one_worktree_plans_for_all(lab: Lab) -> None:
    other = add_worktree(lab, "other")
    other.starts_hooks = True
    other.edit("DEPTH", 12)
    commit = other.commit("deeper")
    assert f"planned {commit[:7]} deeper" in lab.run("status").stdout


@pytest.mark.parametrize("how", ["remove", "prune"])
def test_a_worktree_that_is_gone_with_its_branch_leaves_its_runs(quiet: Lab, how: str) -> None:
    other = add_worktree(quiet, "other")
    commits = [other.experiment(f"depth {depth}", 1.3, knob="DEPTH", to=depth) for depth in (12, 14)]
    before = quiet.memory
    blobs = {one.blob for run in before.runs for one in run.artifacts.values()}
    if how == "remove":
        quiet.git("worktree", "remove", "--force", str(other.path))
    else:
        shutil.rmtree(other.path)
        quiet.git("worktree", "prune")
    quiet.git("branch", "-q", "-D", "other")
    forget(quiet)
    assert quiet.git("worktree", "list").count("\n") == 0
    assert quiet.memory == before
    assert all(quiet.store.blob(blob) is not None for blob in blobs)
    for commit, old, new in zip(commits, (8, 12), (12, 14), strict=True):
        patch = json.loads(quiet.run("diff", commit, "--json").stdout)["patch"]
        assert f"-DEPTH = {old}\n+DEPTH = {new}\n" in patch
        quiet.run("restore", commit)
        assert f"DEPTH = {new}\n" in (quiet.path / "train.py").read_text()
        quiet.git("checkout", "-q", "train.py")
    quiet.run("restore", commits[0], "--branch", "again")
    assert quiet.git("rev-parse", "again") == commits[0]
    assert views(quiet) == ["depth 12", "depth 14"]
    quiet.run("verify")
    quiet.git("fsck", "--no-dangling")


def test_a_worktree_syncs_for_its_clone(quiet: Lab, bare: Lab, make_lab: Callable[..., Lab]) -> None:
    quiet.git("remote", "add", "origin", str(bare.path))
    one, two = add_worktree(quiet, "one"), add_worktree(quiet, "two")
    one.experiment("in one", 1.4, knob="DEPTH", to=10)
    two.experiment("in two", 1.3, knob="DEPTH", to=12)
    assert one.run("sync").stdout == "origin: 2 records went\n"
    assert quiet.run("sync").stdout == two.run("sync").stdout == "origin: nothing new\n"
    assert "not on origin yet" not in two.run("status").stdout
    other = make_lab("other")
    other.git("config", "core.hooksPath", "/dev/null")
    other.git("remote", "add", "origin", str(bare.path))
    other.experiment("elsewhere", 1.2, knob="DEPTH", to=14)
    other.run("sync")
    assert two.run("sync").stdout == "origin: 1 record of 1 writer came\n"
    # The views of the worktree that has synced, and of the others when they are looked at.
    assert sorted(views(two)) == ["elsewhere", "in one", "in two"]  # records of one second are in the order of writers
    assert "3 runs" in one.run("status").stdout
    assert views(one) == views(two)
    assert [run.description for run in other.memory.runs] == views(two)


def test_init_in_a_linked_worktree_is_for_the_clone(bare: Lab, make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("lab", init=False)
    lab.git("remote", "add", "origin", str(bare.path))
    lab.git("push", "-q", "origin", "main")
    other = add_worktree(lab, "other")
    other.run("init", "--writer", "agent")
    assert not (other.path / ".git").is_dir()
    name = lab.store.writer()
    assert name and name == other.store.writer() and name.startswith("agent-")
    assert lab.run("init").stdout.count(f"writer: {name}\n") == 1
    # Hooks, excludes and refspecs are in what the worktrees share.
    lab.starts_hooks = True
    lab.edit("DEPTH", 12)
    commit = lab.commit("deeper")
    assert commit in other.memory.plans
    assert other.git("status", "--porcelain") == lab.git("status", "--porcelain") == ""
    assert len(lab.git("config", "--get-all", "remote.origin.fetch").splitlines()) == 3
    lab.result(1.4)
    lab.run("log")
    assert "1 run: 1 kept" in other.run("status").stdout
    assert other.run("sync").stdout == "origin: 2 records went\n"


def test_a_worktree_that_is_away_stops_nobody(quiet: Lab) -> None:
    """Its folder was on a disk that is not mounted now: git still lists it."""
    other = add_worktree(quiet, "other")
    other.experiment("in the other", 1.3, knob="DEPTH", to=12)
    other.path.rename(other.path.with_name("unmounted"))
    quiet.experiment("in this one", 1.2, knob="DEPTH", to=14)
    assert views(quiet) == ["in the other", "in this one"]
    other.path.with_name("unmounted").rename(other.path)
    other.run("status")
    assert views(other) == ["in the other", "in this one"]


# -- what `git log` shows


@pytest.fixture
def team(tmp_path: Path, templates: Templates) -> list[Lab]:
    """Three clones of a remote, each a writer."""

    def make(folder: Path) -> None:
        remote = Hub(templates, folder / "remote.git")
        for name in names:
            remote.join(name).git("config", "core.hooksPath", "/dev/null")

    names = ("lab", "bob", "carol")
    templates.copy("three clones", make, tmp_path)
    return [Lab(tmp_path / name) for name in names]


def rerun(lab: Lab, commit: str, value: float, description: str) -> None:
    """Log a run on a commit that is here."""
    lab.result(value)
    lab.run("log", "--commit", commit, "--log", "run.log", "--description", description)


def packets(lab: Lab, *revisions: str) -> list[str]:
    """The runs whose packets `git log` shows, in its order."""
    shown = lab.git("log", *revisions).splitlines()
    return [line.rpartition(", ")[2] for line in shown if line.strip().startswith("- Run: ")]


def test_git_log_shows_everybodys_packets_in_every_clone(team: list[Lab]) -> None:
    lab, bob, carol = team
    commit = lab.experiment("first", 1.5, knob="DEPTH", to=10)
    lab.git("push", "-q", "origin", "main")
    lab.run("sync")
    for other in (bob, carol):
        other.git("pull", "-q", "origin", "main")
        other.run("sync")
        assert packets(other) == ["first"]
    # The same commit, by two writers, and another by the third.
    rerun(bob, commit, 1.4, "bob again")
    rerun(carol, commit, 1.45, "carol again")
    rerun(lab, "HEAD~1", 1.7, "baseline")
    assert packets(bob) == ["bob again", "first"]  # after log
    for each in (*team, *team):
        each.run("sync")
    for each in team:
        shown = packets(each)
        assert sorted(shown[:3]) == ["bob again", "carol again", "first"] and shown[3:] == ["baseline"]
        assert each.git("config", "--get-all", "notes.displayRef") == refs.DISPLAY


def test_git_log_shows_the_packets_of_who_was_folded(team: list[Lab]) -> None:
    lab, bob, carol = team
    rerun(bob, "HEAD", 1.5, "by bob")
    rerun(carol, "HEAD", 1.4, "by carol")
    for each in (*team, *team):
        each.run("sync")
    lab.run("compact", "--writer", str(bob.store.writer()), "--writer", str(carol.store.writer()))
    rerun(bob, "HEAD", 1.3, "bob is back")
    for each in (*team, *team):
        each.run("sync")
    for each in team:
        assert sorted(packets(each)) == ["bob is back", "by bob", "by carol"]


def test_git_log_shows_the_latest_of_several_remotes(team: list[Lab], tmp_path: Path) -> None:
    """A writer's packets were those of the first remote by name, also where another had later ones."""
    lab, bob, _ = team
    bob.git("init", "-q", "--bare", str(tmp_path / "second.git"))
    for each in (lab, bob):
        each.git("remote", "add", "second", str(tmp_path / "second.git"))
    rerun(bob, "HEAD", 1.5, "on both")
    for remote in ("origin", "second"):
        bob.run("sync", remote)
        lab.run("sync", remote)
    rerun(bob, "HEAD", 1.4, "on the second")
    bob.run("sync", "second")
    lab.run("sync", "second")
    assert sorted(packets(lab)) == ["on both", "on the second"]
    lab.run("sync", "origin")
    assert sorted(packets(lab)) == ["on both", "on the second"]


def test_git_log_reads_one_notes_ref(team: list[Lab], tmp_path: Path) -> None:
    """A glob over one ref per writer took it seconds."""
    lab, bob, carol = team
    rerun(bob, "HEAD", 1.5, "by bob")
    rerun(carol, "HEAD", 1.4, "by carol")
    for each in (bob, carol, lab):
        each.run("sync")
    assert lab.git("config", "--get-regexp", r"^notes\.") == f"notes.displayref {refs.DISPLAY}"
    assert sorted(packets(lab)) == ["by bob", "by carol"]
    trace = tmp_path / "trace"
    lab.git("log", env={"GIT_TRACE_REFS": str(trace)})
    read = re.findall(r"read_raw_ref: (refs/\S*): [0-9a-f]+|ref_iterator_begin: \"(refs/\S*)\"", trace.read_text())
    assert {name for names in read for name in names if name} == {"refs/heads/main", "refs/replace/", refs.DISPLAY}
    tip = lab.git("rev-parse", refs.DISPLAY)
    lab.git("update-ref", "-d", refs.DISPLAY)
    assert packets(lab) == []
    lab.run("status")
    assert lab.git("rev-parse", refs.DISPLAY) == tip
    # A note for each commit, however many have written of it.
    assert len(list(notes.read(lab.store.objects, tip))) == 1


def test_what_is_shown_is_made_anew_when_anything_has_come(team: list[Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab, bob, _ = team
    made = []
    union = display._union
    monkeypatch.setattr(display, "_union", lambda *arguments: made.append(1) or union(*arguments))
    rerun(lab, "HEAD", 1.5, "by lab")
    rerun(bob, "HEAD", 1.4, "by bob")
    bob.run("sync")
    lab.run("sync")
    assert len(made) == 3
    for command in (["status"], ["sync"], ["check", "--description", "deeper"]):
        lab.run(*command)
    assert len(made) == 3


@pytest.mark.parametrize("what", ["tree", "no notes", "broken"])
def test_git_log_works_whatever_is_pushed_as_decisions(team: list[Lab], what: str) -> None:
    lab, bob, _ = team
    rerun(bob, "HEAD", 1.5, "by bob")
    bob.run("sync")
    tree = bob.git("rev-parse", "HEAD^{tree}")
    made = {
        "tree": lambda: tree,
        "no notes": lambda: bob.git("commit-tree", tree, "-m", "none"),
        # A folder of notes that is none.
        "broken": lambda: bob.git("commit-tree", _tree(bob, f"100644 blob {_blob(bob)}\t{'ab' * 20}"), "-m", "odd"),
    }[what]()
    bob.git("push", "-q", "origin", f"{made}:{refs.DECISIONS}mallory")
    lab.run("sync")
    lab.run("status")
    assert packets(lab) == ["by bob"]


def _blob(lab: Lab) -> str:
    return lab.git("rev-parse", "HEAD:train.py")


def _tree(lab: Lab, entry: str) -> str:
    done = subprocess.run(["git", "mktree"], cwd=lab.path, input=f"{entry}\n", capture_output=True, text=True)
    return done.stdout.strip()
