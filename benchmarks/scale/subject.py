"""The subject as the generated experiments change it: this project's train.py with other constants, and one line for
the mechanism that was added last."""

import re
from pathlib import Path
from typing import NamedTuple

from benchmarks.scale.ideas import KNOBS, Idea, Mechanism
from memorylab.core.change import read_change
from memorylab.core.record import Change

NAME = "train.py"
_KNOB = re.compile(r"([A-Z][A-Z0-9_]*) = (\S+)(\s*)(.*)")
_DEFINITION = (
    '\n\ndef mechanism(name, amount, place):\n    """Stands for the code of an idea that is no constant."""\n\n'
)
_CONTEXT = 3  # lines around a hunk
_Edit = tuple[int, list[str], list[str]]  # at which line, what is taken out, what is put in


class State(NamedTuple):
    """What the subject stands at: its constants as written, and the mechanism that was added last."""

    values: dict[str, str]
    mechanism: Mechanism | None

    def after(self, idea: Idea) -> "State":
        """With an idea in it."""
        return State({**self.values, **idea.settings}, idea.mechanism or self.mechanism)


class Subject:
    """The text around the constants, read once from the project's own train.py."""

    def __init__(self) -> None:
        lines = (Path(__file__).parents[2] / NAME).read_text(encoding="utf-8").splitlines(keepends=True)
        at = {found[1]: n for n, line in enumerate(lines) if (found := _KNOB.match(line)) and found[1] in KNOBS}
        self._at = {name: at[name] for name in KNOBS}
        self._comments = {name: (_KNOB.match(lines[n]) or ["", "", "", "", ""])[4] for name, n in self._at.items()}
        self._end = max(at.values()) + 1
        self._lines = lines[: self._end]
        self._rest = _DEFINITION + "".join(lines[self._end :])
        self.start = State({name: knob.start for name, knob in KNOBS.items()}, None)

    def text(self, state: State) -> str:
        """The whole file."""
        return "".join(self._head(state)) + self._rest

    def change(self, before: State | None, after: State, blob: str) -> Change:
        """What `read_change` says of the two files, read from the lines that differ: what stays does not count."""
        if before is None:
            return read_change(None, self.text(after), NAME, blob=blob)
        sides = [
            "".join(f"{name} = {state.values[name]}\n" for name in KNOBS if before.values[name] != after.values[name])
            + (_call(state.mechanism) if before.mechanism != after.mechanism else "")
            for state in (before, after)
        ]
        return read_change(sides[0], sides[1], NAME, blob=blob)

    def patch(self, before: State, after: State, blobs: tuple[str, str]) -> bytes:
        """What `git diff` says, given the ids of both blobs."""
        old, new = self._head(before), self._head(after)
        edits: list[_Edit] = []
        for n in [n for n in sorted(self._at.values()) if old[n] != new[n]]:
            if edits and edits[-1][0] + len(edits[-1][1]) == n:
                edits[-1] = edits[-1][0], [*edits[-1][1], old[n]], [*edits[-1][2], new[n]]
            else:
                edits.append((n, [old[n]], [new[n]]))
        if old[self._end :] != new[self._end :]:
            edits.append((self._end, old[self._end :], new[self._end :]))
        index = f"index {blobs[0][:7]}..{blobs[1][:7]} 100644\n"
        told = [f"diff --git a/{NAME} b/{NAME}\n{index}--- a/{NAME}\n+++ b/{NAME}\n"]
        whole = [*old, *self._rest.splitlines(keepends=True)[: _CONTEXT + 1]]
        while edits:
            hunk = [edits.pop(0)]
            while edits and edits[0][0] - hunk[-1][0] - len(hunk[-1][1]) <= 2 * _CONTEXT:
                hunk.append(edits.pop(0))
            told += _hunk(whole, hunk)
        return "".join(told).encode()

    def _head(self, state: State) -> list[str]:
        lines = list(self._lines)
        for name, at in self._at.items():
            lines[at] = f"{f'{name} = {state.values[name]}':<24} {self._comments[name]}".rstrip() + "\n"
        return [*lines, _call(state.mechanism)] if state.mechanism else lines


def _call(one: Mechanism | None) -> str:
    return f'mechanism("{one.name}", {one.amount}, "{one.place}")\n' if one else ""


def _hunk(whole: list[str], edits: list[_Edit]) -> list[str]:
    start = max(0, edits[0][0] - _CONTEXT)
    end = edits[-1][0] + len(edits[-1][1]) + _CONTEXT
    body, at = [], start
    for n, old, new in edits:
        body += [f" {line}" for line in whole[at:n]] + [f"-{line}" for line in old] + [f"+{line}" for line in new]
        at = n + len(old)
    body += [f" {line}" for line in whole[at:end]]
    grown = sum(len(new) - len(old) for _, old, new in edits)
    return [f"@@ -{start + 1},{end - start} +{start + 1},{end - start + grown} @@\n", *body]
