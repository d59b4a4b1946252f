import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core.clean import label_of, plain, with_parameters


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("LR 0.04→0.06", "LR 0.04 -> 0.06"), ("act: F.relu(x)**2 → nn.GELU()", "act: relu2  -> GELU "),
        ("SwiGLU(mlp=3)", "SwiGLU with mlp=3"), ("w/ 5 percent warmup", "with 5% warmup"),
        ("betas 0.9/0.95", "betas (0.9, 0.95)"), ("five percent warmup w/o decay", "5% warmup without decay"),
        ("full attention in all layers", "WINDOW_PATTERN=L"), ("VE in all 9 layers", "VE in all layers"),
        ("Hypothesis: it is noisy. Change: LR 0.3. Result: 1.07", "LR 0.3"), ("-mechanism: QK norm", "remove QK norm"),
        ("retry: beta1=0.9", "beta1=0.9"), ("P2: depth 9", "depth 9"), ("emb LR 1.2, 0.9 was enough", "emb LR 1.2"),
        ("drop VE: +0.018, needed", "drop VE"), ("A/B with WD 0.1", "with WD 0.1"),
        ("0.9928 (+0.0007) wd .2 to .1", "wd .2 to .1"), ("bs/2", "bs /2"), ("six-fold MLP", "6x MLP"),
        ("wd sweep 0.1/0.2/0.3, point 2", "wd sweep 0.2"), ("warmdown sweep 30/60/80%: 80%", "warmdown sweep 80%"),
        ("wd sweep 0.1/0.2/0.3", "wd sweep"), ("ablation: attention gate", "remove attention gate"),
        ("n_kv_head = n_head//2", "n_kv_head  /2 "), ("wider init → +0.0006 (noise)", "wider init"),
        ("hidden 4*dim", "hidden 4x"), ("2**15 tokens", "2**15 tokens"),
    ],
)  # fmt: skip
def test_one_form(text, sentence):
    assert plain(text).sentence.split() == sentence.split()


def test_tag_label_and_asides_stand_apart():
    found = plain("[Phase6:Adam] exp12: depth 10 (worse, (really)) at night (1.07")
    assert (found.tag, found.number, found.asides) == ("Phase6:Adam", 12, ["worse, (really)", "1.07"])
    assert found.sentence.split() == ["depth", "10", "at", "night"]


@pytest.mark.parametrize(("text", "number"), [("run #7 depth 9", 7), ("depth 9", None), ("[a] exp 3b: x", 3)])
def test_the_number_of_an_experiment(text, number):
    assert label_of(text) == number


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("EMA (decay 0.999, fp32)", "EMA 0.999 "), ("wider MLP (5x) and more", "wider MLP 5x  and more"),
        ("parallel block (1.0225)", "parallel block (1.0225)"), ("skip (again)", "skip (again)"),
    ],
)  # fmt: skip
def test_values_in_parentheses(text, told):
    assert with_parameters(text) == told


@given(st.text(max_size=300))
def test_any_text_is_made_plain(text):
    found = plain(text)
    assert isinstance(found.sentence, str)
    label_of(text), with_parameters(text)


def test_brackets_without_end_cost_linear_time():
    for text in (
        "(" * 4_000,
        "(a=" * 1_300,
        "= a/" * 1_000,
        "relu(" * 800,
        "[" * 4_000,
        "beta 0." * 500,
        "-> +" * 1_000,
    ):
        plain(text), with_parameters(text)
