"""What a draft turns: the rules by which its words and numbers become one knob, or one for each place of a tuple."""

from collections.abc import Callable

from memorylab.core import aliases
from memorylab.core.moves import Draft, Move
from memorylab.core.tokens import PATTERN, Value

_SWITCHES = frozenset([None]) | aliases.ADDING | aliases.REMOVING | aliases.USING
_NO_COUNT = 32  # so many heads has no small network
_RATE = 5  # no learning rate is higher
_RATIO = 16  # a larger number for an MLP counts units


class _Knob:
    """A knob while its name is found. The fields are those of `Move`."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        quantities = _quantities(draft)
        self.head: str | None = quantities[-1] if quantities else None
        qualifiers = {w for w in [*quantities, *draft.words] if w in aliases.GROUPS or w in aliases.QUANTITIES}
        self.groups: set[str] = qualifiers - {self.head, aliases.IMPLIED.get(self.head or "")}
        if self.head in aliases.DEFAULT_GROUP and not self.groups:
            self.groups = {aliases.DEFAULT_GROUP[self.head]}
        self.words = frozenset(draft.words or draft.replaced) - qualifiers - aliases.STOPWORDS
        if len(self.words) > len(self.words & aliases.BASES):
            self.words -= aliases.BASES
        self.new = _plain(draft.new)
        self.direction, of_verb = aliases.VERBS.get(draft.verb or "", (0, None))
        self.factor = draft.factor if draft.factor is not None else of_verb

    @property
    def number(self) -> float | None:
        return self.new if isinstance(self.new, float) else None

    @property
    def valued(self) -> bool:
        return (self.new, self.factor, self.draft.delta) != (None, None, None)


def moves_of(draft: Draft) -> list[Move]:
    """The move that was read, several for a tuple of values, none if it has no name."""
    if isinstance(draft.new, tuple):
        return _places(draft, draft.new)
    knob = _Knob(draft)
    if knob.head is None and not knob.words and not knob.groups:
        return []
    for rule in _RULES:
        rule(knob)
    step = bool(aliases.VERBS.get(draft.verb or "", (0, None))[0]) and draft.verb not in _SWITCHES
    return [
        Move(
            knob.head, frozenset(knob.groups), knob.words, _plain(draft.old), knob.new, knob.factor, knob.direction,
            draft.delta, None, step,
        )
    ]  # fmt: skip


def _quantities(draft: Draft) -> list[str]:
    """What the draft names as turned, the head last."""
    quantities = list(draft.quantities)
    if not quantities and draft.verb in aliases.COMPARATIVES:
        quantities = [aliases.COMPARATIVES[draft.verb]]
    choices = [quantity for quantity in quantities if quantity in aliases.CHOICES.values()]
    quantities = choices[:1] or quantities
    if len(quantities) > 1 and quantities[-1] == "beta":
        quantities.pop()  # "beta1 in ADAM_BETAS"
    return quantities


def _places(draft: Draft, values: tuple[float, ...]) -> list[Move]:
    """A tuple (ADAM_BETAS) holds a knob in each place; those that stay as they were are not turned."""
    old = draft.old if isinstance(draft.old, tuple) and len(draft.old) == len(values) else None
    moves = []
    for place, value in enumerate(values):
        part = Draft(draft.verb)
        part.words, part.new, part.old = draft.words, value, old[place] if old else None
        part.quantities = [f"{word}{place + 1}" if word == "beta" else word for word in draft.quantities]
        if part.old != value:
            moves += moves_of(part)
    return moves


def _parameter(knob: _Knob) -> None:
    """ "label smoothing eps 0.1", "mixup alpha 0.2": the parameter of a mechanism is no knob of its own."""
    if knob.head == "eps" and knob.words and not knob.groups:
        knob.head = None
    if knob.head is None and knob.new is not None and len(knob.words) > 1 and knob.words - aliases.PARAMETERS:
        knob.words -= aliases.PARAMETERS


def _mlp(knob: _Knob) -> None:
    """ "3x MLP" is a width, not a multiple of the width before."""
    if knob.head == "mlp" and knob.new is None and knob.draft.factor is not None:
        knob.new, knob.factor = knob.draft.factor, None
    if knob.head == "mlp" and knob.number is not None and knob.number <= _RATIO:
        knob.groups -= {"hidden"}


def _by_its_value(knob: _Knob) -> None:
    """ "layer 9" is a depth, "TOTAL=8K" a batch, "emb 0.45" a learning rate, "heads of 64" their size."""
    number = knob.number
    if isinstance(knob.new, str) and PATTERN.fullmatch(knob.new):
        knob.head, knob.groups, knob.words = "pattern", set(), frozenset()
    if number is None:
        if (
            knob.head is None
            and knob.direction
            and not knob.groups
            and len(knob.words) == 1
            and not knob.draft.relative
        ):
            knob.head = aliases.NUMBERED.get(*knob.words)  # "fewer heads"
            knob.words = knob.words if knob.head is None else frozenset()
        return
    if knob.head == "heads" and number >= _NO_COUNT:
        knob.head = "headdim"
    elif knob.head is not None:
        return
    elif len(knob.words) == 1 and not knob.groups:
        knob.head = aliases.NUMBERED.get(*knob.words)
        knob.words = knob.words if knob.head is None else frozenset()
    elif not knob.words and knob.groups in ({"total"}, {"device"}) and number >= 1:
        knob.head = "batch"
    elif not knob.words and len(knob.groups) == 1 and knob.groups <= aliases.RATED and number < _RATE:
        knob.head = "lr"


def _initial(knob: _Knob) -> None:
    """ "x0 lambdas start at 0.2", "wte std 0.5"."""
    if knob.head is not None or knob.new is None or not knob.groups:
        return
    if "start" in knob.groups or knob.words == {"std"}:
        knob.head, knob.groups, knob.words = "init", knob.groups - {"start"}, knob.words - {"std"}


def _schedule(knob: _Knob) -> None:
    """A shape is one of the warmdown; where the learning rate ends is a knob of its own."""
    shape = knob.words & aliases.SHAPES and knob.words <= aliases.OF_SCHEDULES
    if knob.head in (None, "lr") and knob.new is None and shape:
        knob.head = "warmdown"
    if knob.head == "warmdown":
        knob.words -= aliases.OF_SCHEDULES - aliases.SHAPES
    if knob.head == "lr" and knob.new is not None and knob.words & aliases.ENDING:
        knob.head, knob.groups = "finallr", set()


def _choice(knob: _Knob) -> None:
    """ "AdamW -> Lion", and "AdamW for all parameters", where the optimizer is called as a group is."""
    if knob.head in aliases.CHOICES.values():
        knob.groups = set()
    called = knob.head is None and knob.groups and knob.groups <= aliases.OPTIMIZERS.keys()
    if called and knob.words <= aliases.EVERYWHERE and knob.new is None and knob.factor is None and knob.direction >= 0:
        knob.new = aliases.OPTIMIZERS[min(knob.groups)]
        knob.head, knob.groups, knob.words = "optimizer", set(), frozenset()


def _groups(knob: _Knob) -> None:
    """What says whose the knob is, and what only seems to: "a short warmup", "seed 42 of #12"."""
    if knob.head == "seed":
        knob.groups = {word for word in knob.words if word[0] == "#"}  # the same seed of another run is another run
    if knob.head is not None and knob.head not in aliases.LENGTHS:
        knob.groups -= {"short", "long"}
    if "momentum" in knob.groups:
        knob.groups |= {"matrix"}
    if knob.groups & aliases.TABLES and knob.words & aliases.TYING and knob.head is None:
        knob.words, knob.groups = frozenset({"tie"}), {"embedding"}


def _switch(knob: _Knob) -> None:
    """What is added or taken away has no value; a quantity that is taken away is 0."""
    if knob.head in aliases.PLACES and knob.words and not knob.valued and knob.draft.verb in _SWITCHES:
        knob.head, knob.words = None, knob.words | {knob.head or ""}
    if knob.head and knob.new is None and knob.draft.delta is None and knob.draft.verb in aliases.REMOVING:
        knob.new = 0.0
    if knob.draft.verb in (None, *aliases.USING) and knob.head is None and knob.new is None and knob.factor is None:
        knob.direction = 1  # a bare mechanism ("weight tying") is being added


def _direction(knob: _Knob) -> None:
    """ "4x smaller" divides, and a factor has a direction."""
    if knob.factor is not None and knob.factor > 1 and knob.direction < 0:
        knob.factor = 1 / knob.factor
    if knob.factor is not None and knob.factor > 0 and knob.direction == 0:
        knob.direction = (knob.factor > 1) - (knob.factor < 1)


_RULES: tuple[Callable[[_Knob], None], ...] = (
    _parameter, _mlp, _by_its_value, _initial, _schedule, _choice, _groups, _switch, _direction,
)  # fmt: skip


def _plain(value: Value | tuple[float, ...] | None) -> Value | None:
    return str(value) if isinstance(value, tuple) else value
