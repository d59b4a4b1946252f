"""What commands print with --json, where that is more than a value of the core: the shapes alone.

They are no part of what the commands import to do their work, since most of it is for people. memorylab/outputs.py has
which command prints which.
"""

from msgspec import Struct

from memorylab.core.nextsteps import Step
from memorylab.core.ranking import Registry
from memorylab.core.record import Claim


class Reported(Struct, frozen=True, kw_only=True):
    """report: the paths that were written, empty where there is no working tree, and the board that the report tells
    of."""

    written: list[str]
    registry: Registry


class LabStatus(Struct, frozen=True, kw_only=True):
    """status: this clone's `writer` id (null before its first record), what to type `next`, the first of it first, the
    board, how many lines of the ledger this version does not understand, how many records each remote is not known to
    have (`waiting`, by its name), the claims that are open, and the ids of the `latest` runs, the last one first."""

    writer: str | None
    next: list[Step]
    registry: Registry
    unreadable: int
    waiting: dict[str, int]
    claims: list[Claim]
    latest: list[str]


class Restored(Struct, frozen=True, kw_only=True):
    """restore: the run and its commit, and in words what was done."""

    run_id: str
    commit: str
    done: str


class SetUp(Struct, frozen=True, kw_only=True):
    """init: what was found and done, a sentence each."""

    done: list[str]


class ImportedFile(Struct, frozen=True, kw_only=True):
    """import, for each file: how many rows were added, how many were there already, and those that are no row, as
    [number of the line, reason]."""

    file: str
    added: int
    known: int
    rejected: list[tuple[int, str]]


class Shared(Struct, frozen=True, kw_only=True):
    """sync, for a remote: whether it was reached, else why not (`reason`). `came` and `went` are numbers of records,
    `writers` of those that they came from, `waiting` of records that are not there yet. `refused`: it does not take
    what is ours; `changed`: something came or was put right; `attempts`: how often it took and gave; `remarks`: what
    the user should know."""

    remote: str
    reached: bool
    reason: str
    came: int
    writers: int
    went: int
    waiting: int
    refused: bool
    changed: bool
    attempts: int
    remarks: list[str]


class DemoDone(Struct, frozen=True, kw_only=True):
    """demo: the folder of its repository, and the board at the end."""

    folder: str
    registry: Registry
