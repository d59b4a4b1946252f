"""What every command works with: where it is, what is set, what is remembered, what time it is."""

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from memorylab import settings
from memorylab.ledger import Ledger, Memory
from memorylab.store import Store, locate
from memorylab.views.refresh import Views


class Session:
    """One command's run. The memory is read once, when it is first asked for."""

    def __init__(self, start: Path | None = None, now: datetime | None = None) -> None:
        self.place = locate(start or Path.cwd())
        self.now = now or datetime.now(UTC).replace(microsecond=0)

    @cached_property
    def settings(self) -> settings.Settings:
        return settings.load(self.place)

    @cached_property
    def store(self) -> Store:
        return Store(self.place)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.store)

    @cached_property
    def memory(self) -> Memory:
        return self.ledger.read()

    @cached_property
    def views(self) -> Views:
        return Views(self.store, self.settings)
