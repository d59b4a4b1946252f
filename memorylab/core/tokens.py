"""Words, numbers and signs of a description, in one form each.

One pass with one regular expression, each of whose repetitions is bounded: a hostile text costs no more than a long
one.
"""

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from msgspec import Struct

from memorylab.core.aliases import BUILT_IN, COUNTED, KNOWN, QUANTITIES, TARGETS, UNITS, Vocabulary

Value = float | str

_NUMBER = r"[-+~]?(?:\d{1,15}(?:[,_]\d{3}){0,4}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][-+]?\d{1,3})?"
TOKEN = re.compile(
    r"(?P<label>(?<![\w.])(?i:(?:run|exp|experiment|cycle|attempt|trial|round|try|take|issue|idea|agent|worker|node)"
    r"[ #-]?\d{1,5}|v\d{1,3}|#\d{1,5})(?![\w.=]))"
    r"|(?P<tuple>\((?=[^(),]{1,30},)[-+\d.eE*, ]{3,60}\))"
    r"|(?P<arrow>-{1,2}>|=>)"
    r"|(?P<power>(?<![\w.])\d{1,6}(?:\.\d{1,6})? ?(?:\*\*|\^) ?-?\d{1,3}(?!\w))"
    r"|(?P<ratio>(?<![\w.])\d{1,6} ?/ ?\d{1,6}(?P<share>x?)(?![\w.]))"
    rf"|(?P<multiple>(?<!\w)(?:x(?!0(?!\.))|\* ?){_NUMBER}(?!\w))"
    r"|(?P<divided>(?<=\s)/ ?\d{1,3}(?![\w/]))"
    r"|(?P<shape>(?<![\w.])\d{1,6}x\d{1,6}(?!\w))"
    rf"|(?P<number>(?<![\w.]){_NUMBER})(?P<unit>%|[A-Za-z]{{1,3}})?(?!\w| ?[/*] ?[A-Za-z])"
    r"|(?P<word>[A-Za-z][A-Za-z0-9_]*(?:\^2)?)"
    r"|(?P<mark>[=,+&])"
)
PATTERN = re.compile(r"[SL]{2,32}|L")
_SCALE = {"": 1.0, "%": 0.01, "k": 1e3, "m": 1e6, "s": 1.0, "l": 1.0, "d": 1.0}  # any other unit is of a result
_COUNTS = {
    "zero": 0.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0,
    "nine": 9.0, "ten": 10.0, "twelve": 12.0, "sixteen": 16.0,
}  # fmt: skip
_COUNTABLE = re.compile(
    r"\s(?:more|fewer|less|extra|additional|further|layer|block|head|half|third|quarter|eighth|tenth|twentieth|transformer)",
    re.I,
)
_MEASURE = re.compile(r" ?(?:[KMG]i?B|ms|TFLOPS?|tok/s|MFU)\b")  # of a result
_REFERENCE = re.compile(r"0\d{2,5}")  # "0027" is another run
_COMPOUND = re.compile(r"-([A-Za-z]{2,20})\b")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_NUMBERED = re.compile(r"(?!relu|b[12]|beta|x0)(?P<name>[A-Za-z]{1,10})(?P<value>\d{1,4})", re.I)  # "d9", "NS4"
_ASSIGNED = re.compile(r" ?(?:=|-{1,2}>|:)|\s\.?\d")  # "LR2=4e-4": the digit belongs to the name
_WIDE = 48  # layers, no network here has: "d192" is a width
_DIMENSIONS = 16  # "2D" is a kind of tensor, "512d" a width


class Token(Struct, frozen=True):
    kind: str  # word, value, times (a factor such as 2x), arrow, mark
    text: str
    value: Value | tuple[float, ...] | None = None
    prose: bool = True  # a word of the sentence, not a part of a NAME_LIKE_THIS


def equal(a: Value | None, b: Value | None) -> bool:
    """The same value. "32K" may mean 32,000 or 32,768, hence 2.5 % of tolerance from 4,000 on."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= max(abs(a), abs(b)) * (0.025 if min(abs(a), abs(b)) >= 4_000 else 1e-6)
    return a is not None and a == b


def number(text: str) -> float | None:
    try:
        value = float(text.replace(",", "").replace("_", "").lstrip("~"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _stem(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if (len(word) > 3 and word[-1] == "s" and word[-2] not in "sui") or word == "lrs" else word


@lru_cache(maxsize=8)
def extended(phrases: tuple[tuple[str, str], ...]) -> Vocabulary:
    """The built-in vocabulary with further phrases, each with what it stands for; both are read as descriptions are.

    Raises ValueError for one that is not made of words.
    """
    more = {}
    for phrase, meaning in phrases:
        left, right = tokenize(phrase, _NO_PHRASES), tokenize(meaning)
        if not left or not right or any(token.kind != "word" for token in [*left, *right]):
            raise ValueError(f"{phrase!r} = {meaning!r} is not made of words")
        more[tuple(token.text for token in left)] = tuple(token.text for token in right)
    return Vocabulary(BUILT_IN.phrases | more)


_NO_PHRASES = Vocabulary({})


@lru_cache(maxsize=4096)
def _spelled(word: str) -> str:
    """The word, or the known word that it differs from by one letter, or by two swapped, after the first."""
    if len(word) < 6 or not word.isalpha() or _stem(word.lower()) in KNOWN:
        return word
    low = word.lower()
    shorter = [low[:at] + low[at + 1 :] for at in range(1, len(low))]
    near = {known for form in [low, *shorter] for known in _NEAR.get(form, ()) if abs(len(known) - len(low)) < 2}
    near |= {form for form in shorter if form in TARGETS and len(form) >= 6}
    return near.pop() if len(near) == 1 else word


_NEAR: dict[str, list[str]] = {}
for _known in sorted(TARGETS):
    if len(_known) >= 6:
        for _at in range(1, len(_known)):
            _NEAR.setdefault(_known[:_at] + _known[_at + 1 :], []).append(_known)


def tokenize(text: str, vocabulary: Vocabulary = BUILT_IN) -> list[Token]:
    """The tokens of a text, every phrase of the vocabulary in its one form."""
    found: list[Token] = []
    for match in TOKEN.finditer(text):
        kind = {"unit": "number", "share": "ratio"}.get(match.lastgroup or "", match.lastgroup)
        raw, end = match.group(), match.end()
        if kind == "word":
            found += _word(raw, text, end, vocabulary)
        elif kind == "number":
            if not _is_adjective(text, end) and not _MEASURE.match(text, end):
                found += _number(match["number"], (match["unit"] or "").lower(), raw)
        elif kind in _NOTATIONS:
            found += _NOTATIONS[kind](raw)
        elif kind in ("arrow", "mark"):
            found.append(Token(kind, raw))
    return _canonical(found, vocabulary)


def _word(raw: str, text: str, end: int, vocabulary: Vocabulary) -> list[Token]:
    """A word: a window pattern, a count, a name with its value ("d9"), or what the sentence is made of."""
    if PATTERN.fullmatch(raw) and not text.startswith("=", end):
        return [Token("value", "pattern", period(raw))]
    counted = _COUNTS.get(raw.lower())
    if counted is not None and (counted != 1 or _COUNTABLE.match(text, end)):
        return [Token("value", raw, counted)]
    if (numbered := _NUMBERED.fullmatch(raw)) and not _ASSIGNED.match(text, end):
        name, value = numbered["name"].lower(), float(numbered["value"])
        if name == "d":
            name = "width" if value >= _WIDE else "depth"
        if name in ("width", "depth") or (name,) in vocabulary.phrases or name in QUANTITIES:
            return [Token("word", name), Token("value", raw, value)]
    raw = _spelled(raw)
    words = _CAMEL.sub("_", raw) if raw[0].islower() else raw
    parts = [_stem(part) for part in words.lower().replace("relu^2", "relu2").split("_") if part]
    return [Token("word", part, prose=len(parts) == 1) for part in parts]


def period(pattern: str) -> str:
    """A window pattern without its repeats: the layers go through it again and again."""
    sizes = (size for size in range(1, len(pattern) + 1) if len(pattern) % size == 0)
    return next(pattern[:size] for size in sizes if pattern[:size] * (len(pattern) // size) == pattern)


def _number(digits: str, unit: str, raw: str) -> list[Token]:
    value = number(digits)
    if value is None:
        return []
    if _REFERENCE.fullmatch(digits):
        return [Token("word", f"#{digits.lstrip('0')}")]
    if unit == "d" and value < _DIMENSIONS:
        return [Token("word", raw.lower())]
    if unit == "x":
        return [Token("times", raw, value)]
    if unit == "%" and digits[0] in "+-":
        return [Token("times", raw, 1 + value / 100)]
    named = [Token("word", unit)] if unit in ("l", "d") else []
    return [Token("value", raw, value * _SCALE[unit]), *named] if unit in _SCALE else []


def _multiple(raw: str) -> list[Token]:
    value = number(raw.lstrip("x* "))
    return [] if value is None else [Token("times", raw, value)]


def _divided(raw: str) -> list[Token]:
    value = number(raw.lstrip("/ "))
    return [Token("times", raw, 1 / value)] if value else []


def _shape(raw: str) -> list[Token]:
    width, _, height = raw.partition("x")
    return [Token("value", raw, float(width) if width == height else raw)]  # "2x2 patches"


def _tuple(raw: str) -> list[Token]:
    numbers = [number(part) for part in raw[1:-1].split(",") if part.strip()]
    values = tuple(n for n in numbers if n is not None)
    return [Token("value", raw, values)] if len(values) == len(numbers) > 1 else []


def _ratio(raw: str) -> list[Token]:
    top, _, bottom = raw.removesuffix("x").partition("/")
    kind = "times" if raw.endswith("x") else "value"
    return [Token(kind, raw, float(top) / float(bottom))] if float(bottom) else []


def _power(raw: str) -> list[Token]:
    base, _, exponent = raw.replace("**", "^").partition("^")
    try:
        return [Token("value", raw, float(base) ** int(exponent))]
    except (OverflowError, ZeroDivisionError, ValueError):
        return []


_NOTATIONS: dict[str, Callable[[str], list[Token]]] = {
    "multiple": _multiple, "divided": _divided, "shape": _shape, "tuple": _tuple, "ratio": _ratio, "power": _power,
}  # fmt: skip


def _is_adjective(text: str, end: int) -> bool:
    """ "3-seed", "1-cycle": a kind, and no value; "2-layer" counts something."""
    compound = _COMPOUND.match(text, end)
    return compound is not None and _stem(compound[1].lower()) not in COUNTED.keys() | UNITS | {"dim", "dimensional"}


def _canonical(tokens: Sequence[Token], vocabulary: Vocabulary) -> list[Token]:
    """The tokens with every phrase of the vocabulary in its one form."""
    out: list[Token] = []
    at = 0
    while at < len(tokens):
        words: list[str] = []
        for token in tokens[at : at + vocabulary.longest]:
            if token.kind != "word":
                break
            words.append(token.text)
        for length in range(len(words), 0, -1):
            canonical = vocabulary.phrases.get(tuple(words[:length]))
            if canonical is not None:
                out.extend(Token("word", word) for word in canonical)
                at += length
                break
        else:
            out.append(tokens[at])
            at += 1
    return out
