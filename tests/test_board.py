"""What the index counts as runs come and are taken back is what there is to count."""

import random
import sqlite3

import pytest

from memorylab import index

ROOTS = """SELECT circle, root, COUNT(*), SUM(status = 'keep'), MIN(value), MAX(value) FROM places
    WHERE value IS NOT NULL GROUP BY circle, root ORDER BY circle, root"""
SORTS = (
    """SELECT sort, COUNT(*), SUM(status = 'crash') FROM places WHERE status != 'keep' GROUP BY sort ORDER BY sort"""
)


def both(database: sqlite3.Connection) -> list[tuple[list[object], list[object]]]:
    """(counted as they come, counted now) of lineages and of kinds of failure."""
    kept = ("SELECT * FROM roots ORDER BY circle, root", "SELECT * FROM sorts ORDER BY sort")
    return [
        (database.execute(one).fetchall(), database.execute(other).fetchall())
        for one, other in zip(kept, (ROOTS, SORTS), strict=True)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_counts_that_are_kept_are_those_of_all(seed: int) -> None:
    chance, database, at = random.Random(seed), index.in_memory([]), 0
    asked = "INSERT INTO places (at, number, status, value, circle, root, sort) VALUES (?, ?, ?, ?, ?, ?, ?)"
    for _ in range(30):
        for _ in range(chance.randrange(12)):
            status = chance.choice(["keep", "discard", "crash"])
            value = None if status == "crash" else chance.choice([1.0, 0.9, round(chance.random(), 3)])
            row = (at, at, status, value, chance.randrange(2), chance.choice("abc"), chance.choice("xyz"))
            database.execute(asked, row)
            at += 1
        assert all(kept == now for kept, now in both(database))
        at = chance.randrange(at // 2, at + 1)
        database.execute("DELETE FROM places WHERE at >= ?", (at,))
        assert all(kept == now for kept, now in both(database))
    index.start_over(database)
    assert both(database) == [([], []), ([], [])]
