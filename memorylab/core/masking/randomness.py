"""What a value itself tells, without its name: made at random, or a path."""

import math
import re
from collections import Counter

_PATH = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:|\$\w+)?[/\\][\w .@/\\+-]*|(?:[\w.-]+/)+[\w-]+\.\w{1,6}")


def is_made(value: str) -> bool:
    """Whether a value was made at random, not of words and numbers with signs between them."""
    return any(len(part) >= 16 and is_random(part) for part in re.split(r"[-_.:]", value))


def is_random(value: str) -> bool:
    """Whether a value is no word: letters and digits mixed, no few of them over and over."""
    if not re.search(r"\d", value) or not re.search(r"[A-Za-z]", value):
        return (
            bool(re.search(r"[a-z]", value) and re.search(r"[A-Z]", value))
            and len(value) >= 20
            and entropy(value) > 3.5
        )
    return entropy(value) > 2.5


def is_path(value: str) -> bool:
    if not _PATH.fullmatch(value):
        return False
    return not (len(value) >= 32 and re.search(r"[A-Z]", value) and re.search(r"\d", value) and "." not in value)


def entropy(value: str) -> float:
    """Bits for each character, by how often each occurs."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())
