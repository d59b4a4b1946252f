"""Sentences as agents and people write them, and the moves that they make."""

import pytest

from memorylab.core.base import Base
from memorylab.core.reading import read


def told(text):
    """The moves as name -> where it goes: a value, "x factor", "+step", or a direction."""
    moves = Base({}).resolve(read(text))
    return {move.name: _goal(move) for move in moves}


def _goal(move):
    if move.new is not None:
        return move.new
    if move.delta is not None:
        return f"{move.delta:+g}"
    if move.factor is not None:
        return f"x{move.factor:g}"
    return {1: "up", -1: "down", 0: "set"}[move.direction]


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("increase matrix LR by 20%", "x1.2"), ("reduce matrix LR by 20%", "x0.8"), ("+25% matrix LR", "x1.25"),
        ("matrix LR up 50%", "x1.5"), ("reduce matrix LR by half", "x0.5"), ("cut the matrix LR in half", "x0.5"),
        ("lower matrix LR by a factor of 2", "x0.5"), ("decrease matrix LR by 4x", "x0.25"), ("matrix lr x2", "x2"),
        ("2x matrix LR", "x2"), ("matrix lr * 0.5", "x0.5"), ("4x lower matrix LR", "x0.25"),
        ("divide the matrix LR by 10", "x0.1"), ("lower matrix LR by 0.01", "-0.01"), ("halved the matrix LR", "x0.5"),
        ("0.06 matrix LR", 0.06), ("MLR .06", 0.06), ("matrixLr=6e-2", 0.06), ("`MATRIX_LR` to `0.06`", 0.06),
        ("**MATRIX_LR** 0.06", 0.06), ("a larger matrix LR (0.06)", 0.06), ("go back to matrix LR 0.06", 0.06),
        ("let's try a matrix learning rate of 0.06", 0.06), ("2x MATRIX_LR 0.03->0.06", 0.06),
        ("[MATRIX_LR=0.06]", 0.06), ("LR sweep: matrix LR 0.06", 0.06), ("matrix LR 0.06 increased the loss", 0.06),
    ],
)  # fmt: skip
def test_steps_in_every_wording(text, goal):
    assert told(text) == {"matrix lr": goal}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add two more layers", {"depth": "+2"}), ("one more layer", {"depth": "+1"}), ("use two layers", {"depth": 2}),
        ("a deeper, narrower model (depth 12, aspect 48)", {"depth": 12, "aspect": 48, "width": "down"}),
        ("MATRIX_LR=0.05;WARMDOWN_RATIO=0.3", {"matrix lr": 0.05, "warmdown": 0.3}),
        ("weight-decay=0.05 | lr=3e-4", {"matrix wd": 0.05, "lr": 3e-4}),
        ("matrix LR 0.05; lr 0.04 was better", {"matrix lr": 0.05}),
        ("swap GELU for SwiGLU in the MLP", {"activation": "swiglu"}), ("GELU -> SwiGLU", {"activation": "swiglu"}),
        ("zero-init the lm_head", {"unembedding init": 0}), ("init lm_head to zero", {"unembedding init": 0}),
        ("LR×3 + warmup10+warmdown600", {"lr": "x3", "warmup": 10, "warmdown": 600}),
        ("K=3 L=3, 8.2 MB", {"k": 3, "l": 3}), ("leaky ReLU² instead of ReLU²", {"activation": "leakyrelu"}),
        ("fixed warmdown (0.45 of the total); 56 steps", {"warmdown": "set"}), ("MLP 4x vs 0015", {"mlp": 4}),
        ("cosine schedule with 5% warmup", {"warmdown": "set", "warmup": 0.05}),
        ("clip gradients to norm 1.0", {"clip": 1}), ("skip warmup", {"warmup": 0}), ("softcap off", {"softcap": 0}),
        ("x0 lambdas init 0.1 -> 0.2", {"x0 init": 0.2}),
        ("attention scale 1/sqrt(2*depth)", {"attention scale sqrt": "up"}),
    ],
)  # fmt: skip
def test_several_knobs_and_the_less_common(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("QK-norm removed", {"qk norm": "down"}), ("Removed the QK normalization", {"qk norm": "down"}),
        ("get rid of QK norm", {"qk norm": "down"}), ("Nesterov off", {"nesterov": "down"}),
        ("add batch norm", {"batchnorm": "up"}), ("drop path 0.1", {"droppath": 0.1}),
        ("stochastic depth 0.1", {"droppath": 0.1}), ("linear -> cosine decay", {"warmdown": "set"}),
        ("switch from linear decay to cosine", {"warmdown": "set"}),
        ("use an EMA of the weights", {"averaging ema": "up"}),
        ("EMA of weights with decay 0.999", {"averaging ema": 0.999}),
        ("Muon for 2D tensors", {"matrix 2d tensor": "up"}),
        ("mixup + label smoothing", {"mixup": "up", "label smoothing": "up"}),
        ("SWA + matrix LR 0.05 + the winning config", {"averaging swa": "up", "matrix lr": 0.05}),
        ("U-net skip connections: add skips of 0.5", {"connection skip unet": "up"}),
    ],
)  # fmt: skip
def test_mechanisms(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize(
    "text", ["run 12: depth 9", "exp #4 depth 9", "cycle 3 depth 9", "v2 depth 9",
     "depth 9 (run 7, #14)", "depth 9, attempt 2"]
)  # fmt: skip
def test_labels_are_no_values(text):
    assert told(text) == {"depth": 9}


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("WARMDOWN_RATIO=1.0: worse, 0.9 is the sweet spot", 1), ("warmdown 0.3: 0.5 still optimal", -1),
        ("warmdown 0.3: 1.234 is better", 0), ("warmdown 0.3: 512 is better", 0), ("warmdown 0.3", 0),
    ],
)  # fmt: skip
def test_what_was_best_tells_the_direction(text, direction):
    (move,) = Base({}).resolve(read(text))
    assert move.direction == direction


def test_a_step_is_taken_from_where_the_base_is():
    base = Base({"DEPTH": "8", "MATRIX_LR": "0.04"})
    (deeper,) = base.resolve(read("add two layers"))
    assert (deeper.old, deeper.new, deeper.direction) == (8, 10, 1)
    base.follow([deeper], kept=True, at=0)
    (again,) = base.resolve(read("add two layers"))
    assert (again.old, again.new) == (10, 12)
    (lower,) = base.resolve(read("lower matrix LR by 0.01"))
    assert lower.new == pytest.approx(0.03)


def test_what_stands_already_is_no_part_of_the_idea():
    base = Base({})
    base.follow(base.resolve(read("SWA + depth 9")), kept=True, at=0)
    assert [move.name for move in base.resolve(read("SWA + depth 9 + matrix LR 0.05"))] == ["matrix lr"]
    assert len(base.resolve(read("SWA + depth 9"))) == 2  # nothing else is said
