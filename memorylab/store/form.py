"""Forms of git's objects: by which hash their names are made. Nothing else knows how long a name is."""

import hashlib
import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

_HEX = frozenset("0123456789abcdef")
_HASHES: dict[str, Callable[..., Any]] = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}


class Form:
    """A form by git's name for it, with the number of hex digits of a name, and the name that stands for nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.digits = 2 * _HASHES[name]().digest_size
        self.null = "0" * self.digits

    def is_id(self, name: str) -> bool:
        """Whether a text is the whole name of an object, here or not."""
        return len(name) == self.digits and _HEX.issuperset(name)

    def may_begin(self, name: str) -> bool:
        """Whether a text is such a name or the beginning of one."""
        return len(name) <= self.digits and _HEX.issuperset(name)

    def object_id(self, kind: str, content: bytes) -> str:
        """The name that an object has."""
        return self.named(b"%s %d\0" % (kind.encode(), len(content)) + content)

    def named(self, content: bytes) -> str:
        """The name of an object that is written with its kind and size before it, as git stores it."""
        named: str = self.hash(content).hexdigest()
        return named

    @cached_property
    def entry(self) -> re.Pattern[bytes]:
        """One entry of a tree: mode, name, id."""
        return re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % (self.digits // 2), re.DOTALL)

    def checksum(self, content: bytes) -> bytes:
        """What a pack ends with."""
        summed: bytes = self.hash(content).digest()
        return summed

    @cached_property
    def empty_tree(self) -> str:
        """What anything is compared with that has nothing before it."""
        return self.object_id("tree", b"")

    def hash(self, content: bytes = b"") -> Any:
        """The hash of some content, which more may be added to."""
        return _HASHES[self.name](content, usedforsecurity=False)


FORMS = {name: Form(name) for name in _HASHES}
