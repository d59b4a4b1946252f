"""What happened since the evening, and what waits for a decision: the values that the report and the page show."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from memorylab.core.race import Race
from memorylab.core.ranking import Registry
from memorylab.core.record import Run
from memorylab.core.waiting import Decision, most_urgent
from memorylab.recall import Recall


class Morning(Struct, frozen=True, kw_only=True):
    """A night: the runs of the `hours` before `as_of`, oldest first, each with its place; `first` is the place of the
    first of them. `before` is the metric and the run id of the champion when it began, None without one. `queue` has
    what waits, the most urgent first."""

    as_of: datetime | None
    hours: float
    registry: Registry
    size: int
    unreadable: int
    first: int
    night: tuple[Run, ...]
    before: tuple[float, str] | None
    queue: tuple[Decision, ...]

    def count(self, status: str) -> int:
        """How many runs of the night ended so."""
        return sum(run.status == status for run in self.night)


def moment(stamp: str) -> datetime:
    """A record's timestamp as a time with zone."""
    return datetime.fromisoformat(stamp)


def morning(recall: Recall, registry: Registry, as_of: datetime | None, hours: float) -> Morning:
    """The hours before a moment, or before the latest run if that is later or there is none. It depends on its
    arguments alone, so it can be computed again."""
    as_of, first, night = _span(recall, registry, as_of, hours)
    race: Race | None = recall.races_before(first).race(registry.group) if first and registry.group else None
    prior = race.champion if race else None
    return Morning(
        as_of=as_of, hours=hours, registry=registry, size=recall.size, unreadable=recall.unreadable, first=first,
        night=night, before=(prior.sample.mean, prior.sample.runs[0].run_id) if prior else None,
        queue=tuple(_queue(recall, first, night, registry)),
    )  # fmt: skip


def decisions(recall: Recall, registry: Registry, as_of: datetime | None, hours: float) -> list[Decision]:
    """What waits for a decision, the most urgent first: the queue of `morning` alone."""
    _, first, night = _span(recall, registry, as_of, hours)
    return _queue(recall, first, night, registry)


def _span(
    recall: Recall, registry: Registry, as_of: datetime | None, hours: float
) -> tuple[datetime | None, int, tuple[Run, ...]]:
    """When the night ends, the place of its first run, and its runs, oldest first."""
    moments = [found for found in (as_of, registry.updated_at and moment(registry.updated_at)) if found]
    as_of = max(moments, default=None)
    placed = _night(recall, _before(as_of, hours)) if as_of else []
    return as_of, placed[0][0] if placed else recall.size, tuple(run for _, run in placed)


def _before(moment: datetime, hours: float) -> datetime:
    try:
        return moment - timedelta(hours=hours)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _night(recall: Recall, since: datetime) -> list[tuple[int, Run]]:
    """The runs from a time on, each with its place."""
    first = recall.place_since(f"{since:%Y-%m-%dT%H:%M:%S}")
    found = ((at, run) for at, run, _ in recall.runs(first))
    return [(at, run) for at, run in found if run.timestamp_utc and moment(run.timestamp_utc) >= since]


def _queue(recall: Recall, first: int, night: Sequence[Run], registry: Registry) -> list[Decision]:
    """What is known of a program is in the packet of its latest run, and how it stands in the race as it is now. A
    crash is dealt with once the same change was run again, on whatever base."""
    here = recall.races.race(registry.group) if registry.group else None
    champion = here.champion if here else None
    programs = recall.programs(first)
    found, tried = [], set()  # the changes that were run again later
    for run in reversed(night):
        (program, is_last), packet = programs[run.run_id], run.decision_packet
        change = run.change.fingerprint if run.change is not None else None
        is_settled = run.status == "crash" and change in tried
        tried |= {change} - {None}
        if packet is None or not is_last or is_settled:
            continue
        entry = here.entries.get(program) if here else None
        if here is None or champion is None or entry is None:
            found.append(Decision(run=run, packet=packet))
            continue
        delta = entry.sample.mean - champion.sample.mean
        found.append(Decision(
            run=run, packet=packet, runs=len(entry.sample.values), value=entry.sample.mean, delta=delta,
            advantage=-here.rules.oriented(delta), is_champion=entry is champion,
            probability=None if entry is champion else here.probability(entry, champion),
        ))  # fmt: skip
    return most_urgent(found)
