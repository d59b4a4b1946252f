"""`USER, PASSWORD = "anna", "hunter2"`: which of several values is that of which of several names."""

import re
from typing import NamedTuple

_REACH = 600  # characters of a line that are looked at
_NAMES = re.compile(r"[+> \t-]*((?:[A-Za-z_]\w{0,60}, ?){1,8}[A-Za-z_]\w{0,60}) :?")
_NAME = re.compile(r"\w+")
_VALUE = re.compile(r"[rb]?(?:\"[^\"\n]{0,400}\"|'[^'\n]{0,400}')|[\w.+-]{1,80}(?:\(\))?(?![(\[{])")
_COMMA = re.compile(r", ?")


class Pair(NamedTuple):
    """A name, and where its value with its quotes is."""

    name: str
    start: int
    end: int


def pairs(text: str) -> dict[int, Pair]:
    """By each place in a name that stands with others, that name with its value."""
    found: dict[int, Pair] = {}
    at = text.find("= ")
    while at >= 0:
        start = text.rfind("\n", max(0, at - _REACH), at) + 1
        if text[at - 1 : at] in (" ", ":") and text.find(",", start, at) >= 0:
            names = _NAMES.fullmatch(text, start, at)
            named = [*_NAME.finditer(text, *names.span(1))] if names is not None else []
            values = _values(text, at + 2) if named else []
            if len(named) == len(values):
                for name, value in zip(named, values, strict=True):
                    found.update(dict.fromkeys(range(*name.span()), Pair(name[0], *value)))
        at = text.find("= ", at + 2)
    return found


def _values(text: str, at: int) -> list[tuple[int, int]]:
    """Where values with commas between them are, if there is nothing else on the line."""
    found: list[tuple[int, int]] = []
    while (value := _VALUE.match(text, at)) is not None:
        found.append(value.span())
        comma = _COMMA.match(text, value.end())
        if comma is None:
            return found if len(found) > 1 else []
        at = comma.end()
    return []
