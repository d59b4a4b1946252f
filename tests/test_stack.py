"""stack: the changes of several runs on a new branch, as one experiment; and nothing else touched."""

import json
from pathlib import Path
from typing import Any

import pytest

from memorylab.core.text import short_id
from tests.conftest import TRAIN, Lab, Templates

CODE = TRAIN + "\n\ndef step(x):\n    x = relu(x)\n    return x\n"


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    """A baseline that leads and, on it, discarded: two knobs that are neighbours, two of code that conflict, one more
    value of the first knob."""

    def tell(lab: Lab) -> None:
        (lab.path / "train.py").write_text(CODE)
        lab.experiment("baseline", 1.5)
        base = lab.git("rev-parse", "HEAD")
        turns = [("DEPTH = 8", "DEPTH = 9"), ("MATRIX_LR = 0.04", "MATRIX_LR = 0.05"), ("relu(x)", "gelu(x)"),
                 ("relu(x)", "silu(x)"), ("DEPTH = 8", "DEPTH = 10")]  # fmt: skip
        for at, (old, new) in enumerate(turns):
            (lab.path / "train.py").write_text(CODE.replace(old, new))
            lab.commit(f"set {new}")
            lab.result(1.6 + at / 100)
            lab.run("log", "--log", "run.log", "--status", "discard")
            lab.git("reset", "-q", "--hard", base)

    return templates.told("five to be stacked", tell, tmp_path)


def _ids(lab: Lab) -> list[str]:
    return [run.run_id for run in lab.memory.runs]


def _state(lab: Lab) -> tuple[str, ...]:
    """All that a stack that is refused leaves as it was."""
    files = (lab.path / "train.py").read_text() if (lab.path / "train.py").exists() else ""
    return (
        lab.git("for-each-ref", "refs/heads"), lab.git("rev-parse", "HEAD"), lab.git("status", "--porcelain"), files,
        lab.git("symbolic-ref", "-q", "HEAD", check=False), str((lab.path / ".git" / "MERGE_MSG").exists()),
    )  # fmt: skip


def _stack(lab: Lab, *arguments: str, rc: int = 0) -> Any:
    return json.loads(lab.run("stack", *arguments, "--json", rc=rc).stdout)


def test_gains_come_together_as_one_experiment(told: Lab) -> None:
    _, depth, rate, gelu, _, _ = _ids(told)
    main = told.git("rev-parse", "main")
    done = _stack(told, depth, gelu, rate, "--branch", "both")
    assert told.git("symbolic-ref", "--short", "HEAD") == "both"
    assert told.git("rev-parse", "main", "HEAD~1").split() == [main, main]
    assert (done["branch"], done["onto"], done["commit"]) == ("both", main, told.git("rev-parse", "HEAD"))
    text = CODE.replace("DEPTH = 8", "DEPTH = 9").replace("0.04", "0.05").replace("relu", "gelu")
    assert (told.path / "train.py").read_text() == text
    assert told.git("status", "--porcelain") == ""
    message = told.git("log", "-1", "--format=%B").splitlines()
    assert message[0] == "Stack: set DEPTH = 9; set gelu(x); set MATRIX_LR = 0.05"
    assert message[-3:] == [f"Stacked: {run}" for run in (depth, gelu, rate)]
    assert [piece["run_id"] for piece in done["applied"]] == [depth, gelu, rate]
    assert not (told.path / ".git" / "MERGE_MSG").exists()


def test_the_hook_judges_a_stack_as_any_commit(told: Lab) -> None:
    done = _stack(told, *_ids(told)[1:3])
    plan = told.memory.plans[done["commit"]]
    assert plan.change is not None
    assert {name: knob.new for name, knob in plan.change.knobs.items()} == {"DEPTH": "9", "MATRIX_LR": "0.05"}


def test_the_sum_of_the_gains_shares_the_error_of_their_base(told: Lab) -> None:
    _, depth, rate, *_ = _ids(told)
    one, two = (json.loads(told.run("diff", run, "--json").stdout) for run in (depth, rate))
    total = _stack(told, depth, rate)["total"]
    assert total["effect"] == pytest.approx(one["effect"] + two["effect"])
    # Each against the same base of one run: the variances are 1 + 1 + 4 times that of a run, not 2 + 2.
    assert total["error"] == pytest.approx(one["noise"] * 6**0.5, rel=1e-3)
    assert total["expected"] > 0


def test_what_it_is_worth_is_said(told: Lab) -> None:
    _, depth, rate, *_ = _ids(told)
    said = told.run("stack", depth, rate, "--branch", "new").stdout
    assert "branch new is at " in said
    assert "2 runs stacked" in said
    assert "added up, as if they were independent, the gains are +0.21±" in said
    assert "`git memorylab run` measures it" in said


def test_a_conflict_is_left_as_git_leaves_one(told: Lab) -> None:
    _, depth, _, gelu, silu, _ = _ids(told)
    main = told.git("rev-parse", "main")
    said = told.run("stack", gelu, silu, depth, "--branch", "new", rc=1).stdout
    assert "CONFLICT (content): Merge conflict in train.py" in said
    assert f"  {short_id(silu)} set silu(x)" in said
    assert "then `git add train.py` and `git commit --no-edit`" in said
    assert told.git("rev-parse", "main", "new").split() == [main, main]
    assert told.git("status", "--porcelain") == "UU train.py"
    stages = told.git("ls-files", "-u").splitlines()
    contents = [told.git("cat-file", "blob", line.split()[1]) for line in stages]
    assert [line.split()[2] for line in stages] == ["1", "2", "3"]
    with_gelu = CODE.replace("relu", "gelu").replace("DEPTH = 8", "DEPTH = 9")
    assert contents == [text.strip() for text in (CODE, with_gelu, CODE.replace("relu", "silu"))]
    text = (told.path / "train.py").read_text()
    theirs = f">>>>>>> {told.memory.find(silu).commit[:7]} (set silu(x))\n"
    assert f"<<<<<<< HEAD\n    x = gelu(x)\n=======\n    x = silu(x)\n{theirs}" in text
    assert "DEPTH = 9" in text
    # What it says to type works.
    (told.path / "train.py").write_text(CODE.replace("relu(x)", "silu(gelu(x))").replace("DEPTH = 8", "DEPTH = 9"))
    told.git("add", "train.py")
    told.git("commit", "-q", "--no-edit")
    assert told.git("log", "-1", "--format=%B").splitlines()[-3:] == [f"Stacked: {run}" for run in (gelu, depth, silu)]
    assert told.git("rev-parse", "HEAD~1") == main
    assert told.git("rev-parse", "HEAD") in told.memory.plans


def test_a_conflict_can_be_given_up(told: Lab) -> None:
    _, depth, _, gelu, silu, _ = _ids(told)
    (told.path / "notes.txt").write_text("mine")
    before = _state(told)
    said = told.run("stack", gelu, silu, "--branch", "new", rc=1).stdout
    command = next(line for line in said.splitlines() if line.startswith("or give it up")).split("`")[1]
    for step in command.split(" && "):
        told.git(*step.removeprefix("git ").split())
    assert _state(told) == before
    assert (told.path / "notes.txt").read_text() == "mine"


def test_what_conflicts_besides_is_named(told: Lab) -> None:
    _, _, _, gelu, silu, _ = _ids(told)
    tanh = CODE.replace("relu", "tanh")
    (told.path / "train.py").write_text(tanh)
    told.commit("set tanh(x)")
    told.result(1.9)
    told.run("log", "--log", "run.log", "--status", "discard")
    told.git("reset", "-q", "--hard", "HEAD~1")
    last = _ids(told)[-1]
    done = _stack(told, gelu, silu, last, "--branch", "new", rc=1)
    assert done["conflict"]["run_id"] == silu
    assert [piece["run_id"] for piece in done["rest"]] == [last]
    assert done["commit"] is None


@pytest.mark.long
def test_what_is_there_already_is_left_out(told: Lab) -> None:
    base, depth, rate, *_ = _ids(told)
    done = _stack(told, base, depth, rate, depth, "--branch", "one")
    assert [piece["run_id"] for piece in done["applied"]] == [depth, rate]
    assert [(skipped["run_id"], skipped["why"][:10]) for skipped in done["skipped"]] == [(base, "is part of")]
    again = _stack(told, depth, told.memory.find(_ids(told)[3]).run_id, "--onto", "one")
    assert "changes nothing" in again["skipped"][0]["why"]
    assert told.git("rev-parse", "HEAD~1") == done["commit"]
    before = _state(told)
    said = told.run("stack", depth, "--onto", "one", rc=2).stderr
    assert "There is nothing to stack: " in said
    assert _state(told) == before


@pytest.mark.long
def test_onto_may_be_a_run(told: Lab) -> None:
    _, depth, rate, *_ = _ids(told)
    done = _stack(told, rate, "--onto", short_id(depth))
    assert done["onto"] == told.memory.find(depth).commit
    assert "DEPTH = 9\nMATRIX_LR = 0.05" in (told.path / "train.py").read_text()


def _dirty(lab: Lab) -> None:
    (lab.path / "train.py").write_text("changed")


def _staged(lab: Lab) -> None:
    (lab.path / "other.txt").write_text("x")
    lab.git("add", "other.txt")


def _same_name(lab: Lab) -> None:
    lab.git("branch", "new")


def _gone(lab: Lab) -> None:
    (lab.path / "train.py").unlink()


def _merging(lab: Lab) -> None:
    (lab.path / ".git" / "CHERRY_PICK_HEAD").write_text("a" * 40 + "\n")


def _in_the_way(lab: Lab) -> None:
    """A file that is not tracked, and is in what is built on."""
    lab.git("switch", "-qc", "side")
    (lab.path / "helper.py").write_text("1")
    lab.git("add", "helper.py")
    lab.git("commit", "-qm", "a helper")
    lab.git("switch", "-q", "main")
    (lab.path / "helper.py").write_text("2")


@pytest.mark.parametrize(
    ("prepare", "options", "said"),
    [
        (_dirty, (), "train.py has changes that are not committed.\nhint: Commit or restore them."),
        (_gone, (), "train.py has changes that are not committed."),
        (_staged, (), "There are staged changes, which would be committed too."),
        (_same_name, (), "a branch named 'new' already exists"),
        (_merging, (), "A merge, rebase, cherry-pick or revert is under way."),
        (_in_the_way, ("--onto", "side"), "would be overwritten"),
        (lambda lab: None, ("--onto", "nothing"), "No run is called 'nothing'."),
        (lambda lab: None, ("--branch", "a..b"), "'a..b' is not a valid branch name"),
        (lambda lab: None, ("--branch", "--force"), "'--force' is not a valid branch name"),
    ],
)
def test_what_is_refused_touches_nothing(told: Lab, prepare: Any, options: tuple[str, ...], said: str) -> None:
    prepare(told)
    before = _state(told)
    _, depth, rate, *_ = _ids(told)
    answer = told.run("stack", depth, rate, *(() if "--branch" in options else ("--branch", "new")), *options, rc=3)
    assert said in answer.stderr
    assert _state(told) == before


def test_one_knob_cannot_have_two_values(told: Lab) -> None:
    _, depth, *_, deeper = _ids(told)
    before = _state(told)
    said = told.run("stack", depth, deeper, rc=3).stderr
    assert f"Two runs turn DEPTH to different values: {short_id(depth)} to 9, {short_id(deeper)} to 10." in said
    assert _state(told) == before


def test_a_run_that_was_not_what_was_committed(told: Lab) -> None:
    (told.path / "train.py").write_text(CODE.replace("0.5", "0.6"))
    told.result(1.7)
    told.run("log", "--allow-dirty", "--status", "discard")
    told.git("checkout", "-q", "train.py")
    assert "was run with uncommitted changes" in told.run("stack", _ids(told)[-1], rc=3).stderr


def test_a_commit_that_a_hook_forbids_can_be_mended(told: Lab) -> None:
    _, depth, rate, *_ = _ids(told)
    hook = told.path / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    said = told.run("stack", depth, rate, "--branch", "new", rc=3).stderr
    assert "git did not commit; train.py is staged on branch new." in said
    hook.unlink()
    told.git("commit", "-q", "--no-edit")
    assert told.git("log", "-1", "--format=%s") == "Stack: set DEPTH = 9; set MATRIX_LR = 0.05"


@pytest.mark.long
def test_detached_and_in_a_linked_worktree(told: Lab) -> None:
    _, depth, rate, *_ = _ids(told)
    told.git("worktree", "add", "-q", "--detach", "../beside dir")
    beside = Lab(told.path.parent / "beside dir")
    before = _state(told)[1:5]
    _stack(beside, depth, rate, "--branch", "new")
    assert beside.git("symbolic-ref", "--short", "HEAD") == "new"
    assert _state(told)[1:5] == before
    bare = Lab(told.path / ".git")
    told.git("config", "core.bare", "true")
    assert "A bare repository has no working tree." in bare.run("stack", depth, rc=3).stderr


@pytest.mark.long
def test_line_ends_and_a_path_with_spaces(make_lab) -> None:
    lab = make_lab()
    lab.git("config", "core.hooksPath", "/dev/null")
    lab.git("config", "memorylab.subject", "a b/*t.py")
    (lab.path / "a b").mkdir()
    subject = lab.path / "a b" / "*t.py"
    (lab.path / ".gitattributes").write_text("*.py text eol=crlf\n")
    subject.write_bytes(CODE.replace("\n", "\r\n").encode())
    subject.chmod(0o755)
    lab.git("add", ".")
    lab.experiment("baseline", 1.5)
    for new in ("gelu", "silu"):
        subject.write_bytes(CODE.replace("relu", new).replace("\n", "\r\n").encode())
        lab.commit(new)
        lab.result(1.6)
        lab.run("log", "--log", "run.log", "--status", "discard")
        lab.git("reset", "-q", "--hard", "HEAD~1")
    _, gelu, silu = _ids(lab)
    _stack(lab, gelu)
    assert b"gelu(x)\r\n" in subject.read_bytes()
    assert lab.git("status", "--porcelain") == ""
    assert subject.stat().st_mode & 0o100
    lab.git("switch", "-q", "-")
    said = lab.run("stack", gelu, silu, "--branch", "new", rc=1).stdout
    assert "`git add 'a b/*t.py'`" in said
    assert b"<<<<<<< HEAD\r\n" in subject.read_bytes()
    assert subject.stat().st_mode & 0o100


@pytest.mark.long
def test_hostile_words_do_no_harm(told: Lab) -> None:
    run = _ids(told)[1]
    told.run("amend", run, "--description", "# x\x1b[2J `rm` " + "long " * 90)
    done = _stack(told, run, _ids(told)[2])
    subject = told.git("log", "-1", "--format=%s", done["commit"])
    assert subject.startswith("Stack: # x\ufffd[2J `rm` long")
    assert len(subject) <= 100
    assert f"Stacked: {run}" in told.git("log", "-1", "--format=%(trailers)", done["commit"])
