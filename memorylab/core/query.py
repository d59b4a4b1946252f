"""Questions about runs: one grammar for `search` and for the filters of `history`.

    raise lr              both words, in any case, in what was said of a run, or in its error
    "weight decay"        a phrase
    status:crash          a field; in names * stands for anything
    metric<2.5            the lab's metric, or any metric by its name
    -word -status:crash   not that

All parts of a query have to hold.
"""

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import get_args

from msgspec import Struct

from memorylab.core.record import Classification, NextAction, Run, Status
from memorylab.core.text import inline, shorten

METRIC = "metric"  # the lab's own, whatever its name
CHOICES: dict[str, tuple[str, ...]] = {
    "status": get_args(Status),
    "action": get_args(NextAction),
    "class": get_args(Classification),
}
NAMES = ("family", "knob", "writer", "tag")
DATES = ("since", "until")
FIELDS = (*CHOICES, *NAMES, "commit", *DATES)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq,
}  # fmt: skip

_PART = re.compile(r'(-?)(?:([^\W\d]\w*):)?(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))', re.DOTALL)
_COMPARISON = re.compile(r'([^\W\d][^\s<>=:"]*)(?<!-)(<=|>=|<|>|=)(.*)')
_NUMBER = re.compile(r"[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_SPACE = re.compile(r"\s*")


class Word(Struct, frozen=True):
    """Text that a run has, or with `no` has not, in description, hypothesis, notes, tags, family or error."""

    text: str
    no: bool = False


class Field(Struct, frozen=True):
    """One of FIELDS and its value; of a date what the user said, of a commit how its name begins."""

    key: str
    value: str
    no: bool = False


class Compare(Struct, frozen=True):
    """A metric (METRIC or a name), one of < <= > >= =, and a finite number."""

    metric: str
    how: str
    number: float
    no: bool = False


Part = Word | Field | Compare
Query = tuple[Part, ...]


class NotAQuery(ValueError):
    """What is no query: the part and what is wrong with it, in a sentence, and what is allowed instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def parse(text: str) -> Query:
    """The parts of a query. Raises NotAQuery."""
    return tuple(_parts(text))


def _parts(text: str) -> Iterator[Part]:
    at = _after_space(text, 0)
    while at < len(text):
        found = _PART.match(text, at)
        assert found is not None  # it matches the empty text
        is_open = found.end() < len(text) and text[found.end()] == '"' and not found[4]
        if is_open:
            raise NotAQuery(f"The quote in {_shown(text[at:])} is not closed.", 'Close it with another ".')
        yield _part(found)
        at = _after_space(text, found.end())


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None  # it matches the empty text
    return space.end()


def _part(found: re.Match[str]) -> Part:
    minus, key, quoted, bare = found.groups()
    no = bool(minus)
    if key is not None:
        return _field(found[0], key, bare if quoted is None else _unescaped(quoted), no)
    if quoted is not None:
        text = _unescaped(quoted)
        if not text.strip():
            raise NotAQuery(f"{_shown(found[0])} has nothing between its quotes.", "Put words there, or leave it out.")
        return Word(text, no)
    if not any(map(str.isalnum, bare)):
        return Word(minus + bare)  # as the arrow of 0.04 -> 0.06
    comparison = _COMPARISON.fullmatch(bare)
    if comparison is None:
        return Word(bare, no)
    name, how, number = comparison.groups()
    if not _NUMBER.fullmatch(number):
        part, name, number = _shown(found[0]), _shown(name), _shown(number) or "nothing"
        raise NotAQuery(
            f"{part} compares {name} with {number}, which is no number.",
            f"Say it as in {name}{how}2.5, or quote the part to find it as text.",
        )
    return Compare(name, how, float(number), no)


def _field(part: str, key: str, value: str, no: bool) -> Field:
    name = key.lower()
    if name not in FIELDS:
        raise NotAQuery(
            f"{_shown(part)} asks for {_shown(key)}, which is no field.",
            f"There are {', '.join(FIELDS)}; quote the part to find it as text.",
        )
    if not value.strip() and (name not in NAMES or not part.endswith('""')):
        raise NotAQuery(f"{_shown(part)} does not say which {name}.", _allowed(name))
    if name in CHOICES:
        value = value.lower()
        if value not in CHOICES[name]:
            raise NotAQuery(f"{_shown(part)} names no {name} that there is.", _allowed(name))
    return Field(name, value, no)


def _allowed(name: str) -> str:
    if name in CHOICES:
        return f"It is one of {', '.join(CHOICES[name])}."
    if name in DATES:
        return f'Give a date as git takes it: {name}:2026-11-01, {name}:yesterday, {name}:"2 days ago".'
    return f"Say it as in {name}:{'1a2b3c4' if name == 'commit' else 'NAME'}."


def _shown(part: str) -> str:
    return shorten(inline(part), 40)


def _unescaped(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def render(query: Sequence[Part]) -> str:
    """A query as it is typed: what `parse` makes these parts of."""
    return " ".join(map(_render, query))


def _render(part: Part) -> str:
    minus = "-" if part.no else ""
    if isinstance(part, Compare):
        return f"{minus}{part.metric}{part.how}{part.number!r}"
    if isinstance(part, Field):
        is_bare = bool(part.value) and not re.search(r'[\s"]', part.value)
        return f"{minus}{part.key}:{part.value if is_bare else _quoted(part.value)}"
    try:
        is_bare = parse(minus + part.text) == (part,)
    except NotAQuery:
        is_bare = False
    return minus + (part.text if is_bare else _quoted(part.text))


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


Test = Callable[[Run], bool]


def matcher(query: Sequence[Part], metric: str, moment: Callable[[str], str]) -> Test:
    """Whether a run is what was asked for. `metric` is the lab's, `moment` gives the time that a date stands for, as
    records have times."""
    tests = [_test(part, metric, moment) for part in query]
    return lambda run: all(test(run) for test in tests)


def _test(part: Part, metric: str, moment: Callable[[str], str]) -> Test:
    if isinstance(part, Word):
        test = _has(part.text)
    elif isinstance(part, Compare):
        test = _compares(part, metric)
    else:
        test = _is(part.key, part.value, moment)
    return (lambda run: not test(run)) if part.no else test


def _has(text: str) -> Test:
    wanted = _folded(text)
    if " " in wanted:
        return lambda run: any(wanted in _folded(said) for said in _said(run))
    return lambda run: wanted in "\n".join(_said(run)).casefold()


def _said(run: Run) -> Iterator[str]:
    yield from (run.description, run.hypothesis, run.family, run.notes, *run.tags)
    if run.error is not None:
        yield from (run.error.summary, *run.error.tail)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _compares(part: Compare, metric: str) -> Test:
    compare = _COMPARE[part.how]
    is_own = part.metric in (METRIC, metric)

    def test(run: Run) -> bool:
        value = run.value(metric) if is_own else run.metrics.get(part.metric)
        return value is not None and compare(value, part.number)

    return test


def _is(key: str, value: str, moment: Callable[[str], str]) -> Test:
    if key in DATES:
        limit = moment(bound(key, value))[:SECONDS]
        is_in = operator.ge if key == "since" else operator.le
        return lambda run: run.timestamp_utc is not None and is_in(run.timestamp_utc[:SECONDS], limit)
    if key == "commit":
        return lambda run: run.commit.startswith(value)
    if key in CHOICES:
        return lambda run: _CHOSEN[key](run) == value
    named = pattern(value)
    return lambda run: any(named(name) for name in _NAMED[key](run))


def bound(key: str, value: str) -> str:
    """The time that a date sets a bound at, as git takes dates. A day is meant whole: to git it is that day at the
    present time of day."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        return value
    return f"{value.strip()} {'00:00:00' if key == 'since' else '23:59:59'}"


SECONDS = len("2026-11-01T00:00:00")  # of a time, as records are compared by it
_CHOSEN: dict[str, Callable[[Run], str | None]] = {
    "status": lambda run: run.status,
    "action": lambda run: run.decision_packet.next_action if run.decision_packet else None,
    "class": lambda run: _classification(run),
}
_NAMED: dict[str, Callable[[Run], Sequence[str]]] = {
    "family": lambda run: (run.family,),
    "knob": lambda run: tuple(run.change.knobs) if run.change else (),
    "writer": lambda run: (run.writer,),
    "tag": lambda run: tuple(run.tags),
}


def _classification(run: Run) -> str | None:
    packet = run.decision_packet
    if packet is not None and packet.novelty is not None:  # the guard itself may have been left out in reading
        return packet.novelty.classification
    return run.novelty_guard.classification if run.novelty_guard else None


def pattern(value: str) -> Callable[[str], bool]:
    """Whether a name is the one that is asked for, in any case; * stands for anything."""
    first, *rest = (_folded(part) for part in value.split("*"))

    # Not a regular expression: that takes a power of the length, with as many stars as the power.
    def is_named(name: str) -> bool:
        name = _folded(name)
        if not rest:
            return name == first
        if not name.startswith(first):
            return False
        at = len(first)
        for part in rest[:-1]:
            at = name.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return len(name) - len(rest[-1]) >= at and name.endswith(rest[-1])

    return is_named
