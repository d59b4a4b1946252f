"""Which past run a replicate repeats: "rerun", "SEED=42 of exp12" and "retry the winning config" name no knob."""

from collections.abc import MutableMapping, Sequence

from memorylab.core.moves import Move

_HEADS = frozenset(["rerun", "seed"])
_LAST, _KEPT = "the last", "the last kept"  # no word has a space


class Replicates:
    """What replicates may refer to, learned run by run in the order of the ledger."""

    def __init__(self, named: MutableMapping[str, int] | None = None) -> None:
        """`named`, empty by default, holds the state: the place of what was called so last."""
        self._named: MutableMapping[str, int] = {} if named is None else named

    def target(self, moves: Sequence[Move]) -> int | None:
        """The place of the run that is repeated, None if this is an idea of its own or there is no run yet.

        That is the run referred to, if a run of that number is known; else the latest that was no replicate itself.
        """
        if not moves or any(move.head not in _HEADS for move in moves):
            return None
        references = {group for move in moves for group in move.groups}
        if "#best" in references and _KEPT in self._named:
            return self._named[_KEPT]
        known = [self._named[reference] for reference in references if reference in self._named]
        return max(known) if known else self._named.get(_LAST)

    def learn(self, at: int, target: int | None, number: int | None, moves: Sequence[Move], kept: bool) -> None:
        """Run number `at` calls itself `number`, and made these moves; a replicate stands for its target."""
        at = at if target is None else target
        if any(move.head in _HEADS for move in moves):
            self._named.update({group: at for move in moves for group in move.groups})
        else:
            self._named[_LAST] = at
        if number is not None:
            self._named[f"#{number}"] = at
        if kept:
            self._named[_KEPT] = at
