"""Mappings in the index: of each entry it is kept which run set it, so that it can be taken back."""

import sqlite3
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Generic, TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V")

_MOST = 20_000  # entries that are held in memory from one save to the next


class _Partial(MutableMapping[K, V], Generic[K, V]):
    """A mapping that is looked up and set one by one: whoever went through all of it would read all of the index."""

    def __iter__(self) -> Iterator[K]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class Kept(_Partial[K, V]):
    """A mapping of which each entry is kept with the place of the run that set it, so that it can be taken back."""

    def __init__(
        self, database: sqlite3.Connection, name: str, type: Any, clock: list[int], write: Callable[[K], Any] = str
    ) -> None:
        self._database, self._name, self._clock, self._write = database, name, clock, write
        self._decoder = msgspec.msgpack.Decoder(type)
        self._known: dict[K, V | None] = {}
        self._new: dict[tuple[str, int], V | None] = {}

    def __getitem__(self, key: K) -> V:
        if key not in self._known:
            asked = "SELECT value FROM state WHERE name = ? AND key = ? AND at <= ? ORDER BY at DESC LIMIT 1"
            row = self._database.execute(asked, (self._name, self._write(key), self._clock[0])).fetchone()
            self._known[key] = None if row is None or row[0] is None else self._decoder.decode(row[0])
        found = self._known[key]
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: K, value: V) -> None:
        self._set(key, value)

    def __delitem__(self, key: K) -> None:
        self[key]
        self._set(key, None)

    def _set(self, key: K, value: V | None) -> None:
        if key not in self._known or self._known[key] != value:
            self._known[key] = value
            self._new[self._write(key), self._clock[0]] = value

    def save(self) -> None:
        rows = (
            (self._name, key, at, None if value is None else msgspec.msgpack.encode(value))
            for (key, at), value in self._new.items()
        )
        self._database.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)", rows)
        self._new.clear()
        if len(self._known) > _MOST:
            self._known.clear()


class Uses(_Partial[str, int]):
    """How many runs use each word; `kind` tells those of moves from those of descriptions."""

    def __init__(self, database: sqlite3.Connection, kind: str) -> None:
        self._database, self._kind = database, kind
        self._known: dict[str, int] = {}
        self._new: set[str] = set()

    def __getitem__(self, word: str) -> int:
        if word not in self._known:
            asked = "SELECT count FROM uses WHERE word = ?"
            row = self._database.execute(asked, (f"{self._kind}{word}",)).fetchone()
            self._known[word] = row[0] if row else 0
        return self._known[word]

    def __setitem__(self, word: str, count: int) -> None:
        self._known[word] = count
        self._new.add(word)

    def __delitem__(self, word: str) -> None:
        self[word] = 0

    def save(self) -> None:
        rows = ((f"{self._kind}{word}", self._known[word]) for word in self._new)
        self._database.executemany("INSERT OR REPLACE INTO uses VALUES (?, ?)", rows)
        self._new.clear()
        if len(self._known) > _MOST:
            self._known.clear()
