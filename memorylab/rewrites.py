"""What a commit was before it was rewritten: where it holds the subject that was run then, those runs tell of it."""

import sqlite3
from collections.abc import Iterator

from memorylab.core.record import Record, Rewrite, decode, decode_briefly

Order = tuple[str, str, int, str]
LAST: Order = ("\U0010ffff", "", 0, "")  # after all that comes


def order_of(record: Record) -> Order:
    """What the records are in the order of."""
    return record.timestamp_utc or "", record.writer, record.seq, record.id


def is_run(database: sqlite3.Connection, commit: str | None) -> bool:
    """Whether a commit was run."""
    return database.execute("SELECT 1 FROM places WHERE commit_id = ? LIMIT 1", (commit,)).fetchone() is not None


def former(database: sqlite3.Connection, commit: str, until: Order = LAST) -> str | None:
    """What a commit was when it was run, of the same subject; None if it never was.

    The rewrites from `until` on are not looked at: what a run was built on is read alike whenever they come.
    """
    held, pending, seen = None, [commit], {commit}
    while pending:
        for rewrite in list(_rewrites_to(database, pending.pop(0), until)):
            held = held or rewrite.blob
            if held is None or rewrite.old_commit in seen:
                continue
            if held in _subjects(database, rewrite.old_commit):
                return rewrite.old_commit
            pending.append(rewrite.old_commit)
            seen.add(rewrite.old_commit)
    return None


def later(database: sqlite3.Connection, commit: str) -> list[str]:
    """What a commit that was run has become since, with the same subject, the latest last."""
    pending, found = [commit], [commit]
    while pending:
        new = [one.commit for one in _rewrites_of(database, pending.pop(0)) if one.commit not in found]
        pending += new
        found += dict.fromkeys(new)
    return [one for one in found[1:] if not is_run(database, one) and former(database, one) == commit]


def latest(database: sqlite3.Connection, most: int) -> Iterator[Rewrite]:
    """The latest rewrites, backwards."""
    ending = "ORDER BY stamp DESC, records.writer DESC, seq DESC, id DESC LIMIT ?"
    return _found(database, ending, most)


def _rewrites_to(database: sqlite3.Connection, commit: str, until: Order) -> Iterator[Rewrite]:
    ending = """AND subject = ? AND (stamp, records.writer, seq, id) < (?, ?, ?, ?)
        ORDER BY stamp, records.writer, seq, id"""
    return _found(database, ending, commit, *until)


def _rewrites_of(database: sqlite3.Connection, commit: str) -> Iterator[Rewrite]:
    # What each became is indexed, what each was is not: lines are searched sooner than read.
    ending = "AND instr(line(packed), ?) ORDER BY stamp, records.writer, seq, id"
    return (one for one in _found(database, ending, commit.encode()) if one.old_commit == commit)


def _found(database: sqlite3.Connection, ending: str, *values: object) -> Iterator[Rewrite]:
    asked = "SELECT line(packed) FROM records JOIN entries USING (number) WHERE kind = 'Rewrite' AND wins "
    for (line,) in database.execute(asked + ending, values):
        rewrite = decode(line)
        assert isinstance(rewrite, Rewrite)
        yield rewrite


def _subjects(database: sqlite3.Connection, commit: str) -> set[str | None]:
    """The subject of a commit that was run as it is."""
    asked = "SELECT line(packed) FROM places JOIN entries USING (number) WHERE commit_id = ?"
    runs = (decode_briefly(line) for (line,) in database.execute(asked, (commit,)))
    return {run.change.blob for run in runs if run.change is not None and not run.change.dirty}
