"""Lines that versions of the program beside this one write: what can be done with them without understanding them."""

from typing import Any

import msgspec
from msgspec import Struct

from memorylab.core.record import KINDS, VERSION, Id, to_json


def changed(line: bytes, **values: Any) -> bytes:
    """A record's line with other values of some fields, and all that a newer version may have added as it is."""
    return to_json(msgspec.json.decode(line) | values)


class _Numbered(Struct, frozen=True):
    v: int
    kind: str
    writer: Id
    seq: int


_numbered_decoder = msgspec.json.Decoder(_Numbered)


def of_newer(line: bytes) -> tuple[str, int] | None:
    """(writer, number) of a record as a newer version writes it: of a greater `v`, or of a kind that is not known."""
    try:
        found = _numbered_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    is_newer = found.v > VERSION or found.v == VERSION and found.kind not in KINDS
    return (found.writer, found.seq) if is_newer else None
