"""The text of a description, made plain: one sign for an arrow, no markup, labels and parentheses apart."""

import re
from typing import NamedTuple

from memorylab.core.tokens import TOKEN

_SIGNS = str.maketrans(
    {
        "→": " -> ", "⟶": " -> ", "⇒": " -> ", "×": "x", "−": "-", "—": " -- ", "–": " -- ", "²": "^2", "³": "^3",
        "θ": "theta", "β": "beta", "λ": "lambda", "α": "alpha", "ε": "eps", "σ": "sigma", "Δ": " delta ", "@": " at ",
    }
)  # fmt: skip
_TIMES = re.compile(r"(?<=[A-Za-z]) ?×(?=\d)")
_OF_WIDTH = re.compile(r"(?<=\d) ?\* ?(?:dim|d_model|n_embd|width|d|embed_dim)\b")
_BETAS = re.compile(r"\b(betas?[ =:]{0,2})\(?(\d?\.\d{1,4}) ?[/,] ?(\d?\.\d{1,4})\)?", re.I)
_PART_OF = re.compile(r"= ?[A-Za-z_]{1,20} ?//? ?(\d)")
_GAINED = re.compile(r"\s(?:->|=>)\s*(?:[+-]|±)\s?\d.*", re.S)  # "wider init → +0.0006" tells the result
# Attention without windows is a window pattern too.
_ALL_LONG = re.compile(
    r"\b(?:all[- ](?:full|long|global)[ -](?:attention|context|windows?)(?: window)?(?: pattern)?"
    r"|(?:full|global|long|full[- ]context)[ -](?:attention|context|windows?)"
    r" (?:(?:in|on|for|at|across) )?(?:all|every|each)(?: \w{1,12})? layers?)\b",
    re.I,
)
_BOTH = re.compile(r"\b(attn|attention) ?(?:\+|&|/|and) ?(?=(?:mlp|ffn)\b)", re.I)
_AB_TEST = re.compile(r"\bA/B(?: test)?\b")
_PERCENT = re.compile(r"(?<=\d) ?(?:percent|per cent|pct)\b", re.I)
_WITH = re.compile(r"\bw/(?=\s?\w)")
_NOISE = re.compile(r"['\u2019]s\b|`|\*\*(?=\S)(?!\d|-\d)|(?<=[A-Za-z_])\*\*")  # possessives and markup; 2**15 stays
# Code in a sentence: `F.relu(x)**2` and `F.relu(x).square()` are relu2, `torch.nn.functional.silu(x)` is silu.
_SQUARED = re.compile(r"\brelu(?:\(\w{0,10}\))? ?(?:(?:\*\*|\^) ?2\b|\.square\(\))", re.I)
_MODULE = re.compile(r"\b(?:(?:torch|nn|F|mx|functional)\.){1,4}(?=[A-Za-z])")
_LABEL = re.compile(
    r"^\s*(?P<tag>\[[^\]]{0,80}\])?\s*"
    r"(?:(?:exp|experiment|run|trial|iter|issue|step)[ _#-]{0,2}(?P<number>\d{1,5})[a-z]?\b[:.)]?)?\s*",
    re.I,
)
# The arguments of what stands before: "SwiGLU(mlp=3)", "EMA (decay 0.999)".
_ARGUMENTS = re.compile(r"(?<=\w)\((?P<inside>[A-Za-z_]{1,30} ?= ?[^()=]{1,30})\)")
_PARAMETER = re.compile(
    r"(?<=\w) ?\((?:[A-Za-z]{1,20} ?[=:]? ?(?P<named>\d[\d.]{0,12}(?:e-?\d{1,2})?%?)(?=[,; )])[^()]{0,200}"
    r"|(?P<value>(?![1-9]\.\d{3}|0?\.[3-8]\d\d)\d[\d.]{0,12}(?:e-?\d{1,2})?[%x]?))\)"
)


class Plain(NamedTuple):
    """A description in parts: what it is labelled with, the sentence, what stood in parentheses."""

    tag: str  # "Phase6:Adam" of "[Phase6:Adam] WD=0.2"
    number: int | None  # 12 of "exp12: depth 10"
    sentence: str
    asides: list[str]


def plain(text: str) -> Plain:
    """The parts of a description."""
    text = _ALL_LONG.sub("WINDOW_PATTERN=L", text)
    text = _AB_TEST.sub("", _BOTH.sub("attention ", text))
    text = _PART_OF.sub(r" /\1 ", text)
    text = _BETAS.sub(r"\1(\2, \3)", text)
    text = _OF_WIDTH.sub("x", _PERCENT.sub("%", text))
    text = _WITH.sub("with ", _TIMES.sub(" x", text).translate(_SIGNS))
    text = _GAINED.sub("", text)
    text = _NOISE.sub("", _SQUARED.sub("relu2", _MODULE.sub("", text)))
    text = _ARGUMENTS.sub(r" with \g<inside>", text)
    label = _LABEL.match(text)
    assert label is not None  # every part of it is optional
    sentence, asides = _outside(text[label.end() :].replace("[", "(").replace("]", ")"))
    return Plain((label["tag"] or "")[1:-1], int(label["number"]) if label["number"] else None, sentence, asides)


def label_of(text: str) -> int | None:
    """The number in a description's label."""
    label = _LABEL.match(text)
    return int(label["number"]) if label and label["number"] else None


def with_parameters(text: str) -> str:
    """The text with each value that stands alone in parentheses outside of them: `EMA (decay 0.999)`."""
    return _PARAMETER.sub(lambda match: f" {match['named'] or match['value']} ", text)


def _outside(text: str) -> tuple[str, list[str]]:
    """The text without its parentheses, and what stood in them. A tuple of numbers is a value and stays."""
    outer, inner, depth, start = [], [], 0, 0
    for at, char in enumerate(text):
        if char == "(":
            if depth == 0:
                outer.append(text[start:at])
                start = at
            depth += 1
        elif char == ")" and depth:
            depth -= 1
            if depth == 0:
                whole = text[start : at + 1]
                match = TOKEN.match(whole)
                if match and match.lastgroup == "tuple" and match.end() == len(whole):
                    outer.append(whole)
                else:
                    inner.append(whole[1:-1])
                    outer.append(" ")
                start = at + 1
    outer.append(text[start:] if depth == 0 else " ")
    if depth:
        inner.append(text[start + 1 :])
    return "".join(outer), inner
