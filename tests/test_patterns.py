"""Every regular expression of the package takes time in proportion to what it is tried on.

Texts that repeat what a pattern matches, or parts of it, are what makes one slow that has a power of the length, or
worse. At 20,000 characters the slowest linear pattern needs a sixteenth of what the quickest quadratic one does; they
are told apart by a quarter of that, as it is on this machine.
"""

import ast
import importlib
import random
import re
import signal
import time
from functools import cache
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from types import FrameType
from typing import Any

import pytest

import memorylab

ROOT = Path(memorylab.__file__).parent
LENGTH = 20_000
QUADRATIC = r"[a-z]+:"  # as quick as one can be
ALSO = [" ", "a", "1", "-", ".", "\n", "0.", "a ", "1 ", "/1", "(", "[", '"', "\\", "=", ":"]
SEARCHED = ("search", "finditer", "findall", "sub", "subn", "split")
BOUNDED = {
    r"(.*?)\s*(gib|gb|mib|mb|%|s|ms)",  # a cell of a table, of at most 100 characters
    r"[\w.$:-]*\Z",  # what stands before a name, 60 characters
    r"[a-z]+[ _.-]?\Z",  # the same, 16 characters
}

Patterns = dict[tuple[str | bytes, int], tuple[str, set[str]]]


def patterns() -> Patterns:
    """(pattern, flags) of all that are compiled in a module, or stand in a call: where that is, and how it is used."""
    found: Patterns = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(("memorylab", *path.relative_to(ROOT).with_suffix("").parts))
        if path.name.startswith("__") or "lab" in path.relative_to(ROOT).parts:
            continue
        try:
            module = importlib.import_module(name)
        except ImportError:  # an extra
            continue
        source = path.read_text()
        for label, value in vars(module).items():
            used = set(re.findall(rf"\b{label}\.(match|fullmatch|{'|'.join(SEARCHED)})\(", source))
            pending = [value]
            while pending:
                one = pending.pop()
                if isinstance(one, re.Pattern):
                    found.setdefault((one.pattern, one.flags), (f"{name}.{label}", set()))[1].update(used or {"search"})
                elif isinstance(one, tuple | list):
                    pending += one
        for node in ast.walk(ast.parse(source)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            given, how = node.args[0], node.func.attr
            if ast.unparse(node.func.value) == "re" and isinstance(given, ast.Constant) and how != "compile":
                compiled = re.compile(given.value)
                at = found.setdefault((compiled.pattern, compiled.flags), (f"{name}:{node.lineno}", set()))
                at[1].add(how)
    return found


def example(parsed: Any, chance: random.Random) -> str:
    """A text that a pattern may match; assertions are passed over."""
    said = ""
    for operation, given in parsed:
        match str(operation):
            case "LITERAL":
                said += chr(given)
            case "NOT_LITERAL":
                said += "a" if given != ord("a") else "b"
            case "ANY":
                said += chance.choice("a ")
            case "IN":
                said += one_of(given, chance)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, inner = given
                times = max(least, min(int(most), least + chance.choice([0, 1, 2])))
                said += "".join(example(inner, chance) for _ in range(times))
            case "SUBPATTERN":
                said += example(given[3], chance)
            case "BRANCH":
                said += example(chance.choice(given[1]), chance)
    return said


def one_of(items: Any, chance: random.Random) -> str:
    kinds = {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a", "CATEGORY_NOT_WORD": " "}
    among, negated = "", False
    for operation, given in items:
        match str(operation):
            case "NEGATE":
                negated = True
            case "LITERAL":
                among += chr(given)
            case "RANGE":
                among += chr(given[0]) + chr(given[1])
            case "CATEGORY":
                among += kinds.get(str(given), "a")
    if negated:
        among = "".join(c for c in "a1 .-_Z" if c not in among) or "\u00e9"
    return chance.choice(among or "a")


def texts(pattern: str | bytes, flags: int) -> list[str]:
    chance = random.Random(1)
    parsed = _parser.parse(pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern, flags & ~re.UNICODE)
    wholes = [example(parsed, chance) for _ in range(12)]
    parts = [whole[at : at + 2] for whole in wholes if whole for at in [chance.randrange(len(whole))]]
    units = dict.fromkeys(unit for unit in [*wholes, *parts, *ALSO] if 0 < len(unit) < 40)
    return [
        f"{start}{unit * (LENGTH // len(unit))}{end}" for unit in units for start, end in (("", "\0!"), (wholes[0], ""))
    ]


class Slow(Exception):
    pass


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Slow


@cache
def too_long() -> float:
    """Seconds of CPU time for one text."""
    before = time.process_time()
    assert not re.search(QUADRATIC, "a" * LENGTH)
    return (time.process_time() - before) / 4


def is_slow(pattern: re.Pattern[Any], used: set[str], text: str) -> bool:
    given: Any = text.encode("utf-8", "replace") if isinstance(pattern.pattern, bytes) else text
    limit = too_long()
    before = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        if used.intersection(SEARCHED):
            for _ in pattern.finditer(given):
                pass
        if "fullmatch" in used:
            pattern.fullmatch(given)
        if "match" in used:
            pattern.match(given)
        return False
    except Slow:
        return True
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def slow(pattern: str | bytes, flags: int, used: set[str]) -> str:
    """What such a text begins with, empty if there is none."""
    compiled = re.compile(pattern, flags)
    return next((text[:60] for text in texts(pattern, flags) if is_slow(compiled, used, text)), "")


@pytest.mark.parametrize("pattern", [r"(a+)+b", r"\d+\.?\d*x", r"\s+$", QUADRATIC])
def test_a_slow_pattern_is_found(pattern: str) -> None:
    assert slow(pattern, 0, {"search"})


@pytest.mark.long
def test_no_pattern_takes_more_than_its_length() -> None:
    found = patterns()
    assert len(found) > 80
    assert not {
        (where, pattern): text
        for (pattern, flags), (where, used) in found.items()
        if pattern not in BOUNDED and (text := slow(pattern, flags, used))
    }
