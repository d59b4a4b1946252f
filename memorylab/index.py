"""The index: the lines of all ledgers in SQLite, so that a command reads from git only what is new.

It is a cache, keyed by the tips of the ledgers that are in it, and never truth: damaged, of another version or absent,
it is made anew; where it cannot be written, the ledgers are read from git. Readers see the state before a writer's
transaction or the one after it, and wait for nobody while the index is up to date.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from memorylab.store.files import locked
from memorylab.store.refs import Entry

if TYPE_CHECKING:  # while the index is fresh nothing of git is needed
    from memorylab.store.growth import Growth
    from memorylab.store.repo import Store

    Growths = dict["Chain", tuple[str | None, Growth | None]]  # each with the tip that it is counted from

FILE = "index.sqlite"
_VERSION = 4
_CACHE = 65_536  # KiB
_LEVEL = 1  # of compression: records repeat their field names, and pack to a fifth
_PATIENCE = 10.0  # seconds that a reader of an outdated index waits for its writer; then git is asked
_UNUSABLE = {  # through no fault of the file's content
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM,
}  # fmt: skip

_SCHEMA = (
    "CREATE TABLE chains (writer TEXT, tip TEXT, whole INTEGER, PRIMARY KEY (writer, tip))",
    # A line can be a mebibyte long: its digest says whether it is there. Numbers go up, so that what is new is known.
    "CREATE TABLE entries (number INTEGER PRIMARY KEY, digest BLOB UNIQUE, writer TEXT, anchor TEXT, packed BLOB)",
    "CREATE TABLE readings (reader BLOB, text TEXT, moves BLOB, PRIMARY KEY (reader, text))",
    # The records that the entries hold, and what was made of the runs in their order (timeline.py).
    "CREATE TABLE records (number INTEGER PRIMARY KEY, id TEXT, kind TEXT, stamp TEXT, writer TEXT, seq INTEGER,"
    " subject TEXT, own INTEGER, wins INTEGER)",
    "CREATE INDEX records_id ON records (id) WHERE wins",  # one of each, however many there are of it
    "CREATE INDEX records_order ON records (kind, stamp, writer, seq, id) WHERE wins",
    "CREATE INDEX records_subject ON records (subject, kind) WHERE wins",
    "CREATE INDEX records_lost ON records (id) WHERE NOT wins",
    "CREATE INDEX records_own ON records (stamp, writer, seq, id) WHERE wins AND own",
    # The digests of lines that are no records. They are counted and not kept: there may be a flood of them.
    "CREATE TABLE unreadable (line BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE places (at INTEGER PRIMARY KEY, number INTEGER UNIQUE, best REAL, kept INTEGER, crashed INTEGER,"
    " trace BLOB, status TEXT, value REAL, circle INTEGER, program TEXT, commit_id TEXT, root TEXT, sort TEXT,"
    " parent TEXT, seed INTEGER, home INTEGER)",
    "CREATE INDEX places_program ON places (program, circle)",
    "CREATE INDEX places_commit ON places (commit_id)",
    "CREATE INDEX places_root ON places (circle, root, value, status)",
    "CREATE INDEX places_sort ON places (sort, status, value) WHERE status != 'keep'",
    "CREATE INDEX places_of_sort ON places (sort) WHERE status != 'keep'",
    "CREATE TABLE turns (knob TEXT, at INTEGER, old TEXT, new TEXT, others INTEGER, whole BLOB, PRIMARY KEY (knob, at))"
    " WITHOUT ROWID",
    "CREATE INDEX turns_at ON turns (at)",
    # What the board counts over all places, kept by SQLite as they come and are taken back: of each kind of failure,
    # and of each lineage in a comparison group. `low` and `high` are the least and the greatest value.
    "CREATE TABLE sorts (sort TEXT PRIMARY KEY, size INTEGER, crashes INTEGER) WITHOUT ROWID",
    "CREATE INDEX sorts_size ON sorts (size, crashes)",
    "CREATE TRIGGER sort_comes AFTER INSERT ON places WHEN new.status != 'keep' BEGIN"
    " INSERT INTO sorts VALUES (new.sort, 1, new.status = 'crash') ON CONFLICT (sort)"
    " DO UPDATE SET size = size + 1, crashes = crashes + excluded.crashes; END",
    "CREATE TRIGGER sort_goes AFTER DELETE ON places WHEN old.status != 'keep' BEGIN"
    " UPDATE sorts SET size = size - 1, crashes = crashes - (old.status = 'crash') WHERE sort = old.sort;"
    " DELETE FROM sorts WHERE sort = old.sort AND size = 0; END",
    "CREATE TABLE roots (circle INTEGER, root TEXT, runs INTEGER, kept INTEGER, low REAL, high REAL,"
    " PRIMARY KEY (circle, root)) WITHOUT ROWID",
    "CREATE INDEX roots_low ON roots (circle, low)",
    "CREATE INDEX roots_high ON roots (circle, high)",
    "CREATE TRIGGER root_comes AFTER INSERT ON places WHEN new.value IS NOT NULL BEGIN"
    " INSERT INTO roots VALUES (new.circle, new.root, 1, new.status = 'keep', new.value, new.value)"
    " ON CONFLICT (circle, root) DO UPDATE SET runs = runs + 1, kept = kept + excluded.kept,"
    " low = MIN(low, excluded.low), high = MAX(high, excluded.high); END",
    "CREATE TRIGGER root_goes AFTER DELETE ON places WHEN old.value IS NOT NULL BEGIN"
    " UPDATE roots SET runs = runs - 1, kept = kept - (old.status = 'keep'),"
    " low = (SELECT MIN(value) FROM places WHERE circle = old.circle AND root = old.root),"
    " high = (SELECT MAX(value) FROM places WHERE circle = old.circle AND root = old.root)"
    " WHERE circle = old.circle AND root = old.root;"
    " DELETE FROM roots WHERE circle = old.circle AND root = old.root AND runs = 0; END",
    "CREATE TABLE circles (circle INTEGER PRIMARY KEY, said BLOB UNIQUE)",  # comparison groups
    "CREATE TABLE state (name TEXT, key BLOB, at INTEGER, value BLOB, PRIMARY KEY (name, key, at)) WITHOUT ROWID",
    "CREATE INDEX state_at ON state (at)",
    "CREATE TABLE uses (word TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE marks USING fts5 (words, content = '', detail = none, columnsize = 0)",
    # Places that were read anew, from each on: what was made of those before it still holds.
    "CREATE TABLE undone (serial INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER)",
    "CREATE TABLE identity (id TEXT)",
    "CREATE TABLE checkpoints (at INTEGER PRIMARY KEY, value BLOB)",
    "CREATE TABLE made (way BLOB, number INTEGER)",
)

Chain = tuple[str, str]  # (writer, tip of a ledger)


def is_removed(state: Path, problem: sqlite3.Error) -> bool:
    """Whether an index that raised this was damaged, and is gone now, to be made anew."""
    if getattr(problem, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE:
        return False
    try:
        remove(state)
    except OSError:
        return False
    return True


def in_memory(found: Iterable[Entry]) -> sqlite3.Connection:
    """An index of some entries that nobody else sees."""
    database = _connect(":memory:")
    _create(database)
    _insert(database, found)
    return database


def is_unusable(path: Path) -> str | None:
    """Why an index cannot be read, None if it can."""
    try:
        with closing(_connect(_unwritten(path))) as database:
            if database.execute("PRAGMA user_version").fetchone() != (_VERSION,):
                return None  # of another version: the next command makes it anew
            (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
            return None if said == "ok" else str(said).splitlines()[-1]  # SQLite begins with the name of the file
    except sqlite3.Error as problem:
        return None if getattr(problem, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE else str(problem)


def is_of(path: Path, chains: Iterable[Chain]) -> bool:
    """Whether an index holds these ledgers, all of them whole, and no other."""
    with closing(_connect(_unwritten(path))) as database:
        if database.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            return False
        known = _chains(database)
        return known.keys() == set(chains) and all(known.values())


# What two indices of the same ledgers have in common, whatever the order in which these came.
_SAME = {
    "lines": "SELECT digest, packed FROM entries",
    "records": "SELECT digest, id, kind, stamp, records.writer, seq, subject, own, wins FROM records"
    " JOIN entries USING (number)",
    "runs": "SELECT at, digest, best, kept, crashed, status, value, program, commit_id, root, sort, parent, seed, home"
    " FROM places JOIN entries USING (number)",
    "knobs": "SELECT knob, at, old, new, others, whole FROM turns",
    "failures": "SELECT sort, size, crashes FROM sorts",
}


def differing(path: Path, other: Path) -> str:
    """What of two indices of the same ledgers is not the same, "" if all is."""
    with closing(_connect(_unwritten(path))) as one, closing(_connect(_unwritten(other))) as two:
        for name, asked in _SAME.items():
            if set(one.execute(asked)) != set(two.execute(asked)):
                return name
    return ""


def lines(path: Path) -> Iterator[bytes]:
    """The lines that an index holds, as far as it can be read."""
    with suppress(sqlite3.Error, zlib.error), closing(_connect(_unwritten(path))) as database:
        for (line,) in database.execute("SELECT line(packed) FROM entries WHERE packed != x''"):
            yield line


def _unwritten(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=ro"


def remove(state: Path) -> None:
    """Delete the index of a clone, given its local state; the next command makes it anew."""
    with locked(state / "index.lock"):
        for ending in ("", "-wal", "-shm"):
            (state / f"{FILE}{ending}").unlink(missing_ok=True)


def open_at(state: Path) -> sqlite3.Connection:
    """The index of a clone, given its local state; made if it is not there. Raises sqlite3.Error."""
    path = state / FILE
    database = _connect(path)
    try:
        if database.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("BEGIN IMMEDIATE")
            _create(database)
            database.execute("COMMIT")
        database.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is read from git again
    except sqlite3.Error:
        database.close()
        raise
    return database


def _connect(path: Path | str) -> sqlite3.Connection:
    # One thread uses it, but what nobody refers to any more may be closed in whichever one it is collected.
    is_uri = str(path).startswith("file:")
    database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, uri=is_uri)
    database.create_function("line", 1, zlib.decompress, deterministic=True)
    return database


def _create(database: sqlite3.Connection) -> None:
    """Make the tables. Call it in a transaction; another process may have made them while this one waited."""
    if database.execute("PRAGMA user_version").fetchone() == (_VERSION,):
        return
    for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE%TABLE %'").fetchall():
        if not table.startswith(("sqlite_", "marks_")):  # the parts of a virtual table go with it
            database.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in _SCHEMA:
        database.execute(statement)
    database.execute("INSERT INTO identity VALUES (?)", (os.urandom(16).hex(),))
    database.execute(f"PRAGMA user_version = {_VERSION}")


def is_fresh(database: sqlite3.Connection, chains: Iterable[Chain]) -> bool:
    """Whether the index holds these ledgers, and no other."""
    return _chains(database).keys() == set(chains)


@contextmanager
def writing(database: sqlite3.Connection) -> Iterator[None]:
    """A block that changes the index as a whole or not at all. Other writers wait for it, readers do not."""
    database.execute(f"PRAGMA cache_size = -{_CACHE}")  # what is written again and again is written once
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def set_apart(database: sqlite3.Connection, number: int, line: bytes) -> None:
    """Count the line of an entry as unreadable, and keep no more of it than that it was here. Another version of the
    program makes the index anew. Call it in a transaction."""
    database.execute("INSERT OR IGNORE INTO unreadable VALUES (?)", (_digest("", "", line),))
    database.execute("UPDATE entries SET packed = x'' WHERE number = ?", (number,))


def unreadable(database: sqlite3.Connection, besides: Iterable[bytes]) -> int:
    """How many lines were set apart, and how many of some others were not."""
    (found,) = database.execute("SELECT COUNT(*) FROM unreadable").fetchone()
    asked = "SELECT 1 FROM unreadable WHERE line = ?"
    others = {_digest("", "", line) for line in besides}
    return int(found) + sum(database.execute(asked, (one,)).fetchone() is None for one in others)


def forget(database: sqlite3.Connection) -> None:
    """Empty the index, but for the readings, which hold for any ledger. Call it in a transaction."""
    for table in ("chains", "entries", "records", "unreadable"):
        database.execute(f"DELETE FROM {table}")
    start_over(database)


def start_over(database: sqlite3.Connection) -> None:
    """Forget what was made of the runs in their order. Call it in a transaction."""
    # The counts first: places that go have none left to change.
    for table in ("sorts", "roots", "places", "turns", "circles", "state", "uses", "checkpoints", "made"):
        database.execute(f"DELETE FROM {table}")
    database.execute("INSERT INTO marks (marks) VALUES ('delete-all')")
    database.execute("INSERT INTO undone (at) VALUES (0)")


def lacking(database: sqlite3.Connection) -> list[Chain]:
    """The ledgers whose lines are not in the index, because they are not whole here."""
    return [chain for chain, whole in _chains(database).items() if not whole]


def _chains(database: sqlite3.Connection) -> dict[Chain, bool]:
    """The ledgers that the index knows, and whether it has their lines: one that is not whole here is read from git."""
    return {(writer, tip): bool(whole) for writer, tip, whole in database.execute("SELECT * FROM chains")}


def update(database: sqlite3.Connection, store: Store) -> None:
    """Bring the index up to what the refs hold now.

    Call it in a transaction: the refs are read in it, so that nobody puts back an older state.
    """
    wanted = store.chains("ledger")
    known = {chain for chain, whole in _chains(database).items() if whole}
    gone = known - set(wanted)
    # writer -> a tip of its, one that is gone where there is such: what came since tells whether anything was lost, too
    bases = dict([*(known - gone), *sorted(gone)])
    grown = _growths(store, bases, [chain for chain in wanted if chain not in known])
    if not all(_is_held(store, chain, wanted, grown) for chain in gone):
        # A ledger does not go on from where it was: somebody has moved its ref back, or put something else there.
        forget(database)
        known, bases = set(), {}
        grown = _growths(store, bases, wanted)
    for (writer, tip), (_, growth) in grown.items():
        if growth is not None:
            _insert(database, (Entry(writer, *pair) for pair in growth.added))
            known.add((writer, tip))
    database.execute("DELETE FROM chains")
    database.executemany("INSERT INTO chains VALUES (?, ?, ?)", [(*chain, chain in known) for chain in wanted])


def _insert(database: sqlite3.Connection, found: Iterable[Entry]) -> None:
    rows = ((_digest(*one), one.writer, one.anchor, zlib.compress(one.line, _LEVEL)) for one in found)
    database.executemany("INSERT OR IGNORE INTO entries (digest, writer, anchor, packed) VALUES (?, ?, ?, ?)", rows)


def _growths(store: Store, bases: dict[str, str], chains: list[Chain]) -> Growths:
    """How each of some ledgers has grown since its writer's base, beside that base."""
    spans = [(bases.get(writer), tip) for writer, tip in chains]
    return {chain: (base, growth) for chain, (base, _), growth in zip(chains, spans, store.growth(spans), strict=True)}


def _is_held(store: Store, chain: Chain, wanted: list[Chain], grown: Growths) -> bool:
    """Whether all that was in a ledger that is gone is in one that is there."""
    writer, old = chain
    for heir in wanted:
        if heir[0] == writer:
            base, growth = grown.get(heir, (None, None))
            found = growth if base == old else next(store.growth([(old, heir[1])]))
            if found is not None and not found.lost:
                return True
    return False


def _digest(writer: str, anchor: str, line: bytes) -> bytes:
    return hashlib.blake2b(f"{writer}\0{anchor}\0".encode() + line, digest_size=16).digest()
