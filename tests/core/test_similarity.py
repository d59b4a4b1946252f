import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core.base import Base
from memorylab.core.change import read_change
from memorylab.core.grammar import MAX_MOVES
from memorylab.core.reading import read
from memorylab.core.reading import read_change as read_code
from memorylab.core.tokens import equal


def only(text):
    (move,) = read(text)
    return move


def turned(text):
    return {move.name: move.new for move in read(text)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("total batch size 2**15", 32768), ("total batch size to 2^15", 32768), ("TOTAL_BATCH_SIZE=32768", 32768),
        ("set the total batch to 32,768", 32768), ("batch 32K", 32000), ("weight decay 1e-3", 0.001),
        ("weight decay .30", 0.3), ("warmup 5%", 0.05), ("RoPE base 10K -> 200K", 200_000), ("short window 1/8", 0.125),
    ],
)  # fmt: skip
def test_numbers_in_every_notation(text, value):
    assert only(text).new == value


def test_32k_is_either_32000_or_32768():
    assert equal(32_000.0, 32_768.0)
    assert not equal(0.1, 0.1001)
    assert not equal(None, None)


@pytest.mark.parametrize(
    "text",
    [
        "MATRIX_LR 0.04 -> 0.06", "matrix LR 0.04 to 0.06", "increase matrix learning rate from 0.04 to 0.06",
        "MATRIX_LR: 0.04 → 0.06", "exp12 MATRIX_LR 0.04->0.06 (worse: 1.43 vs 1.41)", "Muon LR 0.04 => 6e-2; no gain",
        "[phase 2] matrix LR from 0.04 to 0.06 at depth 9 because the batch is small",
    ],
)  # fmt: skip
def test_from_and_to(text):
    move = only(text)
    assert (move.head, move.groups, move.old, move.new) == ("lr", {"matrix"}, 0.04, 0.06)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("embedding LR 0.8", "embedding lr"), ("unembedding LR 0.8", "unembedding lr"),
        ("lm_head LR 0.8", "unembedding lr"),
        ("SCALAR_LR 0.8", "scalar lr"), ("muon momentum 0.8", "matrix momentum"), ("Adam beta1 0.8", "adam beta1"),
        ("Muon beta2 0.8", "matrix beta2"), ("beta2 0.8", "adam beta2"), ("n_layer 12", "depth"),
        ("12 layers", "depth"),
        ("AR 80", "aspect"), ("cooldown 0.2", "warmdown"), ("NS_STEPS=6", "matrix nssteps"),
        ("ROUTER_TOPK=4", "router topk"),
    ],
)  # fmt: skip
def test_a_knob_has_one_name_and_parameter_groups_are_kept_apart(text, name):
    assert only(text).name == name


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("increase the dropout", 1), ("lower dropout", -1), ("dropout 0.1 -> 0.3", 1),
        ("decrease dropout 0.1 to 0.2", 1),
        ("halve the embedding LR", -1), ("2x embedding LR", 1), ("deeper", 1), ("remove the softcap", -1),
        ("disable QK norm", -1), ("add weight tying", 1), ("weight tying", 1), ("bump the scalar LR up to 0.7", 1),
    ],
)  # fmt: skip
def test_direction_and_the_numbers_win(text, direction):
    (move,) = Base({}).resolve(read(text))
    assert move.direction == direction


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set DEPTH to 12 and halve the batch", {"depth": 12, "total batch": None}),
        ("DEPTH=6 MATRIX_LR=0.02 warmup 0.1", {"depth": 6, "matrix lr": 0.02, "warmup": 0.1}),
        ("4 layers x 320 dim", {"depth": 4, "width": 320}),
        ("ADAM_BETAS (0.8, 0.95) -> (0.8, 0.99)", {"adam beta2": 0.99}),
        ("replace ReLU^2 with GELU", {"activation": "gelu"}),
        ("window pattern from SSSL to LLLL", {"pattern": "L"}),
        ("shrink the model (depth 5, aspect ratio 48)", {"depth": 5, "aspect": 48}),
    ],
)
def test_several_changes_are_several_moves(text, expected):
    assert turned(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "warmdown 0.3 to let the LR stay high for longer", "warmdown 0.3 after halving the batch",
        "warmdown 0.3 — val_bpb 1.92 -> 1.90, 512 steps", "warmdown 0.3 improved step efficiency by 12%",
        "warmdown 0.3 while keeping depth 8", "warmdown 0.3: better than 0.5", "warmdown 0.3 (LR was too low at 0.02)",
    ],
)  # fmt: skip
def test_purpose_circumstances_and_results_are_cut_off(text):
    assert turned(text) == {"warmdown": 0.3}


def test_factor_and_direction_come_from_the_base():
    base = Base({"EMBEDDING_LR": "0.6", "ADAM_BETAS": "(0.8, 0.95)"})
    (halved,) = base.resolve(read("halve the embedding LR"))
    assert (halved.old, halved.new) == (0.6, 0.3)
    (bare,) = base.resolve(read("embedding LR 0.7"))
    assert bare.direction == 1
    (second,) = base.resolve(read("Adam betas (0.8, 0.99)"))
    assert second.head == "beta2"


def test_code_and_words_name_a_knob_alike():
    old = "MATRIX_LR = 0.04\nUSE_GATE = False\nWINDOW_PATTERN = 'SSSL'\nBATCH = 2**15\n"
    new = old.replace("0.04", "0.06").replace("False", "True").replace("SSSL", "LLLL").replace("15", "16")
    moves = {move.name: move for move in Base({}).resolve(read_code(read_change(old, new, "train.py")))}
    assert (moves["matrix lr"].new, moves["matrix lr"].direction) == (0.06, 1)
    assert moves["matrix lr"].key == only("Muon learning rate 0.06").key
    assert (moves["pattern"].new, moves["total batch"].new) == ("L", 65536)
    assert moves["gate use"].direction == 1


def test_nothing_to_compare():
    assert read("") == ()
    assert read("...") == ()


def test_a_pasted_log_is_read_in_linear_time():
    for text in ("MATRIX_LR=0.1 " * 100_000, "(" * 10**6, "1," * 10**6, "a_" * 10**6, "2**" * 10**6, " --" * 10**6):
        assert len(read(text)) <= MAX_MOVES


@given(st.text() | st.text(alphabet="MATRIX_LRlrdepth 0123456789.->()*^=,%toadn"))
def test_any_text_can_be_read(text):
    assert len(read(text)) <= MAX_MOVES
