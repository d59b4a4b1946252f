import math
import random

import pytest

from memorylab.lab import RunRefused
from memorylab.lab.evaluate import CONTEXT, evaluate_bpb, window_starts


@pytest.mark.parametrize(("length", "count"), [(214_209, 512), (10_000, 77), (258, 2), (129, 1), (128, 0)])
def test_windows_are_spread_over_the_whole_text(length, count):
    starts = window_starts(length)
    assert len(starts) == count
    if count > 1:
        assert starts[0] == 0 and starts[-1] + CONTEXT + 1 == length
        gaps = [b - a for a, b in zip(starts, starts[1:], strict=False)]
        assert min(gaps) >= CONTEXT and max(gaps) - min(gaps) <= 1


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="models are torch modules")


@pytest.fixture(scope="module")
def text():
    return bytes(random.Random(1).choices(range(97, 105), k=20_000))


def test_a_uniform_guess_costs_eight_bits(torch, text):
    assert evaluate_bpb(lambda x: torch.zeros(*x.shape, 256), text) == pytest.approx(8.0)


def test_score_is_the_mean_over_every_byte_but_the_first(torch, text):
    table = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    bits = []
    for start in window_starts(len(text)):
        window = text[start : start + CONTEXT + 1]
        for before, byte in zip(window, window[1:], strict=False):
            bits.append(-torch.log_softmax(table[before], 0)[byte].item() / math.log(2))
    assert evaluate_bpb(lambda x: table[x], text) == pytest.approx(sum(bits) / len(bits), rel=1e-5)


def see_next(torch, x, strength):
    following = torch.nn.functional.pad(x[:, 1:], (0, 1))
    return strength * torch.nn.functional.one_hot(following, 256).float()


@pytest.mark.parametrize("strength", [50.0, 0.1])
def test_a_model_that_sees_the_byte_it_predicts_is_refused(torch, text, strength):
    with pytest.raises(RunRefused, match="sees the future"):
        evaluate_bpb(lambda x: see_next(torch, x, strength), text)


def test_a_model_that_sees_only_the_end_of_the_window_is_refused(torch, text):
    with pytest.raises(RunRefused, match="sees the future"):
        evaluate_bpb(lambda x: torch.nn.functional.one_hot(x[:, -1:], 256).float().repeat(1, CONTEXT, 1), text)


def test_a_model_that_learns_from_the_windows_is_refused(torch, text):
    counts = torch.ones(256)

    def model(x):
        counts.index_add_(0, x.flatten(), torch.ones(x.numel()))
        return counts.log().expand(*x.shape, 256)

    with pytest.raises(RunRefused):
        evaluate_bpb(model, text)


def test_a_model_that_overwrites_its_input_gains_nothing(torch, text):
    def model(x):
        x.zero_()
        return see_next(torch, x, 50.0)

    assert evaluate_bpb(model, text) > 8


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda torch, x: torch.zeros(*x.shape, 128), "must return logits of shape"),
        (lambda torch, x: torch.zeros(256), "must return logits of shape"),
        (lambda torch, x: (torch.zeros(*x.shape, 256), None), "not tuple"),
        (lambda torch, x: torch.full((*x.shape, 256), math.nan), "not finite"),
    ],
)
def test_logits_of_the_wrong_kind_are_refused(torch, text, model, message):
    with pytest.raises(RunRefused, match=message):
        evaluate_bpb(lambda x: model(torch, x), text)
