"""blame: each line of the subject, with the run that introduced it and what that gained."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TRAIN, Lab, Templates


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    """A baseline and two gains on it, the second one run twice; then a loss, which is reset away."""

    def tell(lab: Lab) -> None:
        lab.git("config", "core.hooksPath", "/dev/null")
        lab.git("commit", "-q", "--allow-empty", "-m", "baseline")
        lab.result(1.6)
        lab.run("log", "--log", "run.log")
        lab.experiment("deeper \x1b[31m", 1.5, knob="DEPTH", to=9)
        lab.experiment("a longer warmdown of the rate at the end", 1.4, knob="WARMDOWN_RATIO", to=0.7)
        lab.result(1.402)
        lab.run("log", "--log", "run.log")
        lab.experiment("raise LR", 1.9, knob="MATRIX_LR", to=0.05)
        lab.git("reset", "-q", "--hard", "HEAD~1")

    return templates.told("two gains and a loss", tell, tmp_path)


def _blame(lab: Lab, *arguments: str) -> tuple[list[str | None], dict[str, Any]]:
    """The idea behind each line, or its origin where there is none; and all."""
    value = json.loads(lab.run("blame", *arguments, "--json").stdout)
    ideas = {None: None} | {run_id: run["description"] for run_id, run in value["runs"].items()}
    return [ideas[line["run_id"]] or line["origin"] for line in value["lines"]], value


BEFORE = "before the first run"


def test_each_line_has_the_run_that_introduced_it(told: Lab) -> None:
    ideas, value = _blame(told)
    deeper, longer = "deeper \ufffd[31m", "a longer warmdown of the rate at the end"
    assert ideas == [deeper, BEFORE, longer, BEFORE, BEFORE]
    assert [line["text"] for line in value["lines"]] == (told.path / "train.py").read_text().splitlines()
    assert [line["number"] for line in value["lines"]] == [1, 2, 3, 4, 5]
    by_idea = {run["description"]: run for run in value["runs"].values()}
    assert by_idea[deeper]["effect"] == pytest.approx(-0.1)
    assert by_idea[longer]["effect"] == pytest.approx(-0.099)
    assert (by_idea[deeper]["runs"], by_idea[longer]["runs"]) == (1, 2)
    assert by_idea[longer]["error"] < by_idea[deeper]["error"]
    assert by_idea[deeper]["probability"] > 0.99


def test_blame_in_the_manner_of_git(told: Lab) -> None:
    said = told.run("blame").stdout.splitlines()
    deeper, longer = told.memory.runs[1].commit, told.memory.runs[2].commit
    assert said[0].startswith(f"{deeper[:7]}  (  -0.1±0.0")
    assert said[0].endswith(">0.99  1 run deeper \ufffd[31m                     1) DEPTH = 9")
    assert said[2].startswith(f"{longer[:7]}  (")
    assert said[2].endswith(">0.99 2 runs a longer warmdown of the rate a… 3) WARMDOWN_RATIO = 0.7")
    assert said[4].startswith(f"^{told.git('rev-parse', 'HEAD~3')[:7]} (")
    assert said[4].endswith(f"{BEFORE}             5) print('training')")


def test_blame_of_any_run_and_of_the_leader(told: Lab) -> None:
    loss = told.memory.runs[-1]
    ideas, value = _blame(told, loss.run_id)
    assert ideas[1] == "raise LR"
    assert value["runs"][loss.run_id]["effect"] > 0.4
    assert _blame(told, "--leader")[0] == _blame(told)[0]
    told.run("blame", loss.run_id, "--leader", rc=2)
    told.experiment("unproven", 1.399, knob="MATRIX_LR", to=0.041)
    assert "unproven" in _blame(told, "--leader")[0]
    assert "unproven" not in _blame(told)[0]


def test_lines_that_were_committed_between_two_runs(told: Lab) -> None:
    """They are the next run's, which is the first that measured them."""
    told.edit("MATRIX_LR", 0.03)
    told.commit("not run")
    told.experiment("run", 1.3, knob="DEPTH", to=10)
    assert _blame(told)[0][:2] == ["run", "run"]


def test_the_first_run_on_a_line_counts(told: Lab) -> None:
    _, value = _blame(told)
    first, again = (run.run_id for run in told.memory.runs[2:4])
    assert first in value["runs"]
    assert again not in value["runs"]


def test_a_run_of_what_was_not_committed_introduces_nothing(told: Lab) -> None:
    told.edit("MATRIX_LR", 0.02)
    told.commit("half")
    told.edit("DEPTH", 20)
    told.result(1.0)
    told.run("log", "--log", "run.log", "--allow-dirty")
    told.git("checkout", "-q", "train.py")
    told.experiment("whole", 1.3, knob="WARMDOWN_RATIO", to=0.9)
    dirty = next(run for run in told.memory.runs if run.description == "half")
    assert dirty.run_id not in _blame(told, told.memory.runs[-1].run_id)[1]["runs"]


def test_blame_of_the_run_of_what_was_there(lab: Lab) -> None:
    """The first run may be of the commit that brought the subject: nothing to compare with."""
    assert "There is no champion yet." in lab.run("blame", rc=3).stderr
    lab.result(1.6)
    lab.run("log", "--log", "run.log")
    ideas, value = _blame(lab)
    assert set(ideas) == {"baseline"}
    (run,) = value["runs"].values()
    assert (run["effect"], run["probability"], run["runs"]) == (None, None, 1)
    assert "(- - 1 run baseline 1) DEPTH = 8" in lab.run("blame").stdout


def test_a_rewritten_commit_that_holds_what_was_run(told: Lab) -> None:
    """Metrics do not travel, but the program is the same to the byte."""
    told.git("commit", "-q", "--amend", "-m", "other words")
    told.experiment("more", 1.3, knob="MATRIX_LR", to=0.06)
    assert _blame(told)[0][2] == "a longer warmdown of the rate at the end"


def test_blame_takes_a_path_as_it_is(make_lab) -> None:
    lab = make_lab()
    lab.git("config", "core.hooksPath", "/dev/null")
    lab.git("config", "memorylab.subject", "a b/:(top)*.py")
    (lab.path / "a b").mkdir()
    (lab.path / "a b" / ":(top)*.py").write_text(TRAIN)
    lab.git("add", "--", ".")
    lab.commit("subject")
    lab.result(1.5)
    lab.run("log", "--log", "run.log")
    assert set(_blame(lab)[0]) == {"subject"}


def test_blame_in_a_shallow_clone(told: Lab) -> None:
    """What is older than it is blamed on nobody: git would name the commit where it ends."""
    told.git("init", "-q", "--bare", "../hub")
    told.git("remote", "add", "origin", str(told.path.parent / "hub"))
    told.git("push", "-q", "origin", "main")
    told.run("sync")
    shallow = Lab(told.path.parent / "shallow")
    told.git("clone", "-q", "--depth", "1", f"file://{told.path.parent}/hub", str(shallow.path))
    shallow.run("sync", "--notes-only")
    longer = told.memory.runs[2]
    assert set(_blame(shallow, longer.run_id)[0]) == {"older than this shallow clone"}
    shallow.git("fetch", "-q", "--depth", "2")
    ideas, _ = _blame(shallow, longer.run_id)
    assert ideas[2] == longer.description
    assert set(ideas) - {longer.description} == {"older than this shallow clone"}
