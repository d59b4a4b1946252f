"""What the doctor finds, and what each examination and repair is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Literal, NamedTuple

from msgspec import Struct

from memorylab.commands.session import Session
from memorylab.errors import MemoryLabError
from memorylab.settings import Settings
from memorylab.store import refs

ASIDE = "damaged"  # in the local state: what is no longer what it was, and is not thrown away
Severity = Literal["error", "warning", "advice"]


class Finding(Struct, frozen=True, kw_only=True):
    """Something that is wrong. `code` is what it is called, ever the same; `severity` is `error` where records or
    commits are in danger, `warning` where something does not work as it should, `advice` where nothing is wrong.
    `remedy` says what --repair does if it `mends`, else what somebody has to do."""

    code: str
    severity: Severity
    message: str
    remedy: str
    mends: bool


def error(code: str, message: str, remedy: str, mends: bool = False) -> Finding:
    """Records or commits are in danger, or nothing works."""
    return Finding(code=code, severity="error", message=message, remedy=remedy, mends=mends)


def warning(code: str, message: str, remedy: str, mends: bool = False) -> Finding:
    """Something does not work as it should; no record is in danger."""
    return Finding(code=code, severity="warning", message=message, remedy=remedy, mends=mends)


def advice(code: str, message: str, remedy: str, mends: bool = False) -> Finding:
    """Nothing is wrong."""
    return Finding(code=code, severity="advice", message=message, remedy=remedy, mends=mends)


class Patient:
    """A clone while it is looked at. `session` writes nothing unless a repair has it do so: what a command does first,
    as putting refs back, is what is to be found here."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.place = session.place
        self.unusable: MemoryLabError | None = None
        try:
            _ = session.settings
        except MemoryLabError as problem:
            self.unusable = problem
            session.__dict__["settings"] = Settings()

    @cached_property
    def tips(self) -> dict[str, str]:
        """Every ref that holds memory, and what it points to."""
        return refs.tips(self.place)

    @property
    def me(self) -> str | None:
        """The writer's id of this clone, None before the first write."""
        return self.session.writer

    @cached_property
    def remotes(self) -> list[str]:
        """The names of all remotes."""
        from memorylab.commands.sync import remotes

        return remotes(self.session)

    def again(self) -> Patient:
        """The same clone, to be looked at anew, as after a repair."""
        fresh = Session(now=self.session.now, place=self.place)
        fresh.progress = self.session.progress
        return Patient(fresh)


class Examination(NamedTuple):
    """One thing to look at: what it is called, how it is looked at, and for each of the codes that it can mend how;
    what there is to say of a repair, a line each."""

    name: str
    look: Callable[[Patient], Iterator[Finding]]
    repairs: dict[str, Callable[[Patient], list[str]]] = {}
