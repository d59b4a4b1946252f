# ruff: noqa: E501, SIM905 - tables of words and patterns read worse when they are broken up
"""Credentials in text, masked: `[redacted: KIND]` stands where one was. What is masked stays as long in lines as it was.

A form is tried only where one of its words is, so that a megabyte of log takes some hundredths of a second. What
nobody names and nobody issued in a form of its own cannot be told from a hash, and is left.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from memorylab.core.masking.assignments import assigned
from memorylab.core.masking.credentials import CARRIED, ISSUED, MARKED
from memorylab.core.masking.neighbours import beside
from memorylab.core.masking.private_keys import private_keys
from memorylab.core.record import Record, to_json

R = TypeVar("R", bound=Record)

_MARK = re.compile(r"\[redacted: [a-z-]+\]")
_REACH = 2_000  # characters around a word that a form is tried on, of a line that is longer
_SHORTEST = 16  # characters of an issued credential, with what it begins with
_NAMES = frozenset(  # fields of records that are made by this program or by git, and are no text
    (
    "v kind writer seq run_id id claim_id commit parent_commit old_commit timestamp_utc expires_utc status "
    "outcome mode blob size fingerprint classification decision category relation "
    "leader_run_id leader_commit prior_champion_run_id current_champion_run_id policy_decision "
    "next_action priority hypothesis_status"
).split()
)  # fmt: skip


Known = frozenset[tuple[str, str]]  # credentials, each with its kind


class Redacted(NamedTuple):
    """A text without its credentials, how many of each kind it had, and which they were."""

    text: str
    counts: dict[str, int]
    found: Known = frozenset()


class _Span(NamedTuple):
    start: int
    end: int
    kind: str
    counts: bool = True


@lru_cache(maxsize=64)  # what is masked to be compared is then masked to be stored
def redact(text: str, known: Known = frozenset()) -> Redacted:
    """Mask the credentials in a text, those that are known wherever they stand; what is masked already stays as it is.

    What is one in one place is one in every other: a key that was named once is also masked where it stands alone.
    """
    # Words are looked for in ASCII, which is many times faster than in a text with one emoji; places are the same.
    plain = text.encode("ascii", "replace").decode("ascii")
    lower = plain.lower()
    named = [*assigned(text, lower), *beside(text, lower)]
    spans = [
        *(_Span(*found) for found in private_keys(text, lower)),
        *_formed(text, plain, lower),
        *(_Span(*found) for found in named),
    ]
    found = frozenset((text[span.start : span.end], span.kind) for span in spans if _tells(text[span.start : span.end]))
    spans += _again(text, known | found)
    if not spans:
        return Redacted(text, {})
    marks = [match.span() for match in _MARK.finditer(text)]
    parts, at, counts = [], 0, Counter[str]()
    for span in _joined(spans):
        if any(start < span.end and span.start < end for start, end in marks):
            continue
        parts += [text[at : span.start], f"[redacted: {span.kind}]"]
        at = span.end
        counts[span.kind] += span.counts
    return Redacted("".join([*parts, text[at:]]), dict(sorted(counts.items())), found)


def _tells(value: str) -> bool:
    """Whether a credential is nothing that stands elsewhere by chance."""
    if "[redacted:" in value or "\n" in value:
        return False
    return len(value) >= 20 or len(value) >= 8 and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _again(text: str, known: Known) -> Iterator[_Span]:
    for value, kind in sorted(known):
        at = text.find(value)
        while at >= 0:
            yield _Span(at, at + len(value), kind, kind != "private-key")
            at = text.find(value, at + len(value))


def redact_bytes(data: bytes, known: Known = frozenset()) -> tuple[bytes, dict[str, int], Known]:
    """Mask the credentials in a file, as `redact` does; bytes that are no text stay as they are."""
    text = data.decode("utf-8", "surrogateescape")
    done = redact(text, known)
    return (data if done.text == text else done.text.encode("utf-8", "surrogateescape")), done.counts, done.found


def redact_record(record: R, known: Known = frozenset()) -> tuple[R, dict[str, int], Known]:
    """Mask what people and programs have said in a record. Ids, hashes and numbers stay."""
    plain = msgspec.to_builtins(record)
    each = _Each(known)
    clean = _walk(plain, each)
    if each.found - known:  # what a name gave away may stand elsewhere without it
        each = _Each(known | each.found)
        clean = _walk(plain, each)
    if clean == plain:
        return record, {}, frozenset()
    return msgspec.convert(clean, type(record)), dict(sorted(each.counts.items())), frozenset(each.found)


class _Each:
    """What is found in the texts of a record. Each text counts once: a packet says again what the run says."""

    def __init__(self, known: Known) -> None:
        self.known, self.found, self.seen = known, set[tuple[str, str]](), set[str]()
        self.counts = Counter[str]()


def _walk(value: Any, each: _Each, name: str = "") -> Any:
    if isinstance(value, str):
        return value if name in _NAMES else _masked(value, each)
    if isinstance(value, list):
        if name == "tail":  # lines that were one text: a key that spans them is not to be told from one of them
            return _masked("\n".join(value), each).split("\n") if value else value
        return [_walk(one, each, name) for one in value]
    if isinstance(value, dict):
        if "trials" in value:
            trials = [trial | _turned(value["knob"], {"value": trial["value"]}, each) for trial in value["trials"]]
            value = value | {"trials": trials}
        if name == "knobs":
            return {_masked(knob, each): _turned(knob, sides, each) for knob, sides in value.items()}
        free = name in ("metrics", "libraries")
        return {(_masked(key, each) if free else key): _walk(one, each, key) for key, one in value.items()}
    return value


def _turned(knob: str, sides: dict[str, Any], each: _Each) -> dict[str, Any]:
    """A knob's values, which are credentials if its name says so."""
    said = f"{knob} = "
    return {
        side: _masked(said + value, each).removeprefix(said) if isinstance(value, str) else value
        for side, value in sides.items()
    }


def _masked(text: str, each: _Each) -> str:
    done = redact(text, each.known)
    each.found |= done.found
    if done.counts and text not in each.seen:
        each.seen.add(text)
        each.counts.update(done.counts)
    return done.text


def _joined(spans: list[_Span]) -> Iterator[_Span]:
    """In order; those that overlap as one, of the kind that is there first."""
    spans.sort(key=lambda span: (span.start, -span.end))
    last: _Span | None = None
    for span in spans:
        if last is not None and span.start < last.end:
            last = last._replace(end=max(last.end, span.end), counts=last.counts or span.counts)
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


@cache
def _pattern(source: str, flags: int = re.ASCII) -> re.Pattern[str]:
    """Compiled when it is needed for the first time: few of them ever are."""
    return re.compile(source, flags)


# What may stand before a word besides white space: the n of a line feed that JSON has escaped, a colour, a URL's %3D.
_BEFORE = re.compile(r"(?:^|[^A-Za-z0-9]|\\[nrt]|%[0-9A-F]{2}|\x1b\[[0-9;]*m)$")


# What code has in the place of a credential: a variable, a field of a template, stars.
_STANDS_FOR = re.compile(
    r"(?:[A-Za-z]+ )?(?:\$\{?\w+\}?|\$?\([^()]*\)|\$?\{\{?[^{}]*\}?\}|<[^<>]*>|%\w|\*+|\.\.\.|b?float\d+|u?int\d+)\"?"
)


def _formed(text: str, plain: str, lower: str) -> Iterator[_Span]:
    search, carriers = _words()
    places: dict[str, list[int]] = {}
    for match in search.finditer(lower):
        places.setdefault(match[0], []).append(match.start())
    for (kind, _, source), words in carriers:
        found = sorted(at for word in words for at in places.get(word, ()))
        for start, end in _around(lower, found):
            for match in _pattern(source, re.ASCII | re.MULTILINE | re.IGNORECASE).finditer(text, start, end):
                if not _STANDS_FOR.fullmatch(match[match.lastindex or 0]):
                    yield _Span(*match.span(match.lastindex or 0), kind)
    # Of training logs hardly a word is long enough to be a credential.
    at = 0
    for word in plain.split():
        if len(word) < _SHORTEST:
            continue
        at = plain.find(word, at)
        yield from _issued(text, plain, at, at + len(word))
        at += len(word)


def _issued(text: str, plain: str, start: int, end: int) -> Iterator[_Span]:
    search, forms = _beginnings()
    for match in search.finditer(plain, start, end):
        at = match.start()
        if not _begins(plain, at):
            continue
        for beginning, kind, rest in forms[match[0]]:
            if plain.startswith(beginning, at):
                found = _pattern(rest).match(plain, at + len(beginning), end)
                if found is not None:
                    if len(set(plain[found.end() - 12 : found.end()])) > 2:  # not hf_xxxxxxxx, as manuals have it
                        yield _Span(at, found.end(), kind)
                    break
    for kind, mark, before, source in MARKED:
        at = plain.find(mark, start, end)
        if at >= 0:
            for found in _pattern(source).finditer(plain, max(start, at - before), end):
                if _begins(plain, found.start()):
                    yield _Span(*found.span(found.lastindex or 0), kind)


@cache
def _beginnings() -> tuple[re.Pattern[str], dict[str, list[tuple[str, str, str]]]]:
    """What finds the beginnings of issued credentials, and the forms under each, the longest beginning first."""
    forms = [(beginning, kind, rest) for kind, beginnings, rest in ISSUED for beginning in beginnings.split()]
    shortest = {one for one, _, _ in forms if not any(one != other and one.startswith(other) for other, _, _ in forms)}
    under = {
        short: sorted((form for form in forms if form[0].startswith(short)), key=lambda form: -len(form[0]))
        for short in shortest
    }
    return re.compile(_either(sorted(shortest))), under


def _either(words: list[str]) -> str:
    """A pattern of words by their first letters, which is tried five times faster than one after the other."""
    by_letter: dict[str, list[str]] = {}
    for word in words:
        by_letter.setdefault(word[0], []).append(word[1:])
    branches = (
        re.escape(letter) + (_either(rest) if len(rest) > 1 else re.escape(rest[0]))
        for letter, rest in by_letter.items()
    )
    return f"(?:{'|'.join(branches)})"


def _begins(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isalnum() or bool(_BEFORE.search(text[max(0, at - 8) : at]))


def _around(lower: str, places: list[int]) -> Iterator[tuple[int, int]]:
    """The lines at some places, as far as they reach."""
    last = -1
    for at in places:
        if at < last:
            continue
        start = max(lower.rfind("\n", 0, at) + 1, at - _REACH, last)
        last = lower.find("\n", at, at + _REACH)
        last = min(len(lower), at + _REACH) if last < 0 else last
        yield start, last


@cache
def _words() -> tuple[re.Pattern[str], list[tuple[tuple[str, str, str], list[str]]]]:
    """What finds the words of all carriers at once, and each carrier with those that it is found by: none that has
    another in it, which is found first."""
    said = [(form, form[1].split("|" if "|" in form[1] else " ")) for form in CARRIED]
    every = {word for _, words in said for word in words}
    shortest = {word: min((one for one in every if word.startswith(one)), key=len) for word in every}
    return re.compile(_either(sorted(set(shortest.values())))), [
        (form, sorted({shortest[word] for word in words})) for form, words in said
    ]


class Masked(NamedTuple):
    """What may be stored: files and records without credentials, how many there were, and the originals."""

    files: dict[str, bytes]
    records: list[Any]
    counts: dict[str, int]
    originals: dict[str, bytes]


def mask(files: Mapping[str, bytes], records: Sequence[Record]) -> Masked:
    """Mask the credentials in what is stored together: what is one in any of it is one in all of it."""
    found = [redact_bytes(content)[2] for content in files.values()] + [redact_record(record)[2] for record in records]
    known = frozenset[tuple[str, str]]().union(*found)
    masked, clean, counts, originals = {}, [], Counter[str](), {}
    for name, content in files.items():
        masked[name], number, _ = redact_bytes(content, known)
        counts.update(number)
        if masked[name] != content:
            originals[name] = content
    for record in records:
        one, number, _ = redact_record(record, known)
        clean.append(one)
        counts.update(number)
        if one is not record:
            originals[f"{record.id}.json"] = to_json(record) + b"\n"
    return Masked(masked, clean, dict(sorted(counts.items())), originals)


def summed(counts: dict[str, int]) -> str:
    """Counts in words: `3 secrets (2 github-token, 1 jwt)`."""
    total = sum(counts.values())
    each = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    return f"{total} secret{'' if total == 1 else 's'} ({each})"
