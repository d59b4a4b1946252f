"""What descriptions were read as, kept beside the index: reading takes longer than all else that a verdict needs.

A text is read the same each time, so this is a cache that may be lost. It is keyed by the code that reads and by the
words that it knows.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from memorylab import index
from memorylab.core import aliases, clean, grammar, moves, naming, reading, tokens
from memorylab.core.aliases import Vocabulary

_READERS = (aliases, clean, grammar, moves, naming, reading, tokens)
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(tuple[moves.Move, ...])


@contextmanager
def remembered(state: Path, vocabulary: Vocabulary) -> Iterator[None]:
    """Within this block a text that any command of this clone, given its local state, has read before is not read
    again, and what is read for the first time is kept. Raises nothing: without the index all is read anew."""
    if not state.is_dir():
        yield
        return
    reader = _reader(vocabulary)
    with suppress(sqlite3.Error, msgspec.DecodeError), closing(index.open_at(state)) as database:
        found = database.execute("SELECT text, moves FROM readings WHERE reader = ?", (reader,))
        known = vocabulary.known
        known |= {text: _decoder.decode(moves) for text, moves in found if text not in known}
    before = set(vocabulary.known)
    yield
    new = vocabulary.known.keys() - before
    if new:
        with suppress(sqlite3.Error, UnicodeError), closing(index.open_at(state)) as database:
            rows = [(reader, text, _encoder.encode(vocabulary.known[text])) for text in new]
            database.execute("PRAGMA busy_timeout = 0")  # whoever writes now is not worth waiting for
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM readings WHERE reader != ?", (reader,))
            database.executemany("INSERT OR IGNORE INTO readings VALUES (?, ?, ?)", rows)
            database.execute("COMMIT")


def _reader(vocabulary: Vocabulary) -> bytes:
    """What tells one way of reading from another: the code that reads, and the words that it knows."""
    digest = hashlib.blake2b(repr(sorted(vocabulary.phrases.items())).encode(), digest_size=16)
    for module in _READERS:
        digest.update(Path(module.__file__ or "").read_bytes())
    return digest.digest()
