"""Reading an idea: which knobs it turns, from where to where, and in which direction.

    text -> segments -> tokens -> moves

A move is one knob being turned. What a sentence says of purpose, circumstances and results is cut off, because two
ideas with one purpose are not one idea.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from memorylab.core import aliases
from memorylab.core.record import Change, Knob
from memorylab.core.tokens import PATTERN, TOKEN, Token, Value, number, tokenize

MAX_CHARS = 4_000  # a description is one line; what lies beyond is a pasted log
MAX_MOVES = 12  # a whole configuration in one row; comparing is quadratic in this
CACHED_TEXTS = 16_384

_UNICODE = str.maketrans(
    {"→": " -> ", "⟶": " -> ", "⇒": " -> ", "×": "x", "−": "-", "—": " -- ", "–": " -- ", "²": "^2", "³": "^3"}
)
_LABEL = re.compile(
    r"^\s*(?:\[[^\]]{0,80}\]\s*)?(?:(?:exp|experiment|run|trial|iter|issue|step)[ _#-]{0,2}\d{1,5}\b[a-z]?[:.)]?)?\s*",
    re.I,
)
_SEGMENT = re.compile(r";|\s--+\s|(?<![A-Za-z_]):\s|:\s(?![-+.(\"'\d])|\.\s|\s\|\s|\s-\s|[!?]\s|\n")


_PREPOSITIONS = frozenset(["from", "to", "at", "by", "with", "and", "plus", "x", "on", "for"])
_TRANSPARENT = frozenset(["final", "the", "a", "about", "only"])


class Move(Struct, frozen=True):
    """One knob being turned. `head` is the quantity ("lr"), `groups` whose it is, `words` what else is said of it.

    `direction` is +1 for more or on, -1 for less or off, 0 where the words do not tell; numbers overrule it.
    """

    head: str | None
    groups: frozenset[str]
    words: frozenset[str]
    old: Value | None = None
    new: Value | None = None
    factor: float | None = None
    direction: int = 0

    @property
    def key(self) -> tuple[str | None, frozenset[str]]:
        """What makes it this knob and no other."""
        return (self.head, self.groups) if self.head else (None, self.groups | self.words)

    @property
    def terms(self) -> frozenset[str]:
        return self.groups | self.words | ({self.head} if self.head else frozenset())

    @property
    def name(self) -> str:
        """The knob in words, for a reader."""
        return " ".join([*sorted(self.groups), self.head or "", *(sorted(self.words) if not self.head else ())]).strip()


class _Draft:
    """A move being read."""

    def __init__(self, verb: str | None = None) -> None:
        self.verb = verb
        self.quantities: list[str] = []
        self.words: list[str] = []
        self.old: Value | tuple[float, ...] | None = None
        self.new: Value | tuple[float, ...] | None = None
        self.factor: float | None = None
        self.role = ""
        self.explicit = False  # the verb stands in this clause, it is not inherited from the one before

    @property
    def solid(self) -> bool:
        return bool(self.quantities) or self.new is not None or self.factor is not None

    @property
    def named(self) -> bool:
        return bool(self.words) or self.explicit and self.verb in aliases.COMPARATIVES

    @property
    def complete(self) -> bool:
        return bool(self.quantities or self.words) and (self.new is not None or self.factor is not None)

    def told(self, first: bool) -> bool:
        """Whether this is a move of its own, beside others that name a knob, and not commentary on them."""
        if self.new is None and self.factor is None and not first and self.verb is None:
            return False
        switched = self.explicit and self.verb in aliases.ADDING | aliases.REMOVING
        return switched or self.solid and bool(self.quantities or self.words)

    def implies(self, word: str) -> bool:
        """The word names again what is being turned: "SwiGLU activation", "GELU MLP"."""
        return bool(self.quantities) and word in (self.quantities[-1], aliases.IMPLIED.get(self.quantities[-1]))

    def take(self, token: Token, old: bool = False) -> None:
        value = token.value
        if token.text == "pattern" and "pattern" not in self.quantities:
            self.quantities.append("pattern")
        if old or self.role == "old":
            self.old = value
        elif token.kind == "times" and self.role != "new":
            self.factor = value  # type: ignore[assignment]  # a times token holds a float
        else:
            self.new = value
        self.role = ""

    def arrow(self) -> None:
        """What was read as the value was the value before."""
        if self.old is None:
            self.old = self.new if self.new is not None else self.factor
            if self.new is None:
                self.factor = None
        self.new, self.role = None, "new"

    def moves(self) -> list[Move]:
        """The move that was read, several for a tuple of values, none if it has no name."""
        if isinstance(self.new, tuple):
            return self._places(self.new)
        quantities = list(self.quantities)
        if not quantities and self.verb in aliases.COMPARATIVES:
            quantities = [aliases.COMPARATIVES[self.verb]]
        if "activation" in quantities:
            quantities = ["activation"]
        if len(quantities) > 1 and quantities[-1] == "beta":
            quantities.pop()  # "beta1 in ADAM_BETAS"
        head = quantities[-1] if quantities else None
        qualifiers = {w for w in [*quantities, *self.words] if w in aliases.GROUPS or w in aliases.QUANTITIES}
        groups = qualifiers - {head, aliases.IMPLIED.get(head or "")}
        if head in aliases.DEFAULT_GROUP and not groups:
            groups = {aliases.DEFAULT_GROUP[head]}
        words = frozenset(self.words) - qualifiers - aliases.STOPWORDS
        if head is None and not words and not groups:
            return []
        direction, factor = aliases.VERBS.get(self.verb or "", (0, None))
        new, factor = _plain(self.new), self.factor if self.factor is not None else factor
        if head == "mlp" and new is None and self.factor is not None:
            new, factor = self.factor, None  # "3x MLP" is a width, not a multiple of the width before
        if head and new is None and self.verb in aliases.REMOVING:
            new = 0.0
        if factor is not None and factor > 0 and direction == 0:
            direction = (factor > 1) - (factor < 1)
        if self.verb is None and head is None and new is None and factor is None:
            direction = 1  # a bare mechanism ("weight tying") is being added
        return [Move(head, frozenset(groups), words, _plain(self.old), new, factor, direction)]

    def _places(self, values: tuple[float, ...]) -> list[Move]:
        """A tuple (ADAM_BETAS) holds a knob in each place; those that stay as they were are not turned."""
        known = isinstance(self.old, tuple) and len(self.old) == len(values)
        moves = []
        for place, value in enumerate(values):
            part = _Draft(self.verb)
            part.words, part.new = self.words, value
            part.old = self.old[place] if known else None  # type: ignore[index]  # known: a tuple of that length
            part.quantities = [f"{word}{place + 1}" if word == "beta" else word for word in self.quantities]
            if part.old != value:
                moves += part.moves()
        return moves


def _plain(value: Value | tuple[float, ...] | None) -> Value | None:
    return str(value) if isinstance(value, tuple) else value


class _Reader:
    """One pass over the tokens of a segment, one draft after another."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.drafts: list[_Draft] = []
        self.draft = _Draft()
        self.separated = True  # the draft follows a comma or the like, and not just a finished move
        self.linked = False  # "on", "for" or "to" came before a group: "WD 0.01 on the embeddings"
        self.replacing = False  # "replace A with B"
        for at, token in enumerate(tokens):
            if not self.accept(at, token):
                break
        self.flush()

    def result(self) -> tuple[list[Move], bool]:
        """The moves, and whether they name a knob or a value at all."""
        solid = any(draft.solid for draft in self.drafts)
        drafts = [d for at, d in enumerate(self.drafts) if d.told(first=at == 0)] if solid else self.drafts
        return [move for draft in drafts for move in draft.moves()][:MAX_MOVES], solid

    @property
    def started(self) -> bool:
        return self.draft.solid or bool(self.drafts)

    def flush(self, verb: str | None = None, separated: bool = True) -> None:
        """Go on to the next move; without a verb of its own it has this one."""
        if self.draft.solid or (self.draft.named and (self.separated or not self.drafts)):
            self.drafts.append(self.draft)
        self.draft, self.separated = _Draft(verb), separated

    def accept(self, at: int, token: Token) -> bool:
        """Take one token. False where the intervention ends, and reasons, circumstances or results begin."""
        if token.kind in ("value", "times"):
            if at and self.tokens[at - 1].text in ("run", "exp"):
                return True  # "run 2" is a label
            if self.draft.new is not None and self.draft.complete and self.draft.role != "old":
                self.flush(self.draft.verb, separated=False)
            self.draft.take(token)
        elif token.kind == "arrow":
            self.draft.arrow()
        elif token.text == "=":
            self.draft.role = "new"
        elif token.kind == "mark":
            self.flush(self.draft.verb)
        elif token.text in _PREPOSITIONS:
            return self.preposition(at, token.text)
        elif token.prose and (token.text in aliases.CONTEXT or token.text in aliases.RESULTS):
            return not (self.started or self.draft.words)
        elif token.prose and token.text in aliases.VERBS:
            self.verb(token.text)
        else:
            self.noun(at, token.text)
        return True

    def preposition(self, at: int, word: str) -> bool:
        after = next((t for t in self.tokens[at + 1 : at + 4] if t.text not in _TRANSPARENT), None)
        value = after is not None and (after.kind in ("value", "times") or after.text in aliases.ACTIVATIONS)
        group = after is not None and after.kind == "word" and after.text in aliases.GROUPS
        draft = self.draft
        if word == "from":
            draft.role = "old"
        elif word == "to" and value or word == "with" and self.replacing:
            draft.arrow()
        elif word in ("at", "by") and value:
            draft.role = "new"
        elif word in ("and", "plus", "x", "by", "with"):
            self.flush(None if word == "with" else draft.verb)
        else:  # to, at, on, for
            self.linked = group
            missing = word == "to" and draft.old is not None and draft.new is None  # "from cosine to linear"
            return group or missing or not self.started
        return True

    def verb(self, word: str) -> None:
        particle = word in ("up", "down") and self.draft.explicit  # "bump the LR up to"
        if not particle and (self.draft.complete or (self.draft.explicit and self.draft.solid)):
            self.flush()
        if not self.draft.explicit or not aliases.VERBS[self.draft.verb or ""][0]:  # "try a deeper model"
            self.draft.verb, self.draft.explicit = word, True
        self.replacing = word in aliases.SWAPPING

    def noun(self, at: int, word: str) -> None:
        draft = self.draft
        counted = at > 0 and self.tokens[at - 1].kind == "value" and not (draft.quantities or draft.words)
        if word in aliases.ACTIVATIONS:
            if "activation" not in draft.quantities:
                draft.quantities.append("activation")
            draft.take(Token("value", word, word), old=self.replacing and draft.old is None and draft.role != "new")
        elif word in aliases.COUNTED and counted:
            draft.quantities.append(aliases.COUNTED[word])
        elif word not in aliases.STOPWORDS and not draft.implies(word):
            if draft.complete and not self.linked and not counted:
                self.flush(draft.verb, separated=False)
            (self.draft.quantities if word in aliases.QUANTITIES else self.draft.words).append(word)


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


def read(text: str) -> tuple[Move, ...]:
    """The moves that a description makes, in its order; empty if it says nothing that could be compared."""
    return _read(text[:MAX_CHARS])


@lru_cache(maxsize=CACHED_TEXTS)
def _read(text: str) -> tuple[Move, ...]:
    outer, inner = _outside(_LABEL.sub("", text.translate(_UNICODE), count=1))
    first: list[Move] = []
    moves: list[Move] = []
    for segment in _SEGMENT.split(outer):
        found, solid = _Reader(tokenize(segment)).result()
        if solid and found:
            moves = found
            break
        first = first or found
    moves = moves or first
    if not any(move.new is not None for move in moves):
        moves = _with_asides(moves, inner)
    return tuple(dict.fromkeys(moves))


def _with_asides(moves: list[Move], inner: Sequence[str]) -> list[Move]:
    """A parenthesis is commentary, unless it holds the values that the sentence itself does not give."""
    for aside in inner:
        tokens = tokenize(aside)
        if len(moves) == 1:
            values = [t.value for t in tokens if t.kind == "value" and not isinstance(t.value, tuple)]
            if len(values) == 2 and [t.kind for t in tokens] == ["value", "arrow", "value"]:
                return [replace(moves[0], old=values[0], new=values[1], factor=None)]  # "remove dropout (0.1 -> 0.0)"
            if len(tokens) == 1 and tokens[0].kind == "value" and not isinstance(tokens[0].value, tuple):
                return [replace(moves[0], new=tokens[0].value)]  # "6x LR (0.006)"
        if any(move.factor is not None for move in moves):
            continue
        found = [
            move
            for move in _Reader(tokens).result()[0]
            if move.head and move.new is not None and move.head != "activation"
        ]
        moves = (moves if any(move.head for move in moves) else []) + found if found else moves
    return moves[:MAX_MOVES]


def read_change(change: Change) -> tuple[Move, ...]:
    """The moves that the code makes: one for each knob that was changed, added or removed."""
    moves = [move for name, knob in list(change.knobs.items())[:MAX_MOVES] for move in read_constant(name, knob)]
    return tuple(moves[:MAX_MOVES])


def read_constant(name: str, knob: Knob) -> list[Move]:
    """The moves that one constant of the code makes, from its old value to its new one."""
    draft = _Draft()
    words = [token.text for token in tokenize(name[:MAX_CHARS]) if token.kind == "word"]
    draft.quantities = [word for word in words if word in aliases.QUANTITIES]
    draft.words = [word for word in words if word not in aliases.QUANTITIES]
    draft.old, draft.new = _literal(knob.old), _literal(knob.new)
    direction = 1 if knob.old is None else -1 if knob.new is None else 0
    moves = [replace(move, direction=direction) for move in draft.moves()]
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
    return text[:1] if PATTERN.fullmatch(text) and len(set(text)) == 1 else text
