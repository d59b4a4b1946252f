"""A night of 67 commits on the real subject, 12 of which try again what was tried, on a base that has moved."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from memorylab.core.change import read_change
from memorylab.core.history import Idea
from memorylab.core.novelty import DUPLICATE, relate

SUBJECT = (Path(__file__).resolve().parents[2] / "train.py").read_text("utf-8")
Edit = Callable[[str], str]


def knob(name: str, value: str) -> Edit:
    def edit(text: str) -> str:
        changed, count = re.subn(rf"(?m)^{name} = \S+", f"{name} = {value}", text)
        assert count == 1
        return changed

    return edit


def code(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text, old
        return text.replace(old, new)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(text: str) -> str:
        for each in edits:
            text = each(text)
        return text

    return edit


def restyled(edit: Edit) -> Edit:
    """The same edit as another agent would type it: comments, blank lines, an import moved."""

    def again(text: str) -> str:
        text = edit(text).replace("import torch.nn.functional as F\n", "import torch.nn.functional as F  # noqa\n\n")
        return re.sub(r"(?m)^(\s+)return ", r"\1# the result\n\1return ", text).replace("DEPTH = ", "DEPTH   =   ")

    return again


SQUARE, ZERO = "F.relu(self.up(x)).square()", "nn.init.zeros_(self.unembedding.weight)"
ACTIVATIONS = {name: code(SQUARE, f"{name}(self.up(x))") for name in ("F.gelu", "F.silu", "F.relu", "F.mish", "F.elu")}
KNOBS = {
    f"{name} {value}": knob(name, value)
    for name, values in {
        "DEPTH": "1 3 4", "HEAD_DIM": "16 64", "MLP_RATIO": "2 3 6", "ROPE_BASE": "1000.0 5e4", "BATCH_SIZE": "4 16 32",
        "MATRIX_LR": "0.02 0.04 0.05 6e-2", "EMBEDDING_LR": "0.03 0.08 0.1", "UNEMBEDDING_LR": "0.003 0.008",
        "WEIGHT_DECAY": "0.1 0.2", "MUON_MOMENTUM": "0.9 0.97", "ADAM_BETA1": "0.7 0.9", "ADAM_BETA2": "0.9 0.99",
        "WARMUP_RATIO": "0.02 0.1", "WARMDOWN_RATIO": "0.3 0.8", "FINAL_LR_RATIO": "0.1", "SEQ_LEN": "64 256",
        "MAX_NGRAM": "3 4", "NGRAM_ROWS": "4096 2**14", "DIM": "96",
    }.items()
    for value in values.split()
}  # fmt: skip
MECHANISMS = {
    **ACTIVATIONS,
    "no QK norm": code("rotate(norm(qk), cos, sin)", "rotate(qk, cos, sin)"),
    "MLP bias": code("nn.Linear(DIM, MLP_RATIO * DIM, bias=False)", "nn.Linear(DIM, MLP_RATIO * DIM, bias=True)"),
    "parallel": code("        x = x + self.attention(norm(x), cos, sin)\n        return x + self.mlp(norm(x))",
                     "        return x + self.attention(norm(x), cos, sin) + self.mlp(norm(x))"),
    "output init": code(ZERO, "nn.init.normal_(self.unembedding.weight, std=0.01)"),
    "wider init": code("nn.init.normal_(table.weight, std=0.5)", "nn.init.normal_(table.weight, std=1.0)"),
    "layer norm": code("F.rms_norm(x, (x.size(-1),))", "F.layer_norm(x, (x.size(-1),))"),
    "deep and slow": both(knob("DEPTH", "3"), knob("MATRIX_LR", "0.02")),
    "gated": both(
        code("        self.down =", "        self.gate = nn.Linear(DIM, MLP_RATIO * DIM)\n        self.down ="),
        code(SQUARE, "F.silu(self.gate(x)) * self.up(x)"),
    ),
}  # fmt: skip
IDEAS = KNOBS | MECHANISMS
# Tried again later, in other layout or another notation; what was kept meanwhile has moved the base.
AGAIN: dict[str, Edit] = {
    "MATRIX_LR 0.04": restyled(knob("MATRIX_LR", "4e-2")), "BATCH_SIZE 16": knob("BATCH_SIZE", "2**4"),
    "F.gelu": restyled(IDEAS["F.gelu"]), "no QK norm": restyled(IDEAS["no QK norm"]),
    "WEIGHT_DECAY 0.1": IDEAS["WEIGHT_DECAY 0.1"],
    "parallel": restyled(IDEAS["parallel"]), "ROPE_BASE 5e4": knob("ROPE_BASE", "50_000"),
    "gated": restyled(IDEAS["gated"]), "deep and slow": both(knob("MATRIX_LR", ".02"), knob("DEPTH", "3")),
    "layer norm": IDEAS["layer norm"], "WARMDOWN_RATIO 0.8": restyled(knob("WARMDOWN_RATIO", "8e-1")),
    "HEAD_DIM 64": knob("HEAD_DIM", "1 << 6".replace(" ", "")),
}  # fmt: skip
KEPT = ["EMBEDDING_LR 0.08", "MUON_MOMENTUM 0.97", "wider init", "ADAM_BETA2 0.99"]


@pytest.mark.long
def test_all_twelve_repeats_of_a_night_are_found_and_nothing_else() -> None:
    first = [name for name in IDEAS if name not in KEPT]
    night = [*first[:20], *KEPT[:2], *first[20:], *KEPT[2:], *AGAIN]
    assert (len(night), len(AGAIN)) == (67, 12)
    base, history, found = SUBJECT, [], []
    for number, name in enumerate(night):
        again = number >= len(IDEAS)
        changed = (AGAIN if again else IDEAS)[name](base)
        assert changed != base, name
        # The words are of no help: each commit says the same.
        idea = Idea("try something", change=read_change(base, changed, "train.py", blob=str(number)))
        relations = relate(idea, history, start={})
        found.append([at for at, relation in enumerate(relations) if relation.same >= DUPLICATE])
        history.append((idea, "keep" if name in KEPT else "discard"))
        base = changed if name in KEPT else base
    repeats = {night[number]: [night[at] for at in matches] for number, matches in enumerate(found) if matches}
    assert repeats == {name: [name] for name in AGAIN}
