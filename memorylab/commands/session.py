"""What every command works with: where it is, what is set, what is remembered, what time it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from memorylab.errors import StoreBusy
from memorylab.store import refs, seen, writer
from memorylab.store.git import Place, locate
from memorylab.store.reader import Reader

if TYPE_CHECKING:
    from memorylab.core.gains import Gains
    from memorylab.core.group import Group
    from memorylab.core.knobs import Turned
    from memorylab.core.races import Races
    from memorylab.ledger import Ledger
    from memorylab.recall import Recall
    from memorylab.settings import Settings
    from memorylab.store.repo import Store
    from memorylab.timeline import Way
    from memorylab.views.refresh import Views

# What is told how many of how many are done, of something with a title; None where nobody wants to know.
Progress = Callable[[str], Callable[[int, int], None] | None]


class Session:
    """One command's run. The memory is read once, when it is first asked for.

    What reads it is imported then: a `sync` that finds nothing new needs git alone, and is started every minute.
    """

    def __init__(self, start: Path | None = None, now: datetime | None = None, place: Place | None = None) -> None:
        self.place = place or locate(start or Path.cwd())
        self.now = now or datetime.now(UTC).replace(microsecond=0)
        self.progress: Progress = lambda title: None
        self.told: list[str] = []  # what the ledger said of masking, shared with every session made `again`

    @cached_property
    def settings(self) -> Settings:
        from memorylab import settings

        return settings.load(self.place)

    @cached_property
    def store(self) -> Store:
        from memorylab.store.repo import Store

        return Store(self.place, self.settings.sign, self.reader, self.settings.mute)

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.place)

    @property
    def writer(self) -> str | None:
        """This clone's writer id, None before the first write."""
        return writer.current(self.place.common_dir)

    @property
    def is_muted(self) -> refs.Who:
        """Whether a writer's records are left out here."""
        return refs.muted(self.settings.mute, self.writer)

    @cached_property
    def ledger(self) -> Ledger:
        from memorylab.ledger import Ledger

        return Ledger(self.place, self.settings.sign, self.reader, self.settings.redact, self.told.append)

    @cached_property
    def recall(self) -> Recall:
        """What is needed of the memory, without reading all of it."""
        from memorylab import recall

        self._protect()
        told = self.progress("Reading the memory")
        return recall.of(self.place.state, self._chains, self.way, lambda: self.store, told)

    @property
    def way(self) -> Way:
        """In which way the runs are taken up: what the settings say of it, and where code is looked up."""
        from memorylab.timeline import Way

        of = self.settings
        return Way(
            of.metric, of.direction, of.promote, of.noise, of.vocabulary, of.subject,
            partial(constants, self.reader, of.subject), self.reader.ancestors,
        )  # fmt: skip

    def has_views(self) -> bool:
        """Whether the views are as some command has left them, if there are to be any."""
        from memorylab.views import fresh

        return self.place.top is None or self.writer is None or fresh.are_left(self.place)

    def restored(self) -> list[str]:
        """What there is to say of refs that were put back, without `refresh`."""
        return self.views.restored() if "store" in self.__dict__ and self.store.restored else []

    def refresh(self) -> list[str]:
        """Bring the views up to date; what the user should know of it and of what was written, a line each."""
        return self.news() + self._refresh()

    def news(self) -> list[str]:
        """What the ledger had to say since this was last asked."""
        said = self.told[:]
        self.told.clear()
        return said

    def _refresh(self) -> list[str]:
        if self.place.top is None or self.writer is None:
            return []
        if not {"store", "ledger"} & self.__dict__.keys() and self._is_settled():
            # Nothing was written, and nothing is to be: what writes takes longer to be imported than all of this.
            from memorylab.views import fresh

            if fresh.are_fresh(self.place, self.settings, *self._listed):
                return []
            return self.views.refresh(self._listed)
        return self.views.refresh()

    @cached_property
    def _listed(self) -> tuple[dict[str, str], str]:
        return refs.listed(self.place)

    def _chains(self) -> list[tuple[str, str]]:
        """(writer, tip) of every ledger."""
        found, archives = refs.chains(self._listed[0], "ledger", self.is_muted)
        return self.store.chains("ledger") if archives else found

    def _protect(self) -> None:
        # What plain git took is back before anything is decided without it.
        if self.writer is not None and self.place.top is not None and not self._is_settled():
            # What a killed process has in the journal alone would be recorded once more. Where another is writing, it
            # is about to be in the ledger. First of all: once all is noted as seen, nobody looks for it any more.
            with suppress(StoreBusy):
                self.store.complete()
            self.store.protect()
            self.__dict__.pop("_listed", None)

    def _is_settled(self) -> bool:
        """Whether plain git has taken nothing since the last command."""
        return not (self.place.common_dir / "shallow").exists() and seen.is_unmoved(self.place, self._listed[0])

    def starting_values(self) -> dict[str, str] | None:
        """The subject's constants before the first run that is known by its commit, None if there is none such."""
        first = self.recall.first()
        return constants(self.reader, self.settings.subject, *first) if first else None

    @cached_property
    def turned(self) -> Turned:
        """What was turned, to be read knob by knob."""
        return self.recall.turned()

    @cached_property
    def gains(self) -> Callable[[Group], Gains]:
        """What the programs of a comparison group gained; each group is weighed once, for whatever asks."""
        from memorylab.core.gains import by_group

        return by_group(self.turned.measured, self.settings.rules)

    @property
    def races(self) -> Races:
        return self.recall.races

    @cached_property
    def views(self) -> Views:
        from memorylab.views.refresh import Views

        # Not by this session itself: the index is closed with the last that refers to it.
        other = self.again()

        def read() -> tuple[Recall, dict[str, str]]:
            now = other.again()
            return now.recall, now._listed[0]

        return Views(self.store, self.settings, read, self.progress)

    def again(self, reload: bool = False) -> Session:
        """The same place at the same moment, with its memory to be read anew; with `reload` its settings too."""
        fresh = Session(now=self.now, place=self.place)
        fresh.progress, fresh.told = self.progress, self.told
        if "reader" in self.__dict__:
            fresh.__dict__["reader"] = self.reader
        if "settings" in self.__dict__ and not reload:
            fresh.__dict__["settings"] = self.settings
        return fresh


def constants(reader: Reader, subject: str, *commits: str | None) -> dict[str, str] | None:
    """The subject's constants in the first of some commits that has any."""
    from memorylab.core.change import constants

    # What a record calls its parent may be anything, also an expression that git understands.
    files = (reader.file_at(commit, subject) for commit in commits if commit and reader.place.form.is_id(commit))
    return next((constants(found[1].decode("utf-8", "replace"), subject) for found in files if found is not None), None)
