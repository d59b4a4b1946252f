"""Credentials that another line names: what a command prints, a column of a table, one of a list of keys."""

import re
from collections.abc import Iterator

from memorylab.core.masking.randomness import is_made

Found = tuple[int, int, str]

_REACH = 2_000  # characters of a line that are looked at
_ROWS = 200  # of a table
_NAMED = r"\w{0,40}?(?:key|token|secret|password|passwd|pwd|pass)"
_OUTPUT = r"[ \t]*\r?\n[+> \t]*(?P<value>[\w+/=.~!@#%^&*-]{16,4000})[ \t]*(?=\r?\n|\Z)"
# The word that is looked for, and what is tried where it is.
_BESIDE: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (word, re.compile(pattern))
    for word, pattern in (
        ("printenv ", rf"printenv {_NAMED}{_OUTPUT}"),
        ("echo ", rf'echo "?\$\{{?{_NAMED}\}}?"?{_OUTPUT}'),
        ("get-login-password", rf"get-login-password(?: [\w. -]{{1,80}})?{_OUTPUT}"),
        (
            '"keyname"',
            r'"keyname": ?"[^"\n]{1,60}",\s{1,40}(?:"\w{1,40}": ?"[^"\n]{0,80}",\s{1,40}){0,4}'
            r'"value": ?"(?P<value>[\w+/=-]{16,400})"',
        ),
    )
)
_RULES = ("-|", "- |")  # one of which is in every line below the names of a table
_RULE = re.compile(r"[ \t:|>+-]*")
_COLUMN = re.compile(r"(?:[\w .&-]{0,40}[ _-])?(key|token|secret|password|passwd|pwd)s?")


# What pydantic says of a field, with the field on the line before.
_FIELD = re.compile(rf"[ \t>+|]*(?:[\w.]{{0,60}}?\.)?{_NAMED}")
_INPUT = re.compile(r"input_value=(?P<quote>[\"'])(?P<value>[^\s\"']{8,400})(?P=quote)")


def beside(text: str, lower: str) -> Iterator[Found]:
    """(start, end, kind) of values whose name is on a line before. `lower` is the text in lower case."""
    for word, pattern in _BESIDE:
        at = lower.find(word)
        while at >= 0:
            found = pattern.match(lower, at)
            if found is not None and _is_value(text[found.start("value") : found.end("value")]):
                yield *found.span("value"), "key" if word == '"keyname"' else "token"
            at = lower.find(word, at + len(word))
    yield from _columns(text, lower)
    yield from _inputs(text, lower)


def _is_value(value: str) -> bool:
    has_both = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return has_both and (is_made(value) or len(value) >= 60)


def _inputs(text: str, lower: str) -> Iterator[Found]:
    at = lower.find("input_value=")
    while at >= 0:
        found = _INPUT.match(text, at)
        start = lower.rfind("\n", max(0, at - _REACH), at)
        before = lower.rfind("\n", max(0, start - 100), max(0, start)) + 1
        field = _FIELD.fullmatch(lower, before, max(before, start)) if found is not None else None
        if found is not None and field is not None and _is_of_column(found["value"], field[0].rpartition(".")[2]):
            yield *found.span("value"), "secret"
        at = lower.find("input_value=", at + 1)


def _columns(text: str, lower: str) -> Iterator[Found]:
    done = -1
    for rule in _RULES:
        at = lower.find(rule)
        while at >= 0:
            start = lower.rfind("\n", max(0, at - _REACH), at) + 1
            end = lower.find("\n", at, at + _REACH)
            if end < 0:
                break
            if start > max(done, 1) and _RULE.fullmatch(lower, start, end):
                names = _names(lower, start)
                done = start
                if any(names):
                    rows = list(_rows(text, end, len(names)))
                    done = end = rows[-1][1] if rows else end
                    yield from _column(names, rows, text)
            at = lower.find(rule, end)


def _names(lower: str, rule: int) -> list[str]:
    """The columns of secrets by the names over a line that begins at `rule`, the others empty."""
    head = lower.rfind("\n", max(0, rule - 1 - _REACH), rule - 1) + 1
    found = [_COLUMN.fullmatch(cell.strip(" \t*`>+-")) for cell in lower[head : rule - 1].split("|")]
    return [name[1] if name else "" for name in found]


def _rows(text: str, at: int, width: int) -> Iterator[tuple[int, int]]:
    """Where the lines of a table are, that `at` is the end of the first lines of."""
    for _ in range(_ROWS):
        start, at = at + 1, text.find("\n", at + 1, at + _REACH)
        at = min(len(text), start + _REACH) if at < 0 else at
        if text.count("|", start, at) != width - 1:
            return
        yield start, at


def _column(names: list[str], rows: list[tuple[int, int]], text: str) -> Iterator[Found]:
    for start, end in rows:
        at = start
        for name, cell in zip(names, text[start:end].split("|"), strict=True):
            value = cell.strip(" \t`*\"'\r")
            if name and _is_of_column(value, name):
                begin = at + cell.find(value)
                yield begin, begin + len(value), "password" if name.startswith("p") else name
            at += len(cell) + 1


def _is_of_column(value: str, name: str) -> bool:
    if " " in value or "[redacted:" in value or not any(c.isdigit() for c in value):
        return False
    if "pass" in name or "pwd" in name:
        return len(value) >= 8 and any(c.isalpha() for c in value)
    return len(value) >= 20 and is_made(value)
