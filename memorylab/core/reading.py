"""Reading an idea: which knobs it turns, from where to where, and in which direction.

    text -> plain text -> segments -> tokens -> moves

A move is one knob being turned. What a sentence says of purpose, circumstances and results is cut off, because two
ideas with one purpose are not one idea.
"""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from memorylab.core import aliases
from memorylab.core.aliases import BUILT_IN, Vocabulary
from memorylab.core.clean import main_clause, plain, with_parameters
from memorylab.core.grammar import MAX_MOVES, Reader
from memorylab.core.moves import Draft, Move, distinct
from memorylab.core.naming import moves_of
from memorylab.core.record import Change, Knob
from memorylab.core.tokens import PATTERN, Value, equal, number, period, tokenize

MAX_CHARS = 4_000  # a description is one line; what lies beyond is a pasted log
BASELINE = Move("baseline", frozenset(), frozenset(), new="unchanged")  # the subject as it is

_CONSTANT = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
_RESULT = re.compile(r"(?<![\w.])(?:0?\.[3-9]|[1-9]\.)\d{2,}(?!\w)")  # 1.0731 is what came of it
_GLOSS = 16  # words
_NAMED = 3  # tokens of a value with its name
_RATIO = re.compile(r"\d\s?/\s?\d")
_SEGMENT = re.compile(r"(;|\s--+\s|(?<![A-Za-z_]):\s|:\s(?![-+.(\"'\d])|\.\s|\s\|\s|\s-\s|[!?]\s|\n)")
# What a result says of the value before. "1.234 is better" speaks of the metric.
_BEST = re.compile(
    r"(?<![\w.])(?P<value>\d{1,9}(?:\.\d{1,2}|e-?\d{1,2})?|0?\.0\d{1,6})(?![\w.%])\s{0,2}(?:(?:is|was|still|remain(?:s|ed)?|seems|confirmed|the|a|true|clear|as)\s{1,2}){0,4}"
    r"(?:optimal|optimum|better|best|sweet spot|ideal|confirmed|wins)\b",
    re.I,
)
_BEFORE = re.compile(
    r"(?:\bwas|\binstead of|\b(?:down|up) from|[(]from|[(]base|\bdefault(?: is)?|[(]prev(?:iously)?)[ :=]{1,2}"
    r"(?P<value>[-+\d.][\d.,^*eEkK-]{0,15}%?)(?! ?(?:min|s|h|MB|GB|steps?)\b)",
    re.I,
)
# A run is repeated, as "rerun" and "seed 2 of exp12" say.
_AGAIN = re.compile(
    r"^\W*(?:(?:a|the|second|another|exact|plain)\s){0,3}(?:re-?run|re-?try|repeat|re-?seed|replica|reproduc|confirm|verif)",
    re.I,
)
# A parenthesis that begins so tells where or when, not what.
_ASIDE = re.compile(
    r"\W*(?:re-?(?:check|try|run|test)|at|on|after|now|still|again|vs|than|because|since|instead)\b", re.I
)
# A clause that says first what came of it: "OOM at dim 384: device batch 16".
_OUTCOME = re.compile(
    r"\W*(?:oom|out of memory|nan|crash(?:ed)?|worse|better|diverged|timeout|failed|hung|killed)\b", re.I
)
_BARE = re.compile(r"\s*(?:$|\d{1,3}\s*(?:$|[:;,.(])|[:;,.(]\s*(?:\d|$))")  # no more of it than that, and its result
_REFERENCE = re.compile(
    r"(?:\b(?:run|exp|experiment|trial|iter|row|of|for|from|on|confirms?|rerun|repeat|retry)[ #_-]{0,2}|#)(\d{1,5})\b",
    re.I,
)
_FAR = 20.0  # times: beyond, the number is of something else
_LEADING = 5  # words before "baseline" at most: "measured the current baseline"
_UNCHANGED = re.compile(
    r"\bno (?:code |other )?(?:changes?|edits?|modifications?)\b|\b(?:unmodified|untouched|pristine|as[- ]is)\b"
    r"|\bstock (?:config\w*|code|settings|script|setup|train\w*|upstream)\b",
    re.I,
)


def read(text: str, vocabulary: Vocabulary = BUILT_IN) -> tuple[Move, ...]:
    """The moves that a description makes, in its order; empty if it says nothing that could be compared."""
    text = text[:MAX_CHARS]
    found = vocabulary.known.get(text)
    if found is None:
        found = vocabulary.known[text] = _read(text, vocabulary)
    return found


def _read(text: str, vocabulary: Vocabulary) -> tuple[Move, ...]:
    parts = plain(text)
    segments = _SEGMENT.split(parts.sentence)
    if _is_baseline(segments[0], vocabulary):
        return (BASELINE,)
    if (again := _AGAIN.match(segments[0])) and _BARE.match(segments[0], again.end()):
        return (_again(text, best=False),)
    moves = _intervention(segments, vocabulary)
    if clause := main_clause(parts.sentence):
        main = _intervention(_SEGMENT.split(clause), vocabulary)
        moves = main if any(move.head and move.valued for move in main) else moves
    if not any(move.valued for move in moves) and (named := _CONSTANT.search(parts.sentence)):
        # "the embeddings learn slowly, so EMBEDDING_LR 0.6 to 0.9"
        reader = Reader(tokenize(parts.sentence[named.start() :], vocabulary))
        moves = [move for move in reader.result()[0] if move.head and move.valued] or moves
    if not any(move.new is not None for move in moves) or len(moves) == 1 and _RATIO.search(parts.sentence):
        moves = _with_asides(moves, parts.asides, vocabulary)
    if not any(move.valued for move in moves) and (told := with_parameters(text)) != text:
        moves = list(read(told, vocabulary))
    if not moves and parts.tag:
        moves = _intervention([parts.tag], vocabulary)  # "[MATRIX_LR=0.05] worse"
    if not any(move.head or move.valued for move in moves):
        if _UNCHANGED.search(text):
            return (BASELINE,)
        if _AGAIN.search(parts.sentence) and all(move.words <= aliases.BASES for move in moves):
            return (_again(text, best=bool(moves)),)
    if len(moves) == 1 and moves[0].old is None:
        if before := _BEFORE.search(text):
            moves = [_from(moves[0], before["value"], vocabulary)]
        elif best := _BEST.search(text):
            moves = [_hinted(moves[0], number(best["value"]))]
    if moves and all(move.head == "seed" for move in moves):
        return (replace(moves[0], groups=_references(text)),)
    if len(moves) == 1 and not moves[0].head:
        moves = [replace(moves[0], gloss=_gloss([*segments[:9:2], *parts.asides], vocabulary) - moves[0].terms)]
    return tuple(distinct(moves))


def _gloss(texts: Sequence[str], vocabulary: Vocabulary) -> frozenset[str]:
    """The telling words of some texts."""
    tokens = [token for text in texts for token in tokenize(text, vocabulary)]
    words = [t.text for t in tokens if t.kind == "word" and t.text not in aliases.UNTELLING and len(t.text) > 1]
    return frozenset(words[:_GLOSS])


def _again(text: str, best: bool) -> Move:
    """A run is repeated, and which is hardly said; `best` is one that was kept."""
    return Move("rerun", frozenset({"#best"}) if best else _references(text), frozenset())


def _references(text: str) -> frozenset[str]:
    """The runs that a text refers to by number, as `#12`."""
    return frozenset(f"#{int(number)}" for number in _REFERENCE.findall(text))


def _from(move: Move, before: str, vocabulary: Vocabulary) -> Move:
    """The move with the value that it is said to have had before: "d_state 32 (was 16)"."""
    told = [token.value for token in tokenize(before, vocabulary) if isinstance(token.value, float)]
    near = told and isinstance(move.new, float) and told[0] and 1 / _FAR < abs(move.new / told[0]) < _FAR
    return replace(move, old=told[0]) if near or told and move.factor is not None else move


def _is_baseline(segment: str, vocabulary: Vocabulary) -> bool:
    """It names the baseline, and nothing that is done to it."""
    tokens = tokenize(segment[:MAX_CHARS], vocabulary)[: _LEADING + 2]
    at = next((at for at, token in enumerate(tokens[: _LEADING + 1]) if token.text == "baseline"), None)
    if at is None or any(token.text in aliases.TURNING or token.kind in ("arrow", "times") for token in tokens[:at]):
        return False
    return all(token.text not in ("+", "&", "plus") and token.kind != "arrow" for token in tokens[at + 1 : at + 2])


def read_settings(text: str, vocabulary: Vocabulary = BUILT_IN) -> tuple[Move, ...]:
    """What a baseline says of itself: every knob with its value, as in `baseline: DEPTH=4 ASPECT_RATIO=64`."""
    found: list[Move] = []
    for segment in re.split(r"[:;,()\u2014]", text[:MAX_CHARS]):
        moves, _ = Reader(tokenize(segment, vocabulary)).result()
        found += [move for move in moves if move.head and move.new is not None]
    return tuple(found[:MAX_MOVES])


def _intervention(parts: Sequence[str], vocabulary: Vocabulary) -> list[Move]:
    """The moves of the first segment that has any, unless it is a heading of a next one ("LR sweep: matrix 0.1").

    `parts` are segments, with what separates them in between.
    """
    segments, marks = parts[::2], parts[1::2]
    heading: list[Move] = []
    for at, segment in enumerate(segments):
        if at + 1 < len(segments) and _OUTCOME.match(segment) and marks[at][0] in ":;":
            continue
        reader = Reader(tokenize(segment, vocabulary))
        moves, solid = reader.result()
        if not heading:
            if len(moves) == 1 and not moves[0].valued and at < len(marks):
                colon = marks[at].startswith(":")
                if found := _value_of(segments[at + 1], moves[0], colon, vocabulary):
                    return [found]
            announced = at < len(marks) and marks[at].startswith(":") and not any(m.head or m.valued for m in moves)
            if announced and (told := _headed(segments[at + 1], vocabulary)):
                return told
            if moves and not _is_heading(moves):
                return moves if reader.ended or not solid else moves + _assignments(segments[at + 1 :], vocabulary)
            heading = moves
        elif moves and all(not move.head and move.words <= aliases.HEADINGS for move in heading):
            return moves  # the heading says nothing of its own
        elif solid and any(move.head and (move.new is not None or move.factor is not None) for move in moves):
            return moves
    return heading


def _headed(segment: str, vocabulary: Vocabulary) -> list[Move]:
    """The moves of a segment that begins with a knob and its value, else none."""
    moves = Reader(tokenize(segment, vocabulary)).result()[0]
    return moves if moves and moves[0].head and moves[0].new is not None else []


def _value_of(segment: str, move: Move, colon: bool, vocabulary: Vocabulary) -> Move | None:
    """The move with the value that the next segment begins with: "embedding LR even lower? 0.45 -> 0.3"."""
    tokens = tokenize(segment, vocabulary)
    if move.head == "warmdown" and tokens and tokens[0].text in aliases.SHAPES:
        return replace(move, words=move.words | {tokens[0].text})  # "warmdown shape: cosine"
    values = [token.value for token in tokens if token.kind == "value" and not isinstance(token.value, tuple)]
    bare = all(token.kind in ("value", "arrow") for token in tokens)
    first = colon and move.head is not None and any(token.kind == "value" for token in tokens[:2])
    named = any(token.text in aliases.QUANTITIES for token in tokens)
    signed = any(token.text[0] in "+-" for token in tokens if token.kind == "value")  # what it gained or lost
    signed = signed or not aliases.COMPARED.isdisjoint({token.text for token in tokens})
    if not values or signed or _RESULT.search(segment) or not (bare or first and not named and len(values) == 1):
        return None
    return replace(move, old=values[0] if len(values) > 1 else move.old, new=values[-1])


def _assignments(segments: Sequence[str], vocabulary: Vocabulary) -> list[Move]:
    """Further parts of a list of segments ("matrix LR 0.05; warmdown 0.3"): each sets a knob and says no more."""
    found: list[Move] = []
    for segment in segments:
        reader = Reader(tokenize(segment, vocabulary))
        moves, _ = reader.result()
        if reader.ended or not moves or not all(move.head and move.new is not None for move in moves):
            break
        found += moves
    return found[:MAX_MOVES]


def _is_heading(moves: Sequence[Move]) -> bool:
    """It names a knob, or a kind of work, and does not say what is done."""
    return all(
        not move.valued and (move.direction == 0 if move.head else move.words <= aliases.HEADINGS) for move in moves
    )


def _hinted(move: Move, best: float | None) -> Move:
    """The move with the value that the text calls best, if that can be a value of this knob."""
    new = move.new
    plausible = best and isinstance(new, float) and new and not equal(best, new) and 1 / _FAR < best / new < _FAR
    return replace(move, hint=best) if plausible else move


def _with_asides(moves: list[Move], inner: Sequence[str], vocabulary: Vocabulary) -> list[Move]:
    """A parenthesis is commentary, unless it holds the values that the sentence itself does not give."""
    if moves and all(move.head is None and move.direction < 0 and not move.step for move in moves):
        return moves  # what is removed has no value
    for aside in inner:
        tokens = tokenize(aside, vocabulary)
        if _ASIDE.match(aside):
            continue
        if len(moves) == 1:
            values = [
                t.value
                for t in tokens
                if t.kind == "value" and not isinstance(t.value, tuple) and t.text[0] not in "+-"
            ]
            if len(tokens) == 1 and tokens[0].kind == "times" and not moves[0].valued:
                times = tokens[0].value
                mlp = moves[0].head == "mlp"  # "a wider MLP (5x)"
                return [replace(moves[0], new=times) if mlp else replace(moves[0], factor=times)]
            if len(values) == 2 and len(tokens) == 3 and (tokens[1].kind == "arrow" or tokens[1].text == "to"):
                return [replace(moves[0], old=values[0], new=values[1], factor=None)]  # "remove dropout (0.1 -> 0.0)"
            own = (
                len(tokens) <= _NAMED
                and aliases.COUNTABLES.isdisjoint({t.text for t in tokens})
                and aliases.QUANTITIES.isdisjoint({t.text for t in tokens} - {"eps"})
            )
            if len(values) == 1 and not _RESULT.search(aside) and (len(tokens) == 1 or own and not moves[0].valued):
                return [replace(moves[0], new=values[0])]  # "6x LR (0.006)", "mixup again (alpha=0.2)"
        if any(move.factor is not None for move in moves):
            continue
        found = [
            move
            for move in Reader(tokens).result()[0]
            if move.head and move.new is not None and move.head not in aliases.CHOICES.values()
        ]
        moves = (moves if any(move.head for move in moves) else []) + found if found else moves
    return moves[:MAX_MOVES]


def read_change(change: Change) -> tuple[Move, ...]:
    """The moves that the code makes: one for each knob that was changed, added or removed."""
    moves = [move for name, knob in list(change.knobs.items())[:MAX_MOVES] for move in read_constant(name, knob)]
    return tuple(moves[:MAX_MOVES])


def read_constant(name: str, knob: Knob) -> list[Move]:
    """The moves that one constant of the code makes, from its old value to its new one."""
    draft = Draft()
    words = [token.text for token in tokenize(name[:MAX_CHARS]) if token.kind == "word"]
    draft.quantities = [word for word in words if word in aliases.QUANTITIES]
    draft.words = [word for word in words if word not in aliases.QUANTITIES]
    draft.old, draft.new = _literal(knob.old), _literal(knob.new)
    direction = 1 if knob.old is None else -1 if knob.new is None else 0
    moves = [replace(move, direction=direction) for move in moves_of(draft)]
    return moves or [Move(None, frozenset(), frozenset([name.lower()]), None, None, None, direction)]


def _literal(source: str | None) -> Value | tuple[float, ...] | None:
    """The value of a knob's source text: a number, a tuple of numbers, or the text itself."""
    if source in (None, "True", "False"):
        return None if source is None else float(source == "True")
    value = number(source) if len(source) < 40 else None
    if value is not None:
        return value
    if source[:1] == "(" and len(source) < 200:
        parts = [number(part) for part in source[1:-1].split(",") if part.strip()]
        if len(parts) > 1 and None not in parts:
            return tuple(part for part in parts if part is not None)
    text = source.strip("'\"")
    return period(text) if PATTERN.fullmatch(text) else text
