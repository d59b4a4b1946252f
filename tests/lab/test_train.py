"""train.py as a user runs it: a process, told by its environment, judged by what it leaves."""

import re

import pytest

from memorylab.lab import summary

from .conftest import TRAIN


@pytest.fixture(scope="module")
def first(run_train):
    return run_train(SEED=5)


def test_it_prints_the_block_and_writes_the_same(first):
    done, found = first
    assert done.returncode == 0, done.stderr
    block = done.stdout[done.stdout.index("---\n") :].rstrip("\n")
    assert block == summary.closing_block(found)
    assert set(found) == set(summary.KEYS)
    assert found["total_tokens_M"] == 2560 / 1e6 and found["num_steps"] == 20
    assert re.search(r"^step 00020 \(100\.0%\) \| loss: \d", done.stdout, re.M)


@pytest.mark.long
def test_equal_runs_are_equal_to_the_last_bit(first, run_train):
    _, again = run_train(SEED=5)
    assert again["val_bpb"] == first[1]["val_bpb"]
    assert again["evaluator"] == first[1]["evaluator"]


@pytest.mark.long
def test_divergence_exits_3_without_a_summary(run_train, tmp_path):
    stale = tmp_path / "stale.json"
    stale.write_text("{}")
    wreck = [("progress = run.step(", 'loss = loss * float("nan")\n    progress = run.step(')]
    done, found = run_train(edits=wreck, SUMMARY_PATH=stale)
    assert done.returncode == 3
    assert found is None and not stale.exists()
    assert done.stderr == "train.py: diverged: the loss is nan at step 1\n"
    assert "val_bpb:" not in done.stdout


@pytest.mark.long
def test_bad_setting_exits_2(run_train):
    done, found = run_train(TIME_BUDGET="abc")
    assert (done.returncode, found) == (2, None)
    assert "AUTORESEARCH_TIME_BUDGET='abc'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.long
def test_a_model_that_leaks_the_future_exits_3(run_train):
    done, found = run_train(edits=[("is_causal=True", "is_causal=False")])
    assert (done.returncode, found) == (3, None)
    assert "sees the future" in done.stderr


def test_knobs_are_plain_literals_one_a_line():
    source = TRAIN.read_text(encoding="utf-8")
    knobs = re.findall(r"(?m)^([A-Z][A-Z0-9_]*) *= *(.*?) *(?:#.*)?$", source)
    assert {"DEPTH", "MATRIX_LR", "EMBEDDING_LR", "WARMDOWN_RATIO"} <= {name for name, _ in knobs}
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", value) for _, value in knobs)
