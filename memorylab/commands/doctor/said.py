"""What a line says of itself, also one that a later version has written: whose it is, its number, its commit."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from memorylab.core.record import Run, Unreadable, decode
from memorylab.core.text import inline
from memorylab.ledger import title

_LARGEST = 2**53


class Said(NamedTuple):
    """`when` is in seconds since 1970, 0 where no time is said; `run` is the run that it is, if it is one that is
    understood."""

    writer: str
    seq: int
    commit: str
    when: int
    title: str
    run: Run | None


class _Any(msgspec.Struct):
    writer: str
    seq: int
    commit: str
    timestamp_utc: str | None = None
    kind: str = "entry"


_decoder = msgspec.json.Decoder(_Any)


def said(line: bytes) -> Said | None:
    """What a line says, None if it does not say who wrote it under which number."""
    record = decode(line)
    if not isinstance(record, Unreadable):
        run = record if isinstance(record, Run) else None
        return Said(record.writer, record.seq, record.commit, _when(record.timestamp_utc), title(record), run)
    try:
        found = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not 0 < found.seq <= _LARGEST:
        return None
    # A title ends where a line does, and is read by git.
    return Said(found.writer, found.seq, found.commit, _when(found.timestamp_utc), inline(found.kind)[:200], None)


def _when(time: str | None) -> int:
    try:
        return int(datetime.fromisoformat(time).timestamp()) if time else 0
    except ValueError:
        return 0
