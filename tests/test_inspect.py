"""status, show, amend: what is remembered can be seen, and comes back."""

import json
from pathlib import Path

import pytest

from tests.conftest import Lab, Templates


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    """Two runs: one kept, one discarded and reset away."""

    def tell(lab: Lab) -> None:
        lab.git("config", "core.hooksPath", "/dev/null")
        lab.experiment("raise depth", 1.5, "--family", "depth", "--tags", "a,b", "--hypothesis", "more helps",
                       "--notes", "first\n\tsecond \x1b[31m", knob="DEPTH", to=9)  # fmt: skip
        lab.experiment("raise LR", 1.6, knob="MATRIX_LR", to=0.05)
        lab.git("reset", "-q", "--hard", "HEAD~1")

    return templates.told("one kept and one discarded", tell, tmp_path)


def _ids(lab: Lab) -> list[str]:
    return [run.run_id for run in lab.memory.runs]


def test_status(told: Lab) -> None:
    told.edit("DEPTH", 12)
    told.git("commit", "-qam", "planned \u202e idea")
    told.run("check", "--record")
    said = told.run("status").stdout.splitlines()
    assert said[0] == f"writer {told.store.writer()}"
    assert said[1] == "2 runs: 1 kept, 1 discarded, 0 crashed; 1 writer"
    assert said[2].startswith("champion 1.500000 ")
    assert said[3] == "group not stated: noise of one run 0.0045 (assumed)"
    assert said[4].startswith("planned ")
    assert "planned \ufffd idea" in said[4]
    assert [line.split()[0] for line in said[5:]] == ["discard", "keep"]
    value = json.loads(told.run("status", "--json").stdout)
    assert set(value) == {"writer", "registry", "unreadable", "waiting", "claims", "latest"}
    assert value["latest"] == _ids(told)[::-1]
    assert value["unreadable"] == 0


def test_status_where_nothing_is_yet(make_lab) -> None:
    lab = make_lab(init=False)
    assert "(none yet: run `git memorylab init`)" in lab.run("status").stdout
    assert not (lab.path / "results.tsv").exists()


def test_show_names_everything_safely(told: Lab) -> None:
    one = _ids(told)[0]
    said = told.run("show", one, "--diff").stdout
    for line in (
        f"run {one}", "Status:  keep, val_bpb 1.500000", "    raise depth", "Family: depth", "Hypothesis: more helps",
        "Tags: a, b", "    first", "    second \ufffd[31m", "Change: DEPTH 8 → 9", "+DEPTH = 9",
    ):  # fmt: skip
        assert line in said.splitlines(), line
    assert "Artifacts: " in said
    assert json.loads(told.run("show", one, "--json").stdout)["run_id"] == one


@pytest.mark.parametrize("command", ["show", "diff", "restore", "amend"])
def test_a_name_that_is_nobodys_or_everybodys(told: Lab, command: str) -> None:
    assert "No run is called 'nobody'." in told.run(command, "nobody", rc=3).stderr
    common = _ids(told)[0][:6]
    assert f"'{common}' is part of 2 run ids.\nhint: Give more of it." in told.run(command, common, rc=3).stderr


def test_a_crash_says_why(lab: Lab) -> None:
    lab.commit("crashes")
    lab.run("log", "--status", "crash", "--error", "CUDA out of memory")
    assert "Error: CUDA out of memory" in lab.run("show", lab.memory.runs[0].commit).stdout


def test_amend_corrects_what_was_said_and_nothing_else(told: Lab) -> None:
    one = told.memory.runs[0]
    value = told.run("amend", one.run_id, "--status", "discard", "--description", " said \x07 better ", "--tags", "X,y",
                     "--notes", "a\nb", "--json").stdout  # fmt: skip
    assert json.loads(value)["run_id"] == one.run_id
    told.run("amend", one.commit, "--family", "size", "--hypothesis", "")
    run = told.memory.find(one.run_id)
    assert (run.status, run.description, run.tags, run.notes) == ("discard", "said \ufffd better", ["x", "y"], "a\nb")
    assert (run.family, run.hypothesis, run.metrics, run.seq) == ("size", "", one.metrics, one.seq)
    assert told.run("amend", one.run_id, rc=2).stderr.startswith("error: Nothing to amend.\nhint: Give --status")
    assert "said \ufffd better" in (told.path / "results.tsv").read_text()
    assert told.run("amend", one.run_id, "--description", "x" * 30_000, rc=3).stderr.startswith("error: This cannot be")
    assert told.memory.find(one.run_id).description == "said \ufffd better"
