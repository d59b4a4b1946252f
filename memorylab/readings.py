"""What descriptions were read as, kept beside the index: reading takes longer than all else that a verdict needs.

A text is read the same each time, so this is a cache that may be lost. It is keyed by the code that reads and by the
words that it knows.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import ModuleType

import msgspec

from memorylab import index
from memorylab.core import aliases, clean, grammar, moves, naming, reading, tokens
from memorylab.core.aliases import Vocabulary

READERS = (aliases, clean, grammar, moves, naming, reading, tokens)
Moves = tuple[moves.Move, ...]
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Moves)


class Known(dict[str, Moves]):
    """The texts that were read, those of other commands looked up when they are asked for. Raises nothing: what the
    index cannot tell is read anew."""

    def __init__(self, database: sqlite3.Connection, reader: bytes) -> None:
        self._database, self._reader = database, reader
        self.new: dict[str, Moves] = {}

    def get(self, text: str, default: Moves | None = None) -> Moves | None:  # type: ignore[override]  # dict's has overloads
        found = super().get(text)
        if found is None:
            with suppress(sqlite3.Error, msgspec.DecodeError, UnicodeError):
                asked = "SELECT moves FROM readings WHERE reader = ? AND text = ?"
                for (kept,) in self._database.execute(asked, (self._reader, text)):
                    found = _decoder.decode(kept)
                    super().__setitem__(text, found)
        return default if found is None else found

    def __setitem__(self, text: str, found: Moves) -> None:
        super().__setitem__(text, found)
        self.new[text] = found

    def keep(self) -> None:
        """Store what is new. Call it in a transaction."""
        rows = []
        for text, found in self.new.items():
            with suppress(UnicodeError):
                text.encode()
                rows.append((self._reader, text, _encoder.encode(found)))
        self._database.execute("DELETE FROM readings WHERE reader != ?", (self._reader,))
        self._database.executemany("INSERT OR IGNORE INTO readings VALUES (?, ?, ?)", rows)
        self.new.clear()
        self.clear()


@contextmanager
def remembered(state: Path, vocabulary: Vocabulary) -> Iterator[None]:
    """Within this block a text that any command of this clone, given its local state, has read before is not read
    again, and what is read for the first time is kept. Raises nothing: without the index all is read anew."""
    database = None
    if state.is_dir():
        with suppress(sqlite3.Error):
            database = index.open_at(state)
    if database is None:
        yield
        return
    with closing(database):
        with known(database, vocabulary) as texts:
            yield
        if texts.new:
            with suppress(sqlite3.Error):
                database.execute("PRAGMA busy_timeout = 0")  # whoever writes now is not worth waiting for
                database.execute("BEGIN IMMEDIATE")
                texts.keep()
                database.execute("COMMIT")


@contextmanager
def known(database: sqlite3.Connection, vocabulary: Vocabulary) -> Iterator[Known]:
    """Within this block the vocabulary knows what is kept in an index."""
    before, vocabulary.known = vocabulary.known, Known(database, digest(vocabulary, READERS))
    try:
        yield vocabulary.known
    finally:
        vocabulary.known = before


def digest(vocabulary: Vocabulary, modules: Iterable[ModuleType], more: Iterable[str] = ()) -> bytes:
    """What tells one way of reading from another: the code that reads, with `more` by the names of core's modules, and
    the words that it knows."""
    found = hashlib.blake2b(repr(sorted(vocabulary.phrases.items())).encode(), digest_size=16)
    core = Path(tokens.__file__).parent
    for path in (*(Path(module.__file__ or "") for module in modules), *(core / f"{name}.py" for name in more)):
        found.update(path.read_bytes())
    return found.digest()
