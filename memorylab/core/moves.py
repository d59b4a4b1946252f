"""Moves: one knob being turned each, and what is read of one before it is finished."""

from collections.abc import Sequence

from msgspec import Struct

from memorylab.core import aliases
from memorylab.core.tokens import Token, Value

_SWITCHES = frozenset([None]) | aliases.ADDING | aliases.REMOVING | aliases.USING
_TIED = frozenset(["embedding", "unembedding"])
_NO_COUNT = 32  # so many heads has no small network
_RATE = 5  # no learning rate is higher
_RATIO = 16  # a larger number for an MLP counts units
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
        self.counted = False  # the value counts steps
        self.times = False  # "by a factor of"
        self.leading = False  # the value came before the name: "2x matrix LR", "0.06 matrix LR"
        self.added = False  # it follows an "and"
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
        if self.new is None and self.factor is None and not first and self.verb is None:
            return False
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
        choices = [quantity for quantity in quantities if quantity in aliases.CHOICES.values()]
        quantities = choices[:1] or quantities
        if len(quantities) > 1 and quantities[-1] == "beta":
            quantities.pop()  # "beta1 in ADAM_BETAS"
        head = quantities[-1] if quantities else None
        qualifiers = {w for w in [*quantities, *self.words] if w in aliases.GROUPS or w in aliases.QUANTITIES}
        groups = qualifiers - {head, aliases.IMPLIED.get(head or "")}
        if head in aliases.DEFAULT_GROUP and not groups:
            groups = {aliases.DEFAULT_GROUP[head]}
        words = frozenset(self.words or self.replaced) - qualifiers - aliases.STOPWORDS
        if head == "eps" and words and not groups:
            head = None  # "label smoothing eps 0.1"
        if len(words) > len(words & aliases.BASES):
            words -= aliases.BASES
        if head is None and not words and not groups:
            return []
        direction, factor = aliases.VERBS.get(self.verb or "", (0, None))
        new, factor = _plain(self.new), self.factor if self.factor is not None else factor
        if head == "mlp" and new is None and self.factor is not None:
            new, factor = self.factor, None  # "3x MLP" is a width, not a multiple of the width before
        if head == "mlp" and isinstance(new, float) and new <= _RATIO:
            groups -= {"hidden"}
        if head is None and new is not None:
            if len(words) > 1 and words - aliases.PARAMETERS:
                words -= aliases.PARAMETERS
            if len(words) == 1 and isinstance(new, float) and not groups:
                head = aliases.NUMBERED.get(*words)
                words = words if head is None else frozenset()
            elif not words and groups in ({"total"}, {"device"}) and isinstance(new, float) and new >= 1:
                head = "batch"  # "TOTAL=8K"
            elif not words and len(groups) == 1 and groups <= aliases.RATED and isinstance(new, float) and new < _RATE:
                head = "lr"  # "emb 0.45"
        if head in (None, "lr") and new is None and words & aliases.SHAPES and words <= aliases.OF_SCHEDULES:
            head = "warmdown"
        if head == "warmdown":
            words -= aliases.OF_SCHEDULES - aliases.SHAPES
        elif head == "seed":
            groups = {word for word in words if word[0] == "#"}  # the same seed of another run is another experiment
        elif head in aliases.CHOICES.values():
            groups = set()  # "AdamW -> Lion"
        if head is None and groups and groups <= aliases.OPTIMIZERS.keys() and words <= aliases.EVERYWHERE:
            if new is None and self.factor is None and direction >= 0:  # "AdamW for all parameters"
                head, new, groups, words = "optimizer", aliases.OPTIMIZERS[min(groups)], set(), frozenset()
        if head not in aliases.LENGTHS and head is not None:
            groups -= {"short", "long"}  # "a short warmup"
        if "momentum" in groups:
            groups |= {"matrix"}
        if head == "heads" and isinstance(new, float) and new >= _NO_COUNT:
            head = "headdim"  # "heads of 64"
        if groups & _TIED and words & {"tie", "share"} and not qualifiers & aliases.QUANTITIES:
            words, groups = frozenset({"tie"}), {"embedding"}
        if head is None and new is not None and groups and ("start" in groups or words == {"std"}):
            head, groups, words = (
                "init",
                groups - {"start"},
                words - {"std"},
            )  # "x0 lambdas start at 0.2", "wte std 0.5"
        if head == "lr" and new is not None and words & aliases.ENDING:
            head, groups = "finallr", set()
        open_ended = new is None and factor is None and self.delta is None
        if head in aliases.PLACES and words and open_ended and self.verb in _SWITCHES:
            head, words = None, words | {head or ""}
        if head and new is None and self.delta is None and self.verb in aliases.REMOVING:
            new = 0.0
        if factor is not None and factor > 1 and direction < 0:
            factor = 1 / factor  # "4x smaller"
        if factor is not None and factor > 0 and direction == 0:
            direction = (factor > 1) - (factor < 1)
        if self.verb in (None, *aliases.USING) and head is None and new is None and factor is None:
            direction = 1  # a bare mechanism ("weight tying") is being added
        step = bool(aliases.VERBS.get(self.verb or "", (0, None))[0]) and self.verb not in _SWITCHES
        return [Move(head, frozenset(groups), words, _plain(self.old), new, factor, direction, self.delta, None, step)]

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
    if any(move.head == "activation" for move in found):  # a gated unit keeps its size with 2/3 of the width
        found = [move for move in found if move.new not in _GATED or move.head not in ("width", "mlp")] or found
    # The seed is no part of an idea: with another one it is a replicate.
    return [move for move in found if move.head != "seed"] or found


def _plain(value: Value | tuple[float, ...] | None) -> Value | None:
    return str(value) if isinstance(value, tuple) else value
