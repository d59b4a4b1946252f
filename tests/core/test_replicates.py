"""What repeats a run without saying what that run tried."""

import pytest

from memorylab.core.history import Idea
from memorylab.core.novelty import relate
from memorylab.core.reading import BASELINE, read
from memorylab.core.record import DEFAULT_THRESHOLD

NIGHT = [
    ("baseline: DEPTH=8 ASPECT_RATIO=64", "keep"),
    ("exp1: matrix LR 0.04 -> 0.05", "keep"),
    ("exp2: parallel attention and MLP", "discard"),
    ("exp3: depth 10", "discard"),
]


def same(planned, history=NIGHT):
    """The places, from 1, of the runs that a planned idea repeats."""
    relations = relate(Idea(planned), [(Idea(text), status) for text, status in history])
    return [at for at, relation in enumerate(relations, start=1) if relation.same >= DEFAULT_THRESHOLD]


@pytest.mark.parametrize(
    ("planned", "repeated"),
    [
        ("rerun", [4]), ("re-run: 1.0731, noise?", [4]), ("repeat", [4]), ("SEED=42 confirms it", [4]),
        ("rerun of exp2", [3]), ("SEED=7 of exp2", [3]), ("seed 2 for run 1", [2]), ("retry the winning config", [2]),
        ("rerun the best config", [2]), ("baseline rerun on this machine", [1]), ("unmodified train.py", [1]),
        ("exp4: depth 10, SEED=3", [4]),
    ],
)  # fmt: skip
def test_a_replicate_repeats_the_run_it_is_of(planned, repeated):
    assert same(planned) == repeated


def test_a_replicate_of_a_replicate_is_of_the_same_run():
    night = [*NIGHT, ("SEED=42 of exp2", "discard"), ("depth 6", "discard"), ("SEED=1337 of exp2", "discard")]
    assert same("parallel attention and MLP", night) == [3, 5, 7]
    assert same("SEED=5 of exp2", night) == [3, 5, 7]


def test_nothing_to_repeat():
    assert same("rerun", []) == []
    assert same("rerun", [("rerun", "discard")]) == [1]


@pytest.mark.parametrize(
    "text",
    ["baseline", "Measured the current baseline.", "M4 baseline with OOM backoff fix", "baseline (no edits)",
     "run the stock config", "no changes", "train.py as is: reference", "first run of the unmodified script"],
)  # fmt: skip
def test_a_baseline(text):
    assert read(text) == (BASELINE,)


@pytest.mark.parametrize(
    "text",
    ["baseline + QK norm", "depth 9 on the baseline", "larger batch than baseline", "matrix LR 0.05, no changes to WD"],
)
def test_no_baseline(text):
    assert BASELINE not in read(text)


def test_a_baseline_says_where_the_knobs_stand():
    (relation,) = relate(Idea("depth 6"), [(Idea("baseline: depth 8, 50M params"), "keep")])
    assert relation.kind == "different"
    deeper, shallower = (relate(Idea(text), [*((Idea(t), s) for t, s in NIGHT)])[3] for text in ("depth 12", "depth 6"))
    assert (deeper.kind, shallower.kind) == ("variant", "opposite")
