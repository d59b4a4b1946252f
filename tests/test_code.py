"""diff, restore: what an experiment did, beside others, and its code, which comes back."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests import attacks
from tests.conftest import LOG, TRAIN, Lab, Templates


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    """Three runs on one base, which was run, too: one kept, one discarded and reset away."""

    def tell(lab: Lab) -> None:
        lab.git("config", "core.hooksPath", "/dev/null")
        lab.experiment("raise depth", 1.5, "--family", "depth", knob="DEPTH", to=9)
        lab.experiment("raise LR", 1.6, knob="MATRIX_LR", to=0.05)
        lab.git("reset", "-q", "--hard", "HEAD~1")

    return templates.told("one kept, one discarded, for their code", tell, tmp_path)


def _ids(lab: Lab) -> list[str]:
    return [run.run_id for run in lab.memory.runs]


def test_the_code_of_a_discarded_run_comes_back_after_gc(told: Lab) -> None:
    two = _ids(told)[1]
    told.git("reflog", "expire", "--expire=now", "--all")
    told.git("gc", "-q", "--prune=now")
    patch = json.loads(told.run("diff", two, "--json").stdout)["patch"]
    assert "-MATRIX_LR = 0.04\n+MATRIX_LR = 0.05\n" in patch
    said = told.run("restore", two).stdout
    assert "train.py is as it was in" in said
    assert "MATRIX_LR = 0.05" in (told.path / "train.py").read_text()


def test_restore_spares_what_is_not_committed(told: Lab) -> None:
    one, two = _ids(told)
    told.edit("WARMDOWN_RATIO", 0.9)
    assert "has changes that would be lost" in told.run("restore", two, rc=3).stderr
    assert "0.9" in (told.path / "train.py").read_text()
    (told.path / "train.py").chmod(0o755)
    value = json.loads(told.run("restore", two, "--force", "--json").stdout)
    assert set(value) == {"run_id", "commit", "done"}
    assert "0.9" not in (told.path / "train.py").read_text()
    assert (told.path / "train.py").stat().st_mode & 0o777 == 0o755
    told.git("checkout", "-q", "train.py")
    (told.path / "train.py").unlink()
    told.run("restore", one)
    assert (told.path / "train.py").read_text() == TRAIN.replace("DEPTH = 8", "DEPTH = 9")


def test_restore_to_a_branch(told: Lab) -> None:
    two = _ids(told)[1]
    assert "`git switch again` goes there" in told.run("restore", two, "--branch", "again").stdout
    assert told.git("rev-parse", "again") == told.memory.find(two).commit
    assert told.run("restore", two, "--branch", "again", rc=3).stderr.startswith("error: fatal: ")
    assert told.run("restore", two, "--branch", "--force", rc=3).stderr.startswith("error: fatal: ")
    told.git("clone", "-q", "--mirror", ".", "../bare.git")
    bare = Lab(told.path.parent / "bare.git")
    assert "Give --branch NAME." in bare.run("restore", two, rc=3).stderr
    bare.run("restore", two, "--branch", "once-more")


def _process(lab: Lab, *arguments: str, where: str = ".") -> str:
    command = [sys.executable, "-m", "memorylab", *arguments]
    done = subprocess.run(command, cwd=lab.path / where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_diff_between_two_runs_and_from_a_subfolder(told: Lab) -> None:
    one, two = _ids(told)
    (told.path / "sub").mkdir()
    (told.path / "sub" / "train.py").write_text("# not the subject\n")
    shown = _process(told, "diff", one, two, where="sub")
    assert [line for line in shown.splitlines() if line.startswith(("+MAT", "-MAT", "diff"))] == [
        "diff --git a/train.py b/train.py", "-MATRIX_LR = 0.04", "+MATRIX_LR = 0.05",
    ]  # fmt: skip
    assert "+DEPTH = 9" in _process(told, "diff", one, where="sub")
    assert "+MATRIX_LR = 0.05" in json.loads(told.run("diff", one, two, "--json").stdout)["patch"]


def test_diff_of_an_uncommitted_run_is_what_was_run(lab: Lab) -> None:
    lab.git("config", "core.hooksPath", "/dev/null")
    lab.edit("DEPTH", 9)
    lab.commit("deeper")
    lab.edit("MATRIX_LR", 0.07)
    lab.result(1.5)
    lab.run("log", "--allow-dirty")
    shown = _process(lab, "diff", lab.memory.runs[0].run_id)
    assert "+DEPTH = 9" in shown
    assert "+MATRIX_LR = 0.07" in shown
    assert "(uncommitted part included)" in lab.run("show", lab.memory.runs[0].run_id).stdout
    assert "the run had uncommitted changes" in lab.run("restore", lab.memory.runs[0].run_id, "--force").stdout


def test_the_patch_of_an_uncommitted_run_does_nothing_to_a_terminal(lab: Lab) -> None:
    said = (attacks.CONTROL + attacks.HIDDEN).replace("\0", "")  # with one git would take it for a binary
    (lab.path / "train.py").write_text(f"{TRAIN}# {said}\n")
    lab.result(1.5)
    lab.run("log", "--allow-dirty")
    command = [sys.executable, "-m", "memorylab", "diff", "--code-only", lab.memory.runs[0].run_id]
    ours, theirs = pty.openpty()
    subprocess.run(command, cwd=lab.path, stdout=theirs, check=True)
    shown = os.read(ours, 1 << 16).decode()
    assert "owned" in shown and not {c for c in shown if not c.isprintable() and c not in "\r\n"}
    # What applies it gets each byte.
    assert subprocess.run(command, cwd=lab.path, capture_output=True, check=True).stdout.count(b"\x1b") == 2


def test_diff_sets_two_runs_side_by_side(told: Lab) -> None:
    one, two = _ids(told)
    said = told.run("diff", one, two, "--no-patch").stdout.splitlines()
    cells = {line.split()[0]: line.split()[1:] for line in said[:-2]}
    assert cells["status"] == ["keep", "discard"]
    assert cells["val_bpb"] == ["1.500000", "(1", "run)", "1.600000", "(1", "run)"]
    assert cells["MATRIX_LR"] == ["0.04", "0.05"]
    assert "DEPTH" not in cells
    assert said[-1].startswith("+0.1±0.00")
    assert "(less is better): the second is truly better with probability <0.01" in said[-1]
    value = json.loads(told.run("diff", one, two, "--json").stdout)
    assert (value["old"]["run_id"], value["new"]["run_id"], value["why"]) == (one, two, "")
    assert value["effect"] == pytest.approx(0.1)
    assert value["knobs"] == {"MATRIX_LR": {"old": "0.04", "new": "0.05"}}
    assert value["probability"] < 0.01 < json.loads(told.run("diff", two, one, "--json").stdout)["probability"]


def test_diff_of_one_run_is_against_what_it_was_built_on(told: Lab) -> None:
    one, two = _ids(told)
    value = json.loads(told.run("diff", two, "--json").stdout)
    assert (value["old"]["run_id"], value["new"]["run_id"]) == (one, two)
    assert value["effect"] == pytest.approx(0.1)
    first = told.run("diff", one).stdout
    assert "What it was built on was not run." in first
    assert "+DEPTH = 9" in first


def test_diff_agrees_with_the_board(told: Lab) -> None:
    one, two = _ids(told)
    board = json.loads(told.run("status", "--json").stdout)["registry"]
    challenger = next(each for each in board["challengers"] if each["run_id"] == two)
    assert json.loads(told.run("diff", one, two, "--json").stdout)["probability"] == challenger["probability"]


def test_diff_shows_other_metrics_that_differ(told: Lab) -> None:
    told.edit("WARMDOWN_RATIO", 0.7)
    told.commit("longer warmdown")
    (told.path / "run.log").write_text(LOG.format(value=1.49).replace("45060.2", "50000.5"))
    told.run("log", "--log", "run.log")
    one, _, three = _ids(told)
    said = told.run("diff", one, three, "-s").stdout
    assert [line.split() for line in said.splitlines() if line.startswith("peak")] == [
        ["peak_vram_mb", "45060.2", "50000.5"]
    ]
    assert "num_steps" not in said


def test_diff_says_why_runs_cannot_be_compared(told: Lab) -> None:
    one = _ids(told)[0]
    told.edit("DEPTH", 3)
    told.commit("elsewhere")
    summary = told.path / "summary.json"
    summary.write_text(json.dumps({"val_bpb": 1.0, "device": "cpu", "evaluator": "e1"}))
    told.run("log", "--summary", "summary.json")
    told.commit("crashes")
    told.run("log", "--status", "crash", "--error", "boom")
    *_, other, crashed = _ids(told)
    said = told.run("diff", one, other, "-s").stdout
    assert "They cannot be compared: evaluator not stated and e1; device not stated and cpu." in said
    assert json.loads(told.run("diff", one, other, "--json").stdout)["probability"] is None
    assert "crashed." in told.run("diff", one, crashed, "-s").stdout
    assert "They are runs of one program." in told.run("diff", one, one, "-s").stdout


def test_diff_of_the_code_alone_is_a_patch(told: Lab) -> None:
    one, two = _ids(told)
    patch = _process(told, "diff", two, "--code-only")
    assert patch.startswith("diff --git a/train.py b/train.py\n")
    assert told.run("diff", one, "--code-only", "-s", rc=2)
    subprocess.run(["git", "apply", "-"], cwd=told.path, input=patch, text=True, check=True)
    assert "MATRIX_LR = 0.05" in (told.path / "train.py").read_text()


def test_restore_of_what_is_there_already_loses_nothing(told: Lab) -> None:
    two = _ids(told)[1]
    told.run("restore", two)
    told.run("restore", two)  # which is a change that is not committed, and the same
    assert "MATRIX_LR = 0.05" in (told.path / "train.py").read_text()


def test_restore_is_a_checkout(told: Lab) -> None:
    """With the line ends of this working tree, wherever HEAD is, and in a linked one."""
    two = _ids(told)[1]
    told.git("switch", "-q", "--detach")
    (told.path / ".git" / "info" / "attributes").write_text("train.py text eol=crlf\n")
    told.git("worktree", "add", "-q", "../beside")
    beside = Lab(told.path.parent / "beside")
    beside.run("restore", two)
    assert b"MATRIX_LR = 0.05\r\n" in (beside.path / "train.py").read_bytes()
    assert "MATRIX_LR = 0.04" in (told.path / "train.py").read_text()
    (told.path / "train.py").unlink()
    (told.path / "train.py").mkdir()
    assert "train.py is a folder here.\nhint: Move it away" in told.run("restore", two, rc=3).stderr


def test_a_subject_in_a_folder_with_spaces(make_lab) -> None:
    lab = make_lab()
    lab.git("config", "core.hooksPath", "/dev/null")
    lab.git("config", "memorylab.subject", "the model/*train*.py")
    (lab.path / "the model").mkdir()
    subject = lab.path / "the model" / "*train*.py"
    subject.write_text(TRAIN)
    lab.git("add", ".")
    lab.commit("subject")
    subject.write_text(TRAIN.replace("DEPTH = 8", "DEPTH = 9"))
    lab.commit("deeper")
    lab.result(1.5)
    lab.run("log", "--log", "run.log")
    run = _ids(lab)[0]
    assert "+DEPTH = 9" in _process(lab, "diff", run, where="the model")
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.git("rm", "-q", "-r", "the model")
    lab.run("restore", run, "--force")
    assert "DEPTH = 9" in subject.read_text()


def test_the_code_of_an_imported_run_was_never_here(told: Lab) -> None:
    (told.path / "other.tsv").write_text(
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.4\t1.0\tkeep\tx\n"
    )
    told.run("import", "other.tsv")
    run = next(name for name in _ids(told) if name.startswith("imported-"))
    for command in ("diff", "restore", "blame", "stack"):
        assert "was never in this repository" in told.run(command, run, rc=3).stderr, command


def test_code_that_did_not_come_is_said_to_be_missing(told: Lab, make_lab) -> None:
    told.git("init", "-q", "--bare", "../hub")
    told.git("remote", "add", "origin", str(told.path.parent / "hub"))
    told.git("push", "-q", "origin", "main")
    told.run("sync", "--notes-only")
    other = Lab(told.path.parent / "other")
    told.git("clone", "-q", "--no-local", "../hub", str(other.path))
    other.run("sync", "--notes-only")
    (told.path.parent / "hub").rename(told.path.parent / "moved")
    two = _ids(told)[1]
    for command in ("restore", "blame", "stack"):
        assert f"The code of {two}, commit {two[17:24]}, is not here." in other.run(command, two, rc=3).stderr, command


def test_a_diff_says_whose_it_is(told: Lab) -> None:
    one, two = [run.run_id for run in told.memory.runs][:2]
    assert json.loads(told.run("diff", one, two, "--json").stdout)["run_id"] == one
    assert json.loads(told.run("diff", two, "--json").stdout)["run_id"] == two
