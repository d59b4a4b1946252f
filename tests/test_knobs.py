"""knobs: what was tried of each constant, in words and in JSON, by name and by parts of one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Lab, Templates


@pytest.fixture
def tried(templates: Templates, tmp_path: Path) -> Lab:
    """A baseline; LR up kept, up again discarded, far up crashed; depth and LR together discarded."""
    return templates.told("knobs tried", _try, tmp_path)


def _try(lab: Lab) -> None:
    lab.git("config", "core.hooksPath", "/dev/null")
    lab.result(1.5)
    lab.run("log", "--log", "run.log")
    lab.experiment("raise LR", 1.4, knob="MATRIX_LR", to=0.06)
    lab.experiment("raise LR again", 1.6, knob="MATRIX_LR", to="1e-1")
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.edit("MATRIX_LR", 4)
    lab.commit("burst")
    lab.run("log", "--status", "crash", "--error", "NaN")
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.edit("DEPTH", 9)
    lab.experiment("deeper and slower", 1.45, knob="MATRIX_LR", to=0.05)
    lab.git("reset", "-q", "--hard", "HEAD~1")


def _json(lab: Lab, *arguments: str) -> Any:
    printed = lab.run("knobs", "--json", *arguments).stdout
    assert printed.count("\n") == 1
    return json.loads(printed)


def test_one_line_for_each_knob_and_what_was_never_turned(tried: Lab) -> None:
    said = tried.run("knobs").stdout.splitlines()
    assert said == [
        "val_bpb (less is better), not stated, 4 runs; ± is one standard deviation, noise 0.0045 assumed",
        "MATRIX_LR 0.06: up mixed, down never tried: 0.06 looks best; 0.05 hurt +0.05±0.0064 (with 1 other change), "
        "0.06 helped -0.1±0.0064, 0.1 hurt +0.2±0.0064, 4 crashed",
        "DEPTH 8: unclear, never turned alone; 9 hurt +0.05±0.0064 (with 1 other change)",
        "never turned: WARMDOWN_RATIO 0.5",
    ]


def test_a_knob_whole(tried: Lab) -> None:
    ids = [run.run_id for run in tried.memory.runs]
    assert tried.run("knobs", "MATRIX_LR").stdout.splitlines() == [
        "MATRIX_LR is 0.06 at HEAD. val_bpb, less is better.",
        "not stated; ± is one standard deviation, noise 0.0045 assumed:",
        "  0.05 hurt +0.05±0.0064 (with 1 other change), from 0.06, 1.450000 vs 1.400000",
        f"    1 discarded: {ids[4]}",
        "  0.06 helped -0.1±0.0064, from 0.04, 1.400000 vs 1.500000, now",
        f"    1 kept: {ids[1]}",
        "  0.1 hurt +0.2±0.0064, from 0.06, 1.600000 vs 1.400000",
        f"    1 discarded: {ids[2]}",
        "  4 crashed, from 0.06",
        f"    1 crashed: {ids[3]}",
        "  direction: up mixed, down never tried: 0.06 looks best",
        "  not tried: above 4, below 0.04, between 0.05 and 0.06, between 0.06 and 0.1",
    ]


def test_json(tried: Lab) -> None:
    whole = _json(tried)
    assert set(whole) == {"metric", "direction", "group", "noise", "noise_replicates", "groups", "knobs", "never",
                          "without_code"}  # fmt: skip
    assert (whole["metric"], whole["direction"], whole["group"]) == ("val_bpb", "minimize", "not stated")
    assert (whole["groups"], whole["never"], whole["without_code"]) == ({"not stated": 4}, {"WARMDOWN_RATIO": "0.5"}, 0)
    assert [knob["name"] for knob in whole["knobs"]] == ["MATRIX_LR", "DEPTH"]
    knob = _json(tried, "matrix_lr")["knob"]
    values = knob["groups"][0]["tried"]
    assert [(one["value"], one["outcome"], one["others"]) for one in values] == [
        ("0.05", "hurt", 1), ("0.06", "helped", 0), ("0.1", "hurt", 0), ("4", "crashed", 0)
    ]  # fmt: skip
    assert [one["effect"] for one in values] == [0.05, -0.1, 0.2, None]
    assert values[1]["run_ids"] == [tried.memory.runs[1].run_id]
    assert (knob["now"], knob["groups"][0]["best"], knob["groups"][0]["has_best"]) == ("0.06", "0.06", True)


@pytest.mark.parametrize("name", ["DEPTH", "depth", "Dep", " epth "])
def test_a_unique_part_of_a_name_is_enough(tried: Lab, name: str) -> None:
    assert _json(tried, name)["knob"]["name"] == "DEPTH"


def test_a_constant_that_was_never_turned(tried: Lab) -> None:
    assert tried.run("knobs", "warm").stdout == "WARMDOWN_RATIO is 0.5 at HEAD and was never turned.\n"
    assert _json(tried, "warm")["knob"] == {"name": "WARMDOWN_RATIO", "now": "0.5", "groups": []}


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("MATRIX_RL", 3, "No knob is called 'MATRIX_RL'.\nhint: The closest: MATRIX_LR."),
        ("xyz", 3, "No knob is called 'xyz'.\nhint: `git memorylab knobs` lists them."),
        ("t", 3, "'t' names 3 knobs: MATRIX_LR, DEPTH, WARMDOWN_RATIO.\nhint: Give more of it."),
        ("  ", 2, "The name of the knob is empty.\nhint: Give a name or a part of one, or leave it out."),
        ("", 2, "The name of the knob is empty.\nhint: Give a name or a part of one, or leave it out."),
        ("\x1b[31m\u202e\n.*", 3, "No knob is called '\ufffd[31m\ufffd .*'.\nhint: `git memorylab knobs` lists them."),
        ("x" * 9_000, 3, f"No knob is called '{'x' * 39}…'.\nhint: `git memorylab knobs` lists them."),
    ],
)
def test_names_that_are_nobodys_or_everybodys(tried: Lab, name: str, code: int, said: str) -> None:
    result = tried.run("knobs", name, rc=code)
    assert (result.stdout, result.stderr) == ("", f"error: {said}\n")


def test_the_whole_name_wins_over_a_part_of_another(tried: Lab) -> None:
    (tried.path / "train.py").write_text("DEPTH = 8\nDEPTH_MAX = 9\ndepth_max = 3\nMATRIX_LR = 0.06\n")
    tried.commit("more")
    assert _json(tried, "depth")["knob"]["name"] == "DEPTH"
    assert _json(tried, "DEPTH_MAX")["knob"]["name"] == "DEPTH_MAX"


def test_names_and_values_of_others_are_shown_safely(tried: Lab) -> None:
    subject = tried.path / "train.py"
    subject.write_text(subject.read_text() + "ÄÖ = 'a'\n")
    tried.experiment("hostile", 1.7)
    subject.write_text(subject.read_text().replace("'a'", "'" + "\\u202e\x7f" * 300 + "'"))
    tried.experiment("hostile", 1.2)
    said = tried.run("knobs").stdout + tried.run("knobs", "äö").stdout
    assert "ÄÖ" in said
    assert all(part.isprintable() for part in said.splitlines())
    assert max(map(len, said.splitlines())) < 400


def test_where_nothing_is_yet(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    assert lab.run("knobs").stdout == (
        "No knob was turned yet.\nnever turned: DEPTH 8, MATRIX_LR 0.04, WARMDOWN_RATIO 0.5\n"
    )
    lab.git("rm", "-q", "train.py")
    lab.commit("gone")
    assert lab.run("knobs").stdout == "No knob was turned yet.\ntrain.py has no constants at HEAD.\n"
    empty = Lab(lab.path.parent / "empty")
    empty.path.mkdir()
    empty.git("init", "-q")
    assert empty.run("knobs").stdout == "No knob was turned yet.\ntrain.py has no constants at HEAD.\n"
    assert _json(empty)["group"] is None


def test_in_a_bare_repository(tried: Lab) -> None:
    tried.git("clone", "-q", "--mirror", ".", "../bare.git")
    bare = Lab(tried.path.parent / "bare.git")
    assert bare.run("knobs").stdout == tried.run("knobs").stdout
    assert bare.run("knobs", "lr").stdout == tried.run("knobs", "lr").stdout


def test_imported_rows_are_not_counted(tried: Lab) -> None:
    table = tried.path / "theirs.tsv"
    table.write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.9\t1\tkeep\tMATRIX_LR 0.04 -> 0.2\n")
    tried.run("import", "theirs.tsv")
    assert tried.run("knobs").stdout.splitlines()[-1] == "1 run without code is not counted"
    assert tried.run("knobs", "lr").stdout.splitlines()[-1] == "1 run without code is not counted"
    assert "0.2" not in [one["value"] for one in _json(tried, "lr")["knob"]["groups"][0]["tried"]]
    assert _json(tried)["without_code"] == 1


def test_maximize(tried: Lab) -> None:
    tried.git("config", "memorylab.direction", "maximize")
    said = tried.run("knobs").stdout.splitlines()
    assert said[0].startswith("val_bpb (more is better), not stated, 4 runs; ")
    assert said[1].startswith("MATRIX_LR 0.06: up mixed, down never tried: 0.1 looks best; 0.05 helped +0.05")


def test_two_groups(tried: Lab) -> None:
    """The latest run's group is what the overview shows; a knob's own page has them all."""
    for at, (value, lr) in enumerate([(2.0, 0.06), (2.2, 0.07)]):
        tried.edit("MATRIX_LR", lr)
        tried.commit(f"elsewhere {at}")
        where = {"device": "cuda:0 (NVIDIA H100)", "budget_kind": "seconds", "budget": 300, "evaluator": "ab"}
        (tried.path / "s.json").write_text(json.dumps({"val_bpb": value} | where))
        tried.run("log", "--summary", "s.json", "--status", "keep" if not at else "discard")
    label = "cuda (NVIDIA H100), 300 seconds, evaluator ab"
    said = tried.run("knobs").stdout.splitlines()
    assert said == [
        f"val_bpb (less is better), {label}, 1 run; ± is one standard deviation, noise 0.006 assumed",
        "MATRIX_LR 0.07: up hurts, down never tried; 0.07 hurt +0.2±0.0085",
        "turned in other groups only: DEPTH",
        "never turned: WARMDOWN_RATIO 0.5",
        "1 other group: not stated (4 runs). `git memorylab knobs NAME` shows a knob in all of them.",
    ]
    whole = tried.run("knobs", "lr").stdout.splitlines()
    assert [line for line in whole if line.endswith("assumed:")] == [
        f"{label}; ± is one standard deviation, noise 0.006 assumed:",
        "not stated; ± is one standard deviation, noise 0.0045 assumed:",
    ]
    assert [found["group"] for found in _json(tried, "lr")["knob"]["groups"]] == [label, "not stated"]
    assert [len(knob["groups"]) for knob in _json(tried)["knobs"]] == [1, 0]


@pytest.mark.long
def test_many_values_are_cut_down_in_the_overview_alone(lab: Lab) -> None:
    lab.git("config", "core.hooksPath", "/dev/null")
    lab.experiment("baseline", 1.5)
    for depth in range(10, 20):
        lab.experiment(f"depth {depth}", 1.5 + (depth - 9) / 100, knob="DEPTH", to=depth)
        lab.git("reset", "-q", "--hard", "HEAD~1")
    line = lab.run("knobs").stdout.splitlines()[1]
    assert line.startswith("DEPTH 8: up hurts, down never tried; 14 hurt ")
    # Luck is taken to be half the median difference, which is 0.055, and the two sides have one run each.
    assert line.endswith("19 hurt +0.1±0.039, and 4 more")
    assert [one["value"] for one in _json(lab, "DEPTH")["knob"]["groups"][0]["tried"]] == [*map(str, range(10, 20))]
