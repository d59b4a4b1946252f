"""Private keys in files, diffs, logs and environments, whole or cut off."""

import re
from collections.abc import Iterator

Found = tuple[int, int, str, bool]  # start, end, kind, and whether it counts: a key has many lines, and counts once

_CLOSE = 50_000  # the longest private key
_BEGIN = re.compile(r"-----BEGIN[ A-Z0-9_-]{0,80}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d:")
_END = re.compile(r"-----END[ A-Z0-9_-]{0,80}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: *[0-9a-f]+")
# A line of a key as files, diffs and logs have it: what it is quoted with stays, its base64 goes. Headers go too.
_BODY = re.compile(
    # Possessive: a plus may be of any part, and a line of them would be taken apart in ever so many ways.
    r"(?P<before>(?:[+>|#*\"'\s-]|\d+[:|])*+)"
    r"(?P<body>[A-Za-z0-9+/]{4,}+={0,2}+|=[A-Za-z0-9+/]{4}|(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset)\b[^\n]*)"
    r"(?P<after>(?:\\r)?(?:\\n)?[\"',\s+]*+)"
)  # fmt: skip
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\"
_RUN = re.compile(r"(?:\\\\?[nr]|[A-Za-z0-9+/=\s])*")  # the rest of a key that is written on one line


def private_keys(text: str, lower: str) -> Iterator[Found]:
    """Private keys, also those of which the beginning or the end was cut off: each line of one by itself, so that a
    diff has the lines that it says it has."""
    if "private key" not in lower and "putty-user-key" not in lower and "private-mac" not in lower:
        return
    marks = sorted(
        [(found.start(), found.end(), True) for found in _BEGIN.finditer(text)]
        + [(found.start(), found.end(), False) for found in _END.finditer(text)]
    )
    if not marks:
        return
    before, is_open = 0, False
    for (start, end, is_begin), (next_start, _, next_begins) in zip(
        marks, [*marks[1:], (len(text), 0, True)], strict=True
    ):
        is_whole = not next_begins and next_start - end <= _CLOSE
        if is_begin:
            yield from _body(text, end, next_start, is_whole)
        elif not is_open:
            yield from _body_before(text, before, start)
        before, is_open = end, is_begin and is_whole


def _body(text: str, start: int, end: int, is_whole: bool) -> Iterator[Found]:
    """What stands after the first line of a key, up to its last, or as long as it looks like a key."""
    first = True
    stop = text.find("\n", start, end)
    stop = end if stop < 0 else stop
    rest = _RUN.match(text, start, min(stop, start + _CLOSE))
    if rest is not None and (rest.end() - start if stop == end else 0) or text[start:stop].strip("\\nr\"' ,\r"):
        # On one line, as JSON and environments have it.
        close = end if is_whole and stop == end else rest.end() if rest is not None else stop
        while close > start and text[close - 1].isspace():
            close -= 1
        if close - start > 8:
            yield start, close, "private-key", True
            first = False
    at = stop + 1
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        found = _BODY.fullmatch(text, at, stop)
        if found is not None:
            yield *found.span("body"), "private-key", first
            first = False
        elif text[at:stop].strip("+-> \t\r|#*\"'\\n"):
            if not is_whole:
                return
            body = re.compile(r"\S.*").search(text, at, stop)
            if body is not None:
                yield *body.span(), "private-key", first
                first = False
        at = stop + 1


def _body_before(text: str, least: int, end: int) -> Iterator[Found]:
    least = max(least, end - _CLOSE)
    stop = text.rfind("\n", least, end)
    first = True
    line = text[max(least, stop + 1) : end]
    whole = len(line) - len(line.rstrip(_BASE64))
    if whole >= 16:
        yield end - whole, end, "private-key", True
        return
    while stop > least:
        start = max(least, text.rfind("\n", least, stop) + 1)
        found = _BODY.fullmatch(text, start, stop)
        if found is None or len(found["body"]) < 16 and not first:
            return
        yield *found.span("body"), "private-key", first
        first = False
        stop = start - 1
