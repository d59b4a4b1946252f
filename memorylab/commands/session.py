"""What every command works with: where it is, what is set, what is remembered, what time it is."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from memorylab.store import writer
from memorylab.store.git import Place, locate
from memorylab.store.reader import Reader

if TYPE_CHECKING:
    from memorylab.ledger import Ledger, Memory
    from memorylab.recall import Recall, Whole
    from memorylab.settings import Settings
    from memorylab.store.repo import Store
    from memorylab.views.refresh import Views


class Session:
    """One command's run. The memory is read once, when it is first asked for.

    What reads it is imported then: a `sync` that finds nothing new needs git alone, and is started every minute.
    """

    def __init__(self, start: Path | None = None, now: datetime | None = None, place: Place | None = None) -> None:
        self.place = place or locate(start or Path.cwd())
        self.now = now or datetime.now(UTC).replace(microsecond=0)

    @cached_property
    def settings(self) -> Settings:
        from memorylab import settings

        return settings.load(self.place)

    @cached_property
    def store(self) -> Store:
        from memorylab.store.repo import Store

        return Store(self.place, self.settings.sign)

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.place)

    @property
    def writer(self) -> str | None:
        """This clone's writer id, None before the first write."""
        return writer.current(self.place.common_dir)

    @cached_property
    def ledger(self) -> Ledger:
        from memorylab.ledger import Ledger

        return Ledger(self.store)

    @cached_property
    def memory(self) -> Memory:
        self._protect()
        return self.ledger.read()

    @cached_property
    def recall(self) -> Recall | Whole:
        """What a verdict needs of the memory, without reading all of it."""
        from memorylab import recall
        from memorylab.timeline import Way

        self._protect()
        of = self.settings
        way = Way(of.metric, of.direction, of.vocabulary, of.subject, self.constants)
        return recall.of(self.store, way, lambda: self.memory)

    def _protect(self) -> None:
        # What plain git took is back before anything is decided without it.
        if self.store.writer() is not None and self.place.top is not None:
            self.store.protect()

    def constants(self, *commits: str | None) -> dict[str, str] | None:
        """The subject's constants in the first of some commits that has any."""
        from memorylab.commands import experiment

        found = (experiment.constants_at(self, commit) for commit in commits if commit)
        return next((values for values in found if values is not None), None)

    def starting_values(self) -> dict[str, str] | None:
        """The subject's constants before the first run that is known by its commit, None if there is none such."""
        first = self.recall.first()
        return self.constants(*first) if first else None

    @cached_property
    def views(self) -> Views:
        from memorylab.views.refresh import Views

        return Views(self.store, self.settings)

    def again(self) -> Session:
        """The same place at the same moment, with its memory to be read anew."""
        return Session(self.place.top or self.place.git_dir, self.now)
