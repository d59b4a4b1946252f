"""Moves: one knob being turned each, and what is read of one before it is finished."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from memorylab.core import aliases
from memorylab.core.tokens import Token, Value

_BATCH = ("batch", frozenset(["total"]))
_GATED = (2 / 3, 8 / 3)
_JOINED_WORDS = 4  # a longer piece of a list is commentary, not a mechanism by name

Key = tuple[str | None, frozenset[str]]


class Move(Struct, frozen=True):
    """One knob being turned. `head` is the quantity ("lr"), `groups` whose it is, `words` what else is said of it.

    `direction` is +1 for more or on, -1 for less or off, 0 where the words do not tell; numbers overrule it. `hint` is
    what the words say was best ("0.8 is still optimal"): likely the value before, where nothing else tells. `step`
    tells "more of it", which goes a step further each time, from "with it". `gloss` is what else the text says of a
    mechanism, in parentheses or after its name.
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
    step: bool = False
    gloss: frozenset[str] = frozenset()

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
        self.signed = False  # "-1 layer"
        self.led = False  # the verb came first: "drop VE", not "quality drops"
        self.goal = False  # the value comes after "to"
        self.counted = False  # the value counts steps
        self.times = False  # "by a factor of"
        self.leading = False  # the value came before the name: "2x matrix LR", "0.06 matrix LR"
        self.added = False  # it follows an "and"
        self.trailing = False  # it follows a comma and a value: commentary, unless it has a value or a verb of its own
        self.joined = False  # a part of a list: "EMA + matrix LR 0.06"

    @property
    def solid(self) -> bool:
        return (
            not aliases.PARTS.issuperset(self.quantities)
            or (self.new, self.factor, self.delta) != (None, None, None)
        )  # fmt: skip

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
        if self.new is None and self.factor is None and not first and (self.verb is None or self.trailing):
            return self.explicit and self.led and self.verb in aliases.ADDING | aliases.REMOVING
        switched = self.explicit and self.verb in aliases.ADDING | aliases.REMOVING
        return switched or self.solid and bool(self.quantities or self.words)

    def meant(self, first: bool) -> bool:
        """Whether this is a move of its own where nothing names a knob: after a comma it is commentary."""
        switched = self.explicit and self.verb in aliases.ADDING | aliases.REMOVING | aliases.COMPARATIVES.keys()
        return first or self.joined or self.added or switched or self.solid

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
        self.leading, self.goal = not self.titled, self.role == "new"
        self.signed = token.text[0] in "+-"
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


def distinct(moves: Sequence[Move]) -> list[Move]:
    """The moves without repeats, and without those that another one gives the value of: "a deeper model (depth 12)"."""
    valued = {move.key for move in moves if move.new is not None}
    told = {(move.key, move.new): move for move in reversed(moves) if move.new is not None or move.key not in valued}
    found = [move for move in dict.fromkeys(moves) if told.get((move.key, move.new)) == move]
    batches = sorted(move.new for move in found if move.key == _BATCH and isinstance(move.new, float))
    if len(batches) > 1:  # "BATCH=256 TOTAL=2^19"
        device = frozenset(["device"])
        found = [replace(m, groups=device) if m.key == _BATCH and m.new == batches[0] else m for m in found]
    chosen = [move for move in found if move.head in aliases.CHOICES.values()]
    found = [move for move in found if move not in chosen[1:]]  # "SwiGLU, ReLU2 still ahead"
    if any(move.head == "kvheads" for move in found):
        found = [move for move in found if move.words != {"gqa"}]  # the name of having fewer of them
    if any(move.head == "activation" for move in found):  # a gated unit keeps its size with 2/3 of the width
        found = [move for move in found if move.new not in _GATED or move.head not in ("width", "mlp", None)] or found
    # The seed is no part of an idea: with another one it is a replicate.
    return [move for move in found if move.head != "seed"] or found
