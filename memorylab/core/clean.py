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
# Forms of one thing, each with the form that the grammar knows. Their order matters.
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), form)
    for pattern, form in [
        (r"\bA/B(?: test)?\b", ""),
        (r"\bw/o\b", "without"),
        (r"\bw/(?=\s?\w)", "with "),
        # Attention without windows is a window pattern.
        (
            r"\b(?:all[- ](?:full|long|global)[ -](?:attention|context|windows?)(?: window)?(?: pattern)?"
            r"|(?:full|global|long|full[- ]context)[ -](?:attention|context|windows?)"
            r" (?:(?:in|on|for|at|across) )?(?:all|every|each)(?: \w{1,12})? layers?)\b",
            "WINDOW_PATTERN=L",
        ),
        (r"\b(?:MQA|multi[- ]query attention)\b", "n_kv_head=1"),
        (r"\ball (?:\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|twelve) (?=(?:layers?|blocks?)\b)", "all "),
        (r"\b(?:attn|attention) ?(?:\+|&|/|and) ?(?=(?:mlp|ffn)\b)", "attention "),
        (r"= ?[a-z_]{1,20} ?//? ?(\d)", r" /\1 "),  # n_kv_head = n_head // 2
        (r"\b(betas?[ =:]{0,2})\(?(\d?\.\d{1,4}) ?[/,] ?(\d?\.\d{1,4})\)?", r"\1(\2, \3)"),
        (r"(?<=[a-z])/(?=[2-9]\b)", " /"),  # bs/2
        *(
            (rf"\b{word}[- ]?fold\b", f"{number}x")
            for word, number in [("two", 2), ("three", 3), ("four", 4), ("six", 6)]
        ),
        *(
            (rf"\b{word} per ?cent\b", f"{number}%")
            for word, number in [("one", 1), ("two", 2), ("five", 5), ("ten", 10)]
        ),
        (r"(?<=\d) ?(?:percent|per cent|pct)\b", "%"),
        (r"(?<=\d) ?\* ?(?:dim|d_model|n_embd|width|d|embed_dim)\b", "x"),
        (r"(?<=[a-z]) ?×(?=\d)", " x"),
        # Code in a sentence: `F.relu(x)**2` and `F.relu(x).square()` are relu2, `torch.nn.functional.silu(x)` is silu.
        (r"\b(?:(?:torch|nn|F|mx|functional)\.){1,4}(?=[a-z])", ""),
        (r"\brelu(?:\(\w{0,10}\))? ?(?:(?:\*\*|\^) ?2\b|²|\.square\(\))", "relu2"),
        (r"['\u2019]s\b|`|\*\*(?=\S)(?!\d|-\d)|(?<=[a-z_])\*\*", ""),  # possessives and markup; 2**15 stays
        (r"(?<=\w)\(([a-z_]{1,30} ?= ?[^()=]{1,30})\)", r" with \1"),  # the arguments in SwiGLU(mlp=3)
    ]
)
# "wider init → +0.0006" and "wider init: +0.0006" tell the result.
_GAINED = re.compile(r"(?:\s(?:->|=>)\s*(?:[+-]|±)\s?\d|:\s*[+-]0?\.\d{1,8}(?![\d%])).*", re.S)
_LABEL = re.compile(
    r"^\s*(?P<tag>(?:\[[^\]]{0,80}\]\s{0,3}){1,6})?\s*"
    r"(?:(?:exp|experiment|run|trial|iter|issue|step|cell|entry|note|day|night|session|job|round|config|variant)"
    r"[ _#-]{0,2}(?P<number>\d{1,5})[a-z]?\b[:.)]?|(?-i:[A-Z]{1,2}\d{1,3}):)?\s*",
    re.I,
)
# What a clause calls itself: "Idea: a wider MLP", "retry: beta1=0.9", "from agent-02 hint: two heads".
_ROLE = re.compile(
    r"^(?:(?:hypothesis|idea|plan|change|action|intervention|proposal|try|tried|test|retry|repro)"
    r"|from [\w-]{1,20} hint)\s?:\s+(?=[A-Za-z])",
    re.I,
)
# In a report with parts, the part that says what was done.
_SECTION = re.compile(
    r"(?:^|[.;|]\s{1,3})(?:change|action|intervention|modification|edit)s?:\s(.{1,400}?)"
    r"(?:[.;|]\s{1,3}(?:result|outcome|conclusion|verdict|status|note|reason|rationale)s?\b|$)",
    re.I | re.S,
)
# A clause after a comma that says how something is: "embedding LR 1.2, 0.9 was enough".
_REMARK = re.compile(
    r",\s(?:now |and |so |but )?[\w.%-]{1,30}(?: [\w-]{1,30}){0,2} (?:is|was|are|were)\b[^,;.]{0,200}", re.I
)
# What comes before the idea: "because the warmdown is shorter now, 5 layers".
_SUBORDINATE = re.compile(
    r"^(?:because|since|with|after|as|given|now that|while|when|although)\b[^,;.:]{1,120}?(?:[,;]\s|\s(?:I|we)\s)", re.I
)
# "wd sweep 0.1/0.2/0.3, point 2", "wd sweep 0.1/0.2/0.3: 0.2": one of them is tried.
_SWEEP = re.compile(
    r"(?<![\w.])(?P<values>[\d.e*^-]{1,12}%?(?:/[\d.e*^-]{1,12}%?){2,8})(?P<unit>%?)"
    r"(?:[,:(]?\s{0,2}(?:(?:pt|point|arm)\.?\s?|#)(?P<place>\d)|\s?:\s(?P<value>[\d.e*^-]{1,12}%?))?",
    re.I,
)
# What came of it, at the beginning: "0.9928 (+0.0007) weight decay 0.1".
_SCORE = re.compile(r"^(?:0?\.[3-9]|[1-9]\.)\d{2,6}(?:\s?\([^()]{0,40}\))?[\s:,;|-]{1,4}(?=[A-Za-z(])")
_ABLATION = re.compile(r"^abl(?:ation)?\s?:\s+", re.I)
_SIGNED = re.compile(
    r"^([+-])(?=[A-Za-z])(?:mechanism|feature|module|component)?(?::\s{1,3})?", re.I
)  # "-mechanism: ..."
# A value in parentheses, alone or with its name: "EMA (decay 0.999)".
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
    for pattern, form in _FORMS:
        text = pattern.sub(form, text)
    text = _GAINED.sub("", text.translate(_SIGNS))
    label = _LABEL.match(text)
    assert label is not None  # every part of it is optional
    sentence = text[label.end() :]
    if section := _SECTION.search(sentence):
        sentence = section[1]
    sentence = _ABLATION.sub("remove ", _ROLE.sub("", _SCORE.sub("", sentence)))
    sentence = _SIGNED.sub(lambda sign: "add " if sign[1] == "+" else "remove ", sentence)
    sentence = _SWEEP.sub(_swept, sentence)
    sentence = _REMARK.sub("", sentence)
    sentence, asides = _outside(sentence.replace("[", "(").replace("]", ")"))
    tag = re.sub(r"[\[\]\s]+", " ", label["tag"] or "").strip()
    return Plain(tag, int(label["number"]) if label["number"] else None, sentence, asides)


def _swept(sweep: re.Match[str]) -> str:
    """The value of a sweep that is tried, nothing where it does not say which."""
    values = sweep["values"].split("/")
    if sweep["value"]:
        return " " + sweep["value"]
    place = int(sweep["place"] or 0)
    if not 0 < place <= len(values):
        return " "
    unit = sweep["unit"] or ("%" if values[-1].endswith("%") else "")
    return " " + values[place - 1].rstrip("%") + unit


def label_of(text: str) -> int | None:
    """What an idea calls itself: 12 of "exp12: depth 10"."""
    label = _LABEL.match(text)
    return int(label["number"]) if label and label["number"] else None


def main_clause(sentence: str) -> str:
    """The sentence without the clause of circumstances that it begins with; empty if it begins with none."""
    circumstances = _SUBORDINATE.match(sentence)
    return sentence[circumstances.end() :] if circumstances else ""


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
