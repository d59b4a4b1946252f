"""The grammar of a description: one pass over its tokens, one move after another."""

from collections.abc import Sequence

from msgspec import Struct

from memorylab.core import aliases
from memorylab.core.tokens import Token, Value

MAX_MOVES = 12  # a whole configuration in one row; comparing is quadratic in this

_PREPOSITIONS = frozenset(["from", "to", "at", "by", "with", "and", "plus", "x", "on", "for"])
_TRANSPARENT = frozenset(["final", "the", "a", "about", "only", "factor", "of"])
_JOINED_WORDS = 4  # a longer piece of a list is commentary, not a mechanism by name

Key = tuple[str | None, frozenset[str]]


class Move(Struct, frozen=True):
    """One knob being turned. `head` is the quantity ("lr"), `groups` whose it is, `words` what else is said of it.

    `direction` is +1 for more or on, -1 for less or off, 0 where the words do not tell; numbers overrule it. `hint` is
    what the words say was best ("0.8 is still optimal"): likely the value before, where nothing else tells.
    """

    head: str | None
    groups: frozenset[str]
    words: frozenset[str]
    old: Value | None = None
    new: Value | None = None
    factor: float | None = None
    direction: int = 0
    delta: float | None = None
    hint: Value | None = None

    @property
    def key(self) -> Key:
        """What makes it this knob and no other."""
        return (self.head, self.groups) if self.head else (None, self.groups | self.words)

    @property
    def valued(self) -> bool:
        """It says how far, not only which way."""
        return self.new is not None or self.factor is not None or self.delta is not None

    @property
    def terms(self) -> frozenset[str]:
        return self.groups | self.words | ({self.head} if self.head else frozenset())

    @property
    def name(self) -> str:
        """The knob in words, for a reader."""
        return " ".join([*sorted(self.groups), *([self.head] if self.head else sorted(self.words))])


class Draft:
    """A move being read."""

    def __init__(self, verb: str | None = None) -> None:
        self.verb = verb
        self.quantities: list[str] = []
        self.words: list[str] = []
        self.replaced: list[str] = []  # words of what was there before: "from cosine to linear"
        self.old: Value | tuple[float, ...] | None = None
        self.new: Value | tuple[float, ...] | None = None
        self.factor: float | None = None
        self.role = ""
        self.explicit = False  # the verb stands in this clause, it is not inherited from the one before
        self.delta: float | None = None  # "two more layers"
        self.result = False  # the value looks like a result: 1.0731
        self.times = False  # "by a factor of"
        self.leading = False  # the value came before the name: "2x matrix LR", "0.06 matrix LR"
        self.joined = False  # a part of a list: "EMA + matrix LR 0.06"

    @property
    def solid(self) -> bool:
        return bool(self.quantities) or self.new is not None or self.factor is not None

    @property
    def named(self) -> bool:
        return bool(self.words) or self.explicit and self.verb in aliases.COMPARATIVES

    @property
    def titled(self) -> bool:
        return bool(self.quantities or self.words)

    @property
    def complete(self) -> bool:
        return bool(self.quantities or self.words) and (self.new is not None or self.factor is not None)

    def told(self, first: bool) -> bool:
        """Whether this is a move of its own, beside others that name a knob, and not commentary on them."""
        if self.joined and self.words and not self.solid:
            return len(self.words) <= _JOINED_WORDS and not aliases.BASES & set(self.words)
        if self.new is None and self.factor is None and not first and self.verb is None:
            return False
        switched = self.explicit and self.verb in aliases.ADDING | aliases.REMOVING
        return switched or self.solid and bool(self.quantities or self.words)

    @property
    def relative(self) -> bool:
        """The verb tells how many more or fewer, not how many."""
        return self.explicit and self.verb in aliases.ADDING | aliases.REMOVING | aliases.COUNTING

    def implies(self, word: str) -> bool:
        """The word names again what is being turned: "SwiGLU activation", "GELU MLP"."""
        return bool(self.quantities) and word in (self.quantities[-1], aliases.IMPLIED.get(self.quantities[-1]))

    def take(self, token: Token, old: bool = False) -> None:
        value = token.value
        if token.text == "pattern" and "pattern" not in self.quantities:
            self.quantities.append("pattern")
        self.leading = not self.titled
        self.result = isinstance(value, float) and 0.3 < value < 10 and len(token.text.partition(".")[2]) > 2
        if self.role == "by":
            self.by(token)
        elif old or self.role == "old":
            self.old = value
        elif token.kind == "times" and self.role != "new":
            self.factor = value  # type: ignore[assignment]  # a times token holds a float
        else:
            self.new = value
        self.role = ""

    def by(self, token: Token) -> None:
        """A step relative to the value before."""
        if not isinstance(token.value, float):
            return
        direction = aliases.VERBS.get(self.verb or "", (0, None))[0]
        if token.kind == "times" or self.times or self.verb in aliases.SCALING:
            self.factor = 1 / token.value if self.verb == "divide" and token.value else token.value
        elif token.text.endswith("%"):
            self.factor = 1 + token.value * (direction or 1)
        elif direction:
            self.delta = token.value * direction
        else:
            self.new = token.value  # "residual scaling by 0.5"

    def arrow(self, value: bool = True) -> None:
        """What was read was what was there before; a value comes after, or only words ("from cosine to linear")."""
        if not value and self.new is None and self.factor is None:
            kept = [word for word in self.words if word in aliases.GROUPS]
            kept = [] if kept == self.words else kept  # "AdamW -> Lion"
            self.words, self.replaced = kept, [word for word in self.words if word not in kept]
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
        words = frozenset(self.words or self.replaced) - qualifiers - aliases.STOPWORDS
        if head is None and not words and not groups:
            return []
        direction, factor = aliases.VERBS.get(self.verb or "", (0, None))
        new, factor = _plain(self.new), self.factor if self.factor is not None else factor
        if head == "mlp" and new is None and self.factor is not None:
            new, factor = self.factor, None  # "3x MLP" is a width, not a multiple of the width before
        if head is None and new is not None:
            if len(words) > 1 and words - aliases.PARAMETERS:
                words -= aliases.PARAMETERS
            if len(words) == 1 and isinstance(new, float) and not groups:
                head = aliases.NUMBERED.get(*words)
                words = words if head is None else frozenset()
        switched = self.verb is None or self.verb in aliases.ADDING | aliases.REMOVING | aliases.USING
        if head in aliases.PLACES and words and switched and not (new is not None or factor is not None or self.delta is not None):
            head, words = None, words | {head}
        if head and new is None and self.delta is None and self.verb in aliases.REMOVING:
            new = 0.0
        if factor is not None and factor > 1 and direction < 0:
            factor = 1 / factor  # "4x smaller"
        if factor is not None and factor > 0 and direction == 0:
            direction = (factor > 1) - (factor < 1)
        if self.verb in (None, *aliases.USING) and head is None and new is None and factor is None:
            direction = 1  # a bare mechanism ("weight tying") is being added
        return [Move(head, frozenset(groups), words, _plain(self.old), new, factor, direction, self.delta)]

    def _places(self, values: tuple[float, ...]) -> list[Move]:
        """A tuple (ADAM_BETAS) holds a knob in each place; those that stay as they were are not turned."""
        known = isinstance(self.old, tuple) and len(self.old) == len(values)
        moves = []
        for place, value in enumerate(values):
            part = Draft(self.verb)
            part.words, part.new = self.words, value
            part.old = self.old[place] if known else None  # type: ignore[index]  # known: a tuple of that length
            part.quantities = [f"{word}{place + 1}" if word == "beta" else word for word in self.quantities]
            if part.old != value:
                moves += part.moves()
        return moves


def distinct(moves: Sequence[Move]) -> list[Move]:
    """The moves without repeats, and without those that another one gives the value of: "a deeper model (depth 12)"."""
    valued = {move.key for move in moves if move.new is not None}
    told = {(move.key, move.new): move for move in reversed(moves) if move.new is not None or move.key not in valued}
    found = [move for move in dict.fromkeys(moves) if told.get((move.key, move.new)) == move]
    # "with another seed" is no part of the idea.
    return [move for move in found if move.head != "seed" or move.new is not None] or found


def _plain(value: Value | tuple[float, ...] | None) -> Value | None:
    return str(value) if isinstance(value, tuple) else value


class Reader:
    """One pass over the tokens of a segment, one draft after another."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.drafts: list[Draft] = []
        self.draft = Draft()
        self.separated = True  # the draft follows a comma or the like, and not just a finished move
        self.linked = False  # "on", "for" or "to" came before a group: "WD 0.01 on the embeddings"
        self.replacing = False  # "replace A with B"
        self.ended = any(not self.accept(at, token) for at, token in enumerate(tokens))  # before the last token
        self.flush()

    def result(self) -> tuple[list[Move], bool]:
        """The moves, and whether they name a knob or a value at all."""
        solid = any(draft.solid and draft.titled for draft in self.drafts)
        drafts = [d for at, d in enumerate(self.drafts) if d.told(first=at == 0)] if solid else self.drafts
        return distinct([move for draft in drafts for move in draft.moves()][:MAX_MOVES]), solid

    @property
    def started(self) -> bool:
        return self.draft.solid or bool(self.drafts)

    def flush(self, verb: str | None = None, separated: bool = True) -> None:
        """Go on to the next move; without a verb of its own it has this one."""
        if self.given():
            pass
        elif self.draft.solid or (self.draft.named and (self.separated or not self.drafts)):
            self.drafts.append(self.draft)
        self.draft, self.separated = Draft(verb), separated

    def given(self) -> bool:
        """The value after a comma of what has none yet: "a weaker z-loss, 1e-5". A result is no value."""
        draft, last = self.draft, self.drafts[-1] if self.drafts else None
        if last is None or draft.quantities or set(draft.words) - aliases.UNITS or not isinstance(draft.new, float) or draft.result:
            return False
        if last.titled and last.new is None and last.factor is None and last.delta is None:
            last.old, last.new = draft.old, draft.new
            return True
        return False

    def accept(self, at: int, token: Token) -> bool:
        """Take one token. False where the intervention ends, and reasons, circumstances or results begin."""
        if token.kind in ("value", "times"):
            if self.draft.new is not None and self.draft.complete and self.draft.role != "old":
                self.flush(self.draft.verb, separated=False)
            if token.kind == "value" and self.is_share(at):
                token = Token("times", token.text, token.value)
            if self.draft.quantities and token.text.endswith("%") and self.before(at) in ("up", "down"):
                self.draft.role = "by"  # "LR up 50%"
            self.draft.take(token)
        elif token.kind == "arrow" and self.draft.old is not None and self.draft.new is not None:
            return False  # "5 -> 3 => faster"
        elif token.kind == "arrow" and at + 1 < len(self.tokens) and self.tokens[at + 1].text in aliases.NOTHING:
            self.draft.verb, self.draft.explicit = "remove", True
            return False
        elif token.kind == "arrow":
            self.draft.arrow(all(self.is_value(after) for after in self.tokens[at + 1 : at + 2]))
        elif token.text == "=":
            self.draft.role = "new"
        elif token.kind == "mark":
            listed = token.text in "+&"
            self.draft.joined = self.draft.joined or listed or not self.drafts
            self.flush(self.draft.verb)
            self.draft.joined = listed
        elif token.text in aliases.SHARES and at and not (self.separated and not self.draft.titled and self.draft.new is None):
            self.share(at, token.text)
        elif token.text == "while" and at + 1 < len(self.tokens) and self.tokens[at + 1].text in aliases.VERBS:
            self.flush()  # "depth 9 while lowering the batch to 8"
        elif token.text in _PREPOSITIONS:
            return self.preposition(at, token.text)
        elif token.prose and (token.text in aliases.CONTEXT or token.text in aliases.RESULTS):
            return not (self.started or self.draft.words)
        elif token.prose and token.text in aliases.PARTICIPLES:
            return self.participle(at, aliases.PARTICIPLES[token.text])
        elif token.prose and (token.text in aliases.VERBS or token.text == "scale" and not at):
            self.verb(token.text)
        else:
            self.noun(at, token.text)
        return True

    def share(self, at: int, word: str) -> None:
        """ "by half", "the final quarter", "three quarters of the original"."""
        draft, part = self.draft, aliases.SHARES[word]
        if self.tokens[at - 1].kind == "value" and isinstance(draft.new, float):
            part, draft.new = part * draft.new, None
        if self.is_share(at) or self.before(at) in ("by", "in") or word == "half" and draft.quantities:
            draft.factor = part
        else:
            draft.take(Token("value", word, part))

    def is_share(self, at: int) -> bool:
        """A fraction of the value before: "1/4 of the original"."""
        after = [t.text for t in self.tokens[at + 1 : at + 5]]
        return after[:1] == ["of"] and any(word in aliases.WHOLES for word in after[1:])

    def is_value(self, token: Token) -> bool:
        return token.kind in ("value", "times") or token.text in aliases.ACTIVATIONS

    def before(self, at: int) -> str:
        return self.tokens[at - 1].text if at else ""

    def preposition(self, at: int, word: str) -> bool:
        after = next((t for t in self.tokens[at + 1 : at + 6] if t.text not in _TRANSPARENT), None)
        value = after is not None and self.is_value(after)
        group = after is not None and after.kind == "word" and after.text in aliases.GROUPS
        draft = self.draft
        if word == "from":
            draft.role = "old"
        elif word == "to" and value or word in ("with", "for", "by") and self.replacing:
            draft.arrow(value)
            self.replacing = False
        elif word == "at" and value:
            draft.role = "new"
        elif word == "by" and (value or self.tokens[at + 1 : at + 2] and self.tokens[at + 1].text == "half"):
            draft.role, draft.times = "by", any(t.text == "factor" for t in self.tokens[at + 1 : at + 4])
        elif word in ("and", "plus", "x", "by", "with"):
            draft.joined = draft.joined or word == "with" and not self.drafts
            self.flush(None if word == "with" else draft.verb)
        else:  # to, at, on, for
            self.linked = group
            if word == "to" and draft.new is None and (draft.old is not None or draft.role == "old"):
                draft.arrow(value)  # "from cosine to linear"
                return True
            return group or not self.started
        return True

    def verb(self, word: str) -> None:
        particle = word in ("up", "down") and self.draft.explicit  # "bump the LR up to"
        if not particle and (self.draft.complete or (self.draft.explicit and self.draft.quantities)):
            self.flush()
        vague = aliases.VERBS.get(self.draft.verb or "", (0, None))[0] == 0  # "try a deeper model"
        if not self.draft.explicit or vague:
            self.draft.verb, self.draft.explicit = word, True
        self.replacing = word in aliases.SWAPPING

    def participle(self, at: int, verb: str) -> bool:
        """A verb at the beginning ("Removed QK norm") or the end ("QK norm removed"); else what came of it."""
        after = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if not self.draft.quantities and not self.draft.words and self.draft.new is None:
            self.verb(verb)
        elif after is not None and after.kind == "word" and after.text not in _PREPOSITIONS | aliases.RESULTS:
            return False
        else:
            self.draft.verb, self.draft.explicit, self.replacing = verb, True, verb in aliases.SWAPPING
        return True

    def noun(self, at: int, word: str) -> None:
        draft = self.draft
        counted = draft.leading and draft.new is not None and not (draft.quantities or draft.words)
        if word in aliases.ACTIVATIONS:
            if "activation" not in draft.quantities:
                draft.quantities.append("activation")
            draft.take(Token("value", word, word), old=self.replacing and draft.old is None and draft.role != "new")
        elif word in aliases.COUNTED and counted:
            draft.quantities.append(aliases.COUNTED[word])
            direction = aliases.VERBS.get(draft.verb or "", (0, None))[0]
            if direction and draft.relative and isinstance(draft.new, float):
                draft.delta, draft.new = draft.new * direction, None  # "add two layers", "2 more layers"
        elif word not in aliases.STOPWORDS and not draft.implies(word):
            if draft.complete and not (self.linked or counted or draft.leading):
                self.flush(draft.verb, separated=False)
            (self.draft.quantities if word in aliases.QUANTITIES else self.draft.words).append(word)
