"""What entries came to the index: the records that they hold, and the first run that has to be read again for them."""

import sqlite3

from memorylab import index
from memorylab.core.record import Amend, Record, Rewrite, Run, Unreadable, decode
from memorylab.rewrites import Order, order_of

NOWHERE = 1 << 62  # a place after all
AFTER = "(stamp, records.writer, seq, id) > (?, ?, ?, ?)"
IN_ORDER = "ORDER BY stamp, records.writer, seq, id"
_WINNER = "SELECT number, line(packed), anchor FROM records JOIN entries USING (number) WHERE id = ? AND wins"


def order_at(database: sqlite3.Connection, at: int) -> Order | None:
    """Where the run at a place is in the order; None if there is none."""
    asked = "SELECT stamp, writer, seq, id FROM places JOIN records USING (number) WHERE at = ?"
    found: Order | None = database.execute(asked, (at,)).fetchone()
    return found


def take_in(database: sqlite3.Connection, known: int, last: int) -> int:
    """Note the records of the entries after number `known`. The first place that they touch, of those of runs that
    were read, which end at `last`; NOWHERE if all that is new comes after them. Call it in a transaction."""
    touched = NOWHERE
    asked = "SELECT number, writer, anchor, line(packed) FROM entries WHERE number > ? ORDER BY number"
    for number, writer, anchor, line in database.execute(asked, (known,)):
        record = decode(line)
        if isinstance(record, Unreadable) or record.writer != writer:
            index.set_apart(database, number, line)
            continue
        order = order_of(record)
        own = isinstance(record, Run) and record.commit == anchor
        there = database.execute(_WINNER, (record.id,)).fetchone()
        row = (number, record.id, type(record).__name__, *order[:3], _subject(record), own, there is None)
        database.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        if there is not None:
            # As the ledger has it: of two records of one id the smaller line, of one line the smaller commit.
            if (line, anchor) < there[1:]:
                change = "UPDATE records SET wins = NOT wins WHERE number IN (?, ?)"
                database.execute(change, (number, there[0]))
                touched = 0
        elif isinstance(record, Run | Rewrite):
            touched = min(touched, _place_after(database, order, last))
        elif isinstance(record, Amend):
            touched = min(touched, _place_of(database, record.run_id))
    return touched


def _place_after(database: sqlite3.Connection, order: Order, last: int) -> int:
    latest = order_at(database, last)
    if latest is None or latest < order:
        return NOWHERE
    asked = f"SELECT at FROM records JOIN places USING (number) WHERE kind = 'Run' AND wins AND {AFTER} {IN_ORDER}"
    row = database.execute(f"{asked} LIMIT 1", order).fetchone()
    return row[0] if row else NOWHERE


def _place_of(database: sqlite3.Connection, run_id: str) -> int:
    asked = "SELECT at FROM records JOIN places USING (number) WHERE id = ? AND wins"
    row = database.execute(asked, (run_id,)).fetchone()
    return row[0] if row else NOWHERE


def _subject(record: Record) -> str | None:
    """What a record speaks of: the run of an amendment, the commit of a plan."""
    return record.run_id if isinstance(record, Amend) else record.commit
