"""The base: what each knob stands at, followed over the runs that were kept.

It gives a direction to a bare value ("matrix LR 0.05"), a value to a factor ("halve the batch"), and tells when the
same words on a moved base mean another step.
"""

from collections.abc import Mapping, MutableMapping, Sequence

from msgspec.structs import replace

from memorylab.core import reading
from memorylab.core.moves import Key, Move
from memorylab.core.record import Knob
from memorylab.core.tokens import Value, equal

_PRESENT = "present"  # the value of a mechanism that was added


class Base:
    """The state before the next run. `values` is what each knob stands at, as far as words and code tell; `moved` is
    the latest kept run, by its place in the ledger, that moved the knob; `names` what the subject calls it."""

    def __init__(
        self,
        constants: Mapping[str, str],
        values: MutableMapping[Key, Value] | None = None,
        moved: MutableMapping[Key, int] | None = None,
        names: MutableMapping[Key, str] | None = None,
        learned: MutableMapping[str, bool] | None = None,
    ) -> None:
        """`constants` are the subject's before the first run: name and source text. The others, empty by default, hold
        the state."""
        self.values: MutableMapping[Key, Value] = {} if values is None else values
        self.moved: MutableMapping[Key, int] = {} if moved is None else moved
        self.names: MutableMapping[Key, str] = {} if names is None else names
        self._learned: MutableMapping[str, bool] = {} if learned is None else learned
        for name, source in constants.items():
            for move in self._learn(name, source):
                if move.new is not None:
                    self.values[move.key] = move.new

    def start_from(self, moves: Sequence[Move]) -> None:
        """Take over what a baseline says of itself."""
        self.values.update({move.key: move.new for move in moves if move.new is not None})

    def learn_names(self, knobs: Mapping[str, Knob]) -> None:
        """What the code calls its knobs; the first name of a knob stays."""
        for name, knob in knobs.items():
            if name not in self._learned:
                self._learn(name, knob.new or knob.old or "")

    def _learn(self, name: str, source: str) -> list[Move]:
        self._learned[name] = True
        moves = reading.read_constant(name, Knob(old=None, new=source))
        for place, move in enumerate(moves):
            self.names.setdefault(move.key, name if len(moves) == 1 else f"{name}[{place}]")
        return moves

    def resolve(self, moves: Sequence[Move]) -> tuple[Move, ...]:
        """The moves with the value before, the value after a factor and the direction of two numbers."""
        found = tuple(self._resolved(move) for move in moves)
        effective = tuple(move for move in found if not self._stands(move))
        return effective or found  # a part that is as it was is not turned

    def follow(self, moves: Sequence[Move], kept: bool, at: int) -> None:
        """Go on to the state after run number `at`."""
        for move in moves:
            if not kept:
                if move.old is not None:
                    self.values[move.key] = move.old
                elif move.hint is not None:
                    self.values.setdefault(move.key, move.hint)
                continue
            self.moved[move.key] = at
            if move.new is not None:
                self.values[move.key] = move.new
            elif move.head is None and move.factor is None and move.direction > 0:
                self.values[move.key] = _PRESENT
            else:
                self.values.pop(move.key, None)  # not known, but not what it was

    def moved_since(self, moves: Sequence[Move], at: int) -> int | None:
        """The latest run from number `at` on that was kept and moved one of these knobs, None if there is none."""
        latest = max((self.moved.get(move.key, -1) for move in moves), default=-1)
        return latest if latest >= at else None

    def _stands(self, move: Move) -> bool:
        if move.new is not None:
            return equal(move.old, move.new)
        return move.direction > 0 and self.values.get(move.key) == _PRESENT

    def _resolved(self, move: Move) -> Move:
        old = move.old if move.old is not None else self.values.get(move.key, move.hint)
        new, direction = move.new, move.direction
        if move.old is None and move.factor and isinstance(new, float) and new:
            old = new / move.factor  # "6x LR (0.006)"
        if new is None and move.factor is not None and isinstance(old, float) and old:
            new = old * move.factor
        if new is None and move.delta is not None and isinstance(old, float):
            new = old + move.delta
        if isinstance(old, float) and isinstance(new, float) and not equal(old, new):
            direction = 1 if new > old else -1
        if old is move.old and new is move.new and direction == move.direction:
            return move
        return replace(move, old=old, new=new, direction=direction)
