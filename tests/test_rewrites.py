"""What rewriting history means for the memory, as docs/rewrites.md has it: typed as a user does, hooks and all."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from memorylab.ledger import new_id
from memorylab.store import git
from tests.conftest import TRAIN, Hub, Lab, Templates


def typed(lab: Lab, *arguments: str, rc: int = 0, **env: str) -> str:
    """What git shows, hooks and all."""
    done = subprocess.run(
        ["git", *arguments], cwd=lab.path, capture_output=True, text=True, check=False, env=os.environ | env
    )
    assert done.returncode == rc, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def head(lab: Lab, name: str = "HEAD") -> str:
    return lab.git("rev-parse", name)


def turn(lab: Lab, knob: str, to: object, message: str) -> str:
    """Commit one experiment that is not run; its commit."""
    lab.edit(knob, to)
    typed(lab, "commit", "-qam", message)
    return head(lab)


def measure(lab: Lab, value: float) -> str:
    lab.result(value)
    return lab.run("log", "--log", "run.log").output


def other_base(lab: Lab) -> str:
    """Let main go on where it stands in nobody's way, which makes another subject of the same change."""
    typed(lab, "switch", "-q", "main")
    train = lab.path / "train.py"
    train.write_text(train.read_text().replace("'training'", "'training on'"))
    typed(lab, "commit", "-qam", "say more")
    return head(lab)


def rewrites(lab: Lab) -> list[tuple[str, str, str]]:
    return [(one.old_commit, one.commit, one.command) for one in lab.memory.rewrites]


def shown(lab: Lab, name: str) -> str:
    """The commit of the run that `show` tells of."""
    said = lab.run("show", name).output
    return next(line.split()[1] for line in said.splitlines() if line.startswith("Commit:"))


def planned(lab: Lab) -> list[str]:
    lines = lab.run("status").output.splitlines()
    return [line.removeprefix("planned ") for line in lines if line.startswith("planned ")]


def is_whole(lab: Lab) -> bool:
    return "problem" not in lab.run("verify").output


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    """A baseline that was run on main, and on the branch topic one that made it better."""
    lab = templates.told("rewrites", _tell, tmp_path)
    lab.starts_hooks = True
    return lab


def _tell(lab: Lab) -> None:
    measure(lab, 1.5)
    lab.git("switch", "-qc", "topic")
    lab.experiment("deeper", 1.4, knob="DEPTH", to=9)


# -- a commit that becomes another


def test_other_words_for_what_was_run(told: Lab) -> None:
    old = head(told)
    typed(told, "commit", "-q", "--amend", "-m", "said better")
    new = head(told)
    assert rewrites(told) == [(old, new, "amend")]
    (rewrite,) = told.memory.rewrites
    assert rewrite.blob == head(told, "HEAD:train.py")
    assert [run.commit for run in told.memory.runs][-1] == old  # metrics do not travel
    assert shown(told, "HEAD") == shown(told, new[:8]) == shown(told, old) == old
    assert f"Now:     {new}" in told.run("show", old).output
    assert planned(told) == []
    assert "HEAD is an experiment that was not run yet" not in told.run("status").output

    # What is built on it is built on what was run.
    turn(told, "MATRIX_LR", 0.05, "faster")
    measure(told, 1.3)
    said = told.run("history", "--graph").output
    assert [line[0] for line in said.splitlines()] == ["*", "*", "*"]
    assert "BASE" in told.run("show", "HEAD").output
    assert told.run("diff", "HEAD", "-s").output.split()[0] == old[:7]
    assert "deeper" in told.run("blame", "HEAD").output
    told.run("restore", new)
    assert "DEPTH = 9" in (told.path / "train.py").read_text()


@pytest.mark.long
def test_the_board_is_read_alike_whenever_a_rewrite_comes(told: Lab) -> None:
    """By an index that is made anew, too."""
    typed(told, "commit", "-q", "--amend", "-m", "said better")
    turn(told, "MATRIX_LR", 0.05, "faster")
    measure(told, 1.3)
    asked = (("history", "--json"), ("status", "--json"), ("blame", "--json"))
    said = [told.run(*one).stdout for one in asked]
    for path in (told.path / ".git" / "memorylab").glob("index.sqlite*"):
        path.unlink()
    assert [told.run(*one).stdout for one in asked] == said


def test_what_grows_from_a_first_run_said_in_other_words_is_of_its_lineage(lab: Lab) -> None:
    lab.starts_hooks = True
    measure(lab, 1.5)
    first = head(lab)
    typed(lab, "commit", "-q", "--amend", "-m", "said better")
    turn(lab, "DEPTH", 9, "deeper")
    measure(lab, 1.4)
    (lineage,) = json.loads(lab.run("report", "--json").stdout)["registry"]["best_lineages"]
    assert (lineage["lineage_root"], lineage["num_runs"]) == (first, 2)


@pytest.mark.long
def test_another_program_was_not_run(told: Lab) -> None:
    old = head(told)
    told.edit("DEPTH", 10)
    typed(told, "commit", "-qa", "--amend", "-m", "deeper still")
    new = head(told)
    assert rewrites(told) == [(old, new, "amend")]
    refused = told.run("show", "HEAD", rc=3).stderr
    assert f"{new[:7]} was not run; it is what became of {old[:7]}, with another train.py." in refused
    assert f"`git memorylab show {old[:7]}`" in refused
    assert "Now:" not in told.run("show", old).output
    assert [line.split()[0] for line in planned(told)] == [new[:7]]
    told.run("restore", new, rc=3)
    turn(told, "MATRIX_LR", 0.05, "faster")
    measure(told, 1.3)
    assert "(not run)" in told.run("diff", "HEAD", "-s").output


@pytest.mark.long
def test_what_is_planned_is_waited_for_under_its_new_name(told: Lab) -> None:
    turn(told, "MATRIX_LR", 0.05, "faster")
    typed(told, "commit", "-q", "--amend", "-m", "much faster")
    typed(told, "commit", "-q", "--amend", "-m", "very much faster")
    assert planned(told) == [f"{head(told)[:7]} very much faster (novel)"]
    other_base(told)
    typed(told, "switch", "-q", "topic")
    for _ in range(2):  # a rebased commit was judged by nobody, and is followed all the same
        before = head(told)
        typed(told, "rebase", "-q", "main")
        assert (before, head(told), "rebase") in rewrites(told)
        assert f"{head(told)[:7]} very much faster (novel)" in planned(told)
        assert len(planned(told)) == 2  # and what main has
        typed(told, "switch", "-q", "main")
        typed(told, "-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", "main goes on")
        typed(told, "switch", "-q", "topic")
    measure(told, 1.3)
    assert len(planned(told)) == 1


@pytest.mark.long
def test_rebased_on_another_base_it_is_another_program(told: Lab) -> None:
    """The same change on another base: told as what it repeats, and measured by itself."""
    old = head(told)
    base = other_base(told)
    measure(told, 1.45)
    typed(told, "switch", "-q", "topic")
    typed(told, "rebase", "-q", "main")
    assert "with another train.py" in told.run("show", "HEAD", rc=3).stderr
    said = measure(told, 1.35)
    assert "duplicate_run" in said
    run = told.memory.runs[-1]
    assert (run.commit, run.parent_commit, run.value("val_bpb")) == (head(told), base, 1.35)
    first = next(one for one in told.memory.runs if one.commit == old)
    assert run.change is not None and first.change is not None
    assert run.change.fingerprint == first.change.fingerprint
    assert run.change.blob != first.change.blob
    assert told.run("diff", "HEAD", "-s").output.split()[0] == base[:7]
    assert shown(told, old) == old


@pytest.mark.long
def test_sixty_are_one_transaction(lab: Lab) -> None:
    lab.git("switch", "-qc", "topic")
    lab.edit("DEPTH", 9)
    (plan,) = (lab.memory.plans[commit] for commit in [lab.commit("depth 9")])
    commits = []
    for number in range(10, 70):
        lab.edit("DEPTH", number)
        lab.git("-c", "core.hooksPath=/dev/null", "commit", "-qam", f"depth {number}")
        commits.append(head(lab))
    now = datetime(2026, 11, 28, tzinfo=UTC)
    lab.ledger.append(now, [(one, replace(plan, commit=one, id=new_id(now, one))) for one in commits])
    lab.starts_hooks = True
    other_base(lab)
    typed(lab, "switch", "-q", "topic")
    entries = "refs/memorylab/journal"
    journal = lab.git("for-each-ref", "--format=%(refname)", entries)
    trace = lab.path.parent / "trace"
    before = lab.git("reflog", "show", journal, check=False).count("\n")
    typed(lab, "-c", "core.logAllRefUpdates=always", "rebase", "-q", "main", GIT_TRACE2_EVENT=str(trace))
    assert len(rewrites(lab)) == 61
    moved = lab.git("reflog", "show", journal, check=False).count("\n")
    assert moved - before <= 1
    started = [line for line in trace.read_text().splitlines() if '"event":"start"' in line]
    assert len([line for line in started if '"--git-dir=' in line]) < 25
    assert is_whole(lab)


# -- rebase -i, by what its list says


def _rebase(lab: Lab, base: str, *edits: str, **env: str) -> str:
    """`rebase -i` with a list that sed has edited."""
    editor = " ".join(f"-e '{one}'" for one in edits)
    return typed(lab, "rebase", "-q", "-i", base, GIT_SEQUENCE_EDITOR=f"sed -i {editor}", **env)


@pytest.mark.long
@pytest.mark.parametrize("how", ["squash", "fixup"])
def test_several_become_one(told: Lab, how: str) -> None:
    """The last of them had the program that the one has now, so its run tells of it."""
    first = head(told)
    second = turn(told, "MATRIX_LR", 0.05, "faster")
    measure(told, 1.3)
    third = turn(told, "WARMDOWN_RATIO", 0.6, "cool longer")
    said = _rebase(told, "main", f"2,3s/^pick/{how}/")
    assert "memorylab" not in said
    assert {old for old, _, _ in rewrites(told)} == {first, second, third}
    assert {new for _, new, _ in rewrites(told)} == {head(told)}
    refused = told.run("show", "HEAD", rc=3).stderr  # the third was not run
    assert all(name[:7] in refused for name in (first, second, third))
    assert [line.split()[0] for line in planned(told)] == [head(told)[:7]]
    measure(told, 1.25)
    run = told.memory.runs[-1]
    assert run.change is not None
    assert set(run.change.knobs) == {"DEPTH", "MATRIX_LR", "WARMDOWN_RATIO"}
    assert planned(told) == []


@pytest.mark.long
def test_squashed_onto_what_was_run_last(told: Lab) -> None:
    second = turn(told, "MATRIX_LR", 0.05, "faster")
    measure(told, 1.3)
    _rebase(told, "main", "2s/^pick/squash/")
    assert shown(told, "HEAD") == second


@pytest.mark.long
def test_reworded_dropped_reordered(told: Lab) -> None:
    first = head(told)
    (told.path / "notes.txt").write_text("x")
    typed(told, "add", "notes.txt")
    typed(told, "commit", "-qm", "notes")
    second = turn(told, "WARMDOWN_RATIO", 0.6, "cool longer")
    measure(told, 1.35)
    said = _rebase(told, "main", "1s/^pick/reword/", GIT_EDITOR="sed -i 1s/deeper/DEEPER/")
    assert "memorylab" not in said
    assert told.git("log", "-1", "--format=%s", "HEAD~2") == "DEEPER"
    assert (shown(told, "HEAD~2"), shown(told, "HEAD")) == (first, second)
    _rebase(told, "main", "2d")  # the notes
    assert (shown(told, "HEAD~1"), shown(told, "HEAD")) == (first, second)
    # Dropped or not, what was run was run.
    _rebase(told, "main", "2d")
    assert shown(told, "HEAD") == first
    assert shown(told, second) == second
    assert {run.commit for run in told.memory.runs} >= {first, second}


@pytest.mark.long
def test_in_another_order_they_are_other_programs(told: Lab) -> None:
    first = head(told)
    train = told.path / "train.py"
    train.write_text(train.read_text().replace("'training'", "'training on'"))
    typed(told, "commit", "-qam", "say more")
    second = head(told)
    measure(told, 1.41)
    _rebase(told, "main", "1{h;d}", "2G")
    assert [told.git("log", "-1", "--format=%s", name) for name in ("HEAD", "HEAD~1")] == ["deeper", "say more"]
    assert set(rewrites(told)) == {(first, head(told), "rebase"), (second, head(told, "HEAD~1"), "rebase")}
    # The tip has what was run last, whoever brought which part of it; the one before was never run.
    assert "was not run" in told.run("show", "HEAD", rc=3).stderr
    assert "was not run" in told.run("show", "HEAD~1", rc=3).stderr


@pytest.mark.long
def test_edited_on_the_way(told: Lab) -> None:
    """An amend within a rebase is one of a commit that nobody remembers; what it ends as is what counts."""
    old = head(told)
    typed(told, "rebase", "-q", "-i", "main", GIT_SEQUENCE_EDITOR="sed -i s/^pick/edit/")
    told.edit("DEPTH", 11)
    assert "memorylab" not in typed(told, "commit", "-qa", "--amend", "-m", "deepest")
    typed(told, "rebase", "--continue")
    assert [(one[0], one[1]) for one in rewrites(told)][-1] == (old, head(told))
    assert planned(told) == []
    assert "with another train.py" in told.run("show", "HEAD", rc=3).stderr


@pytest.mark.long
@pytest.mark.parametrize("backend", ["merge", "apply"])
def test_a_conflict_on_the_way(told: Lab, backend: str) -> None:
    old = head(told)
    typed(told, "switch", "-q", "main")
    base = turn(told, "DEPTH", 12, "main is deeper")
    typed(told, "switch", "-q", "topic")
    count = len(told.memory.plans)

    typed(told, "rebase", "-q", f"--{backend}", "--onto", base, "topic~1", "topic", rc=1)
    typed(told, "rebase", "--abort")
    assert (head(told), rewrites(told)) == (old, [])

    typed(told, "rebase", "-q", f"--{backend}", "--onto", base, "topic~1", "topic", rc=1)
    (told.path / "train.py").write_text(TRAIN.replace("DEPTH = 8", "DEPTH = 13"))
    typed(told, "add", "train.py")
    typed(told, "rebase", "--continue")
    assert rewrites(told) == [(old, head(told), "rebase")]
    assert len(told.memory.plans) == count
    assert "with another train.py" in told.run("show", "HEAD", rc=3).stderr
    measure(told, 1.38)
    assert told.memory.runs[-1].commit == head(told)
    assert is_whole(told)


# -- a commit made of others, which go on as they were


@pytest.mark.long
def test_picked_elsewhere(told: Lab) -> None:
    """A range, one after the other; -x; -n, which the user commits."""
    second = turn(told, "WARMDOWN_RATIO", 0.6, "cool longer")
    base = other_base(told)
    said = typed(told, "cherry-pick", "topic~2..topic")
    assert said.count("memorylab: ") == 2
    assert "duplicate_run" in said  # deeper was run
    assert {head(told), head(told, "HEAD~1"), second, base} <= set(told.memory.plans)
    typed(told, "switch", "-qc", "another", base)
    typed(told, "cherry-pick", "-x", "topic~1")
    assert head(told) in told.memory.plans
    typed(told, "switch", "-qc", "third", base)
    assert "memorylab" not in typed(told, "cherry-pick", "--no-commit", "topic~1")
    assert "memorylab" in typed(told, "commit", "-qm", "deeper here")
    assert rewrites(told) == []


@pytest.mark.long
def test_merged_reverted_applied(told: Lab) -> None:
    typed(told, "switch", "-q", "main")
    typed(told, "merge", "-q", "--squash", "topic")
    assert "duplicate_run" in typed(told, "commit", "-qm", "deeper, squashed")
    assert "DEPTH 9 → 8" in typed(told, "revert", "--no-edit", "HEAD")
    assert head(told) in told.memory.plans
    assert rewrites(told) == []

    # git am has no post-commit: what it commits is judged when it is run.
    patch = told.git("format-patch", "--stdout", "-1", "topic")
    (told.path / "deeper.patch").write_text(patch + "\n")
    assert "memorylab" not in typed(told, "am", "-q", "deeper.patch")
    assert head(told) not in told.memory.plans
    assert "HEAD is an experiment that was not run yet" in told.run("status").output
    assert "duplicate_run" in measure(told, 1.41)


@pytest.mark.long
def test_merges_of_many_and_roots_of_their_own(told: Lab) -> None:
    for name, knob, to in (("one", "MATRIX_LR", 0.05), ("two", "notes", 1)):
        typed(told, "switch", "-qc", name, "main")
        (told.path / f"{name}.txt").write_text(f"{knob} {to}\n")
        typed(told, "add", f"{name}.txt")
        typed(told, "commit", "-qm", name)
    typed(told, "switch", "-q", "main")
    assert "memorylab" not in typed(told, "merge", "-q", "--no-edit", "one", "two", "topic")
    assert len(told.git("log", "-1", "--format=%P").split()) == 3
    measure(told, 1.4)
    assert told.memory.runs[-1].commit == head(told)
    told.run("blame", "HEAD")

    typed(told, "checkout", "-q", "--orphan", "afresh")
    assert "memorylab: " in typed(told, "commit", "-qm", "from nothing")
    measure(told, 1.42)
    run = told.memory.runs[-1]
    assert (run.commit, run.parent_commit) == (head(told), None)
    assert is_whole(told)


@pytest.mark.long
def test_parts_of_what_was_changed(told: Lab) -> None:
    """`commit -p` and `commit --only` commit a part of it; that is what is judged."""
    train = told.path / "train.py"
    train.write_text(train.read_text().replace("DEPTH = 9", "DEPTH = 10").replace("'training'", "'training on'"))
    done = subprocess.run(
        ["git", "-c", "interactive.singleKey=false", "commit", "-p", "-m", "half"], cwd=told.path, input="s\ny\nn\n",
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "[DEPTH 9 → 10]" in done.stdout + done.stderr
    assert told.memory.plans[head(told)].change is not None
    assert "differs from the commit" in told.run("log", "--status", "crash", "--error", "x", rc=3).stderr
    (told.path / "notes.txt").write_text("x")
    typed(told, "add", "notes.txt")
    assert "memorylab: " in typed(told, "commit", "-m", "the other half", "--only", "train.py")
    assert told.git("diff", "--cached", "--name-only") == "notes.txt"
    assert head(told) in told.memory.plans


@pytest.mark.long
def test_stash_bisect_and_a_detached_head(told: Lab) -> None:
    count = len(told.memory.plans)
    told.edit("DEPTH", 20)
    typed(told, "stash", "-q")
    assert planned(told) == []
    typed(told, "stash", "pop", "-q")
    typed(told, "checkout", "-q", "train.py")
    for depth in (10, 11, 12):
        turn(told, "DEPTH", depth, f"depth {depth}")
        measure(told, 1.4 if depth < 11 else 1.6)
    assert len(told.memory.plans) == count + 3
    typed(told, "bisect", "start", "HEAD", "main")
    said = typed(told, "bisect", "run", "sh", "-c", "grep -q 'DEPTH = [1-9]$\\|DEPTH = 10' train.py")
    assert "depth 11" in said
    assert "1.600000" in told.run("show", "refs/bisect/bad").output
    typed(told, "bisect", "reset")
    typed(told, "checkout", "-q", "--detach")
    turn(told, "DEPTH", 13, "nowhere")
    measure(told, 1.39)
    assert told.memory.runs[-1].branch is None
    assert is_whole(told)


@pytest.mark.long
def test_reset_renamed_and_moved(told: Lab) -> None:
    """Neither a branch's name nor its end, nor where a worktree stands, takes anything from what was run."""
    old = head(told)
    typed(told, "commit", "-q", "--amend", "-m", "said better")
    new = head(told)
    typed(told, "branch", "-m", "topic", "renamed")
    typed(told, "reset", "-q", "--hard", "main")
    typed(told, "reflog", "expire", "--expire=now", "--all")
    typed(told, "gc", "-q", "--prune=now")
    assert {told.git("cat-file", "-t", commit) for commit in (old, new)} == {"commit"}
    assert shown(told, new) == old
    told.run("restore", old, "--branch", "back")
    assert head(told, "back") == old
    typed(told, "worktree", "add", "-q", "../linked", "back")
    linked = Lab(told.path.parent / "linked")
    turn(linked, "DEPTH", 10, "over there")
    typed(told, "worktree", "move", "../linked", "../moved")
    moved = Lab(told.path.parent / "moved")
    measure(moved, 1.39)
    assert told.memory.runs[-1].branch == "back"
    turn(moved, "DEPTH", 11, "further")
    assert head(moved) in told.memory.plans
    assert is_whole(told)


# -- what git is told to see instead


@pytest.mark.long
def test_a_replacement_shows_nobody_another_code(told: Lab) -> None:
    """Neither of an experiment, nor of the journal, nor by other parents."""
    old = head(told)
    asked = (
        ("show", old, "--json"), ("diff", old, "--json"), ("diff", old, "--code-only"), ("blame", "--json"),
        ("history", "--graph"), ("verify",),
    )  # fmt: skip
    said = [told.run(*one).output for one in asked]
    code_only = _spawned(told, "diff", old, "--code-only")
    journal = told.git("for-each-ref", "--format=%(objectname)", "refs/memorylab/journal")
    typed(told, "-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", "instead")
    typed(told, "replace", old, "main")
    typed(told, "replace", journal, "HEAD")
    assert "DEPTH = 8" in told.git("show", f"{old}:train.py")
    assert [told.run(*one).output for one in asked] == said
    assert _spawned(told, "diff", old, "--code-only") == code_only
    told.run("restore", old, "--force")
    assert "DEPTH = 9" in (told.path / "train.py").read_text()
    turn(told, "MATRIX_LR", 0.05, "on what is replaced")
    measure(told, 1.3)

    typed(told, "replace", "-d", old, journal)
    typed(told, "replace", "--graft", old)  # a root
    (told.path / ".git" / "info").mkdir(exist_ok=True)
    (told.path / ".git" / "info" / "grafts").write_text(f"{old}\n")
    assert [told.run(*one).output for one in asked[:3]] == said[:3]
    assert _spawned(told, "diff", old, "--code-only") == code_only
    assert "baseline" in told.run("blame", old).output
    assert is_whole(told)


def _spawned(lab: Lab, *arguments: str) -> str:
    with lab.spawn(*arguments) as process:
        return process.communicate()[0]


# -- all of history at once


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("git-filter-repo"), reason="git filter-repo is not installed")
def test_filter_repo(told: Lab) -> None:
    """Every record is read on; what its commits have become is learned from the map that it leaves."""
    second = turn(told, "MATRIX_LR", 0.05, "faster")
    measure(told, 1.3)
    history = told.run("history", "--json").stdout
    typed(told, "remote", "add", "origin", "../nowhere.git")
    (told.path.parent / "replace").write_text("training==>learning\n")
    # No word in the journal is another by that: logs and patches are, and `verify` says so.
    told.git("update-ref", "-d", "refs/memorylab/seen")  # a commit of notes that another ref goes on from stops it
    typed(told, "filter-repo", "--force", "--replace-text", "../replace")
    assert told.git("cat-file", "-t", second, check=False) == ""
    assert told.git("remote") == ""
    assert told.run("history", "--json").stdout == history
    assert "not those that it names" in told.run("verify", rc=None).output
    commit_map = (told.path / ".git" / "filter-repo" / "commit-map").read_text()
    told.run("hook", "post-rewrite", "filter-repo", stdin=commit_map)
    new = {old: new for old, new, _ in rewrites(told)}
    assert new[second] == head(told)
    assert all(head(told) != old for old in new)
    assert "with another train.py" in told.run("show", "HEAD", rc=3).stderr
    turn(told, "DEPTH", 10, "on")
    measure(told, 1.2)
    assert len(told.memory.runs) == 4


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("git-filter-repo"), reason="git filter-repo is not installed")
def test_filter_repo_that_takes_a_file_out(told: Lab) -> None:
    """The usual case: something large goes, and the subject is as it was."""
    (told.path / "large").write_text("large")
    typed(told, "add", "large")
    typed(told, "commit", "-q", "--amend", "--no-edit")
    measure(told, 1.39)
    old = head(told)
    run_id = told.memory.runs[-1].run_id
    told.git("update-ref", "-d", "refs/memorylab/seen")
    typed(told, "filter-repo", "--force", "--invert-paths", "--path", "large")
    told.run("diff", run_id, "--code-only", rc=None)
    assert "is not here" in told.run("restore", run_id, rc=3).stderr
    commit_map = (told.path / ".git" / "filter-repo" / "commit-map").read_text()
    told.run("hook", "post-rewrite", "filter-repo", stdin=commit_map)
    assert (old, head(told), "filter-repo") in rewrites(told)
    assert shown(told, "HEAD") == old
    told.edit("DEPTH", 1)
    told.run("restore", run_id, "--force")
    assert "DEPTH = 9" in (told.path / "train.py").read_text()
    assert "deeper" in told.run("blame", run_id).output


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("git-filter-repo"), reason="git filter-repo is not installed")
def test_filter_repo_that_leaves_nothing_of_the_memory(templates: Templates, tmp_path: Path) -> None:
    """`--path` keeps only what is named, so the memory's refs go; a remote has it all."""
    hub = Hub(templates, tmp_path / "hub.git")
    lab = hub.join("one")
    lab.experiment("deeper", 1.4, knob="DEPTH", to=9)
    lab.git("push", "-q", "origin", "main")
    lab.run("sync")
    history = lab.run("history", "--json").stdout
    typed(lab, "filter-repo", "--force", "--path", "train.py")
    assert lab.git("for-each-ref", "refs/notes") == ""
    typed(lab, "remote", "add", "origin", str(hub.path))
    lab.run("sync", rc=None)
    assert lab.run("history", "--json").stdout == history


@pytest.mark.long
def test_filter_branch(told: Lab) -> None:
    """It tells nobody what became of what; two lists side by side do."""
    old = head(told)
    typed(
        told, "filter-branch", "-f", "--msg-filter", "sed s/deeper/DEEPER/", "HEAD", FILTER_BRANCH_SQUELCH_WARNING="1"
    )
    assert "No run is called" in told.run("show", "HEAD", rc=3).stderr
    before, after = (told.git("rev-list", name).splitlines() for name in ("refs/original/refs/heads/topic", "topic"))
    told.run("hook", "post-rewrite", "filter-branch", stdin="".join(map("{} {}\n".format, before, after)))
    assert rewrites(told) == [(old, head(told), "filter-branch")]  # the baseline is as it was
    assert shown(told, "HEAD") == old


@pytest.mark.long
def test_filter_branch_of_all_refs(told: Lab) -> None:
    """Its journal, too, which holds what the commits became; what it held before is put back."""
    history = told.run("history", "--json").stdout
    journal = told.git("for-each-ref", "refs/memorylab/journal", "refs/notes/memorylab")
    typed(
        told, "filter-branch", "-f", "--msg-filter", "sed s/deeper/DEEPER/", "--", "--all",
        FILTER_BRANCH_SQUELCH_WARNING="1",
    )  # fmt: skip
    assert told.run("history", "--json").stdout == history
    told.run("status")
    assert told.git("for-each-ref", "refs/memorylab/journal", "refs/notes/memorylab") == journal
    assert is_whole(told)


# -- a repository within another


@pytest.mark.long
def test_the_lab_is_a_submodule(told: Lab, make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    outer = make_lab("outer", init=False)
    typed(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(told.path), "lab")
    lab = Lab(outer.path / "lab")
    assert (lab.path / ".git").is_file()
    typed(lab, "switch", "-q", "topic")
    lab.run("init")
    assert (outer.path / ".git" / "modules" / "lab" / "memorylab" / "writer.json").exists()
    assert not (outer.path / ".git" / "memorylab").exists()
    turn(lab, "DEPTH", 10, "deeper still")
    assert head(lab) in lab.memory.plans
    measure(lab, 1.3)
    lab.run("sync")
    assert len(lab.memory.runs) == 3
    typed(lab, "commit", "-q", "--amend", "-m", "said better")
    assert len(lab.memory.rewrites) == 1


@pytest.mark.long
def test_the_subject_is_in_a_submodule(told: Lab, make_lab: Callable[..., Lab]) -> None:
    """Its commits are those of another repository, which is where a memory of them belongs."""
    outer = make_lab("outer", init=False)
    typed(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(told.path), "lab")
    typed(outer, "commit", "-qm", "lab")
    outer.git("config", "memorylab.subject", "lab/train.py")
    said = outer.run("init").output
    assert "lab/train.py" in said
    assert "submodule" in said


@pytest.mark.long
def test_subtrees(told: Lab, make_lab: Callable[..., Lab]) -> None:
    """The subject is at another path: its runs are told of, its code is that of their own commits."""
    outer = make_lab("outer", init=False)
    outer.git("config", "memorylab.subject", "lab/train.py")
    outer.run("init")
    typed(outer, "subtree", "add", "-q", "--prefix=lab", str(told.path), "topic")
    train = outer.path / "lab" / "train.py"
    train.write_text(train.read_text().replace("DEPTH = 9", "DEPTH = 10"))
    assert "[DEPTH 9 → 10]" in typed(outer, "commit", "-qam", "deeper still")
    measure(outer, 1.3)
    turn(told, "MATRIX_LR", 0.05, "faster")
    typed(outer, "subtree", "pull", "-q", "--prefix=lab", str(told.path), "topic", "-m", "pulled", rc=1)  # next to it
    typed(outer, "merge", "--abort")
    typed(outer, "subtree", "split", "-q", "--prefix=lab", "-b", "split")
    assert head(outer, "split:train.py") == head(outer, "HEAD:lab/train.py")
    assert "No run is called" in outer.run("show", "split", rc=3).stderr
    assert is_whole(outer)


def test_git_is_always_asked_of_what_was_committed() -> None:
    found = git.environment()
    assert (found["GIT_NO_REPLACE_OBJECTS"], found["GIT_GRAFT_FILE"]) == ("1", f"{os.devnull}/none")
