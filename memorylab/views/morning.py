"""What happened since the evening, and what waits for a decision: the values that the report and the page show."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from memorylab.core.decision import CLOSE
from memorylab.core.race import Race
from memorylab.core.ranking import Registry
from memorylab.core.record import NextAction, Packet, Priority, Run
from memorylab.recall import Recall

QUEUE = 10
_PRIORITY: dict[Priority, int] = {"high": 0, "medium": 1, "low": 2}
# Within a priority, what may change the champion comes before what mends, and that before what goes on from there.
_ORDER: tuple[NextAction, ...] = (
    "promote", "replicate", "fix_and_retry", "investigate_crash", "retry", "branch_followup", "abandon",
)  # fmt: skip


class Decision(Struct, frozen=True, kw_only=True):
    """A run that waits for somebody to decide, and how its program stands now, which its packet may not know yet: mean
    of its `runs` runs, that minus the champion's, the probability of being truly better than it. They are None where it
    was not measured, or is of another comparison group."""

    run: Run
    packet: Packet
    runs: int = 0
    value: float | None = None
    delta: float | None = None
    probability: float | None = None


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
    moments = [found for found in (as_of, registry.updated_at and moment(registry.updated_at)) if found]
    as_of = max(moments, default=None)
    placed = _night(recall, _before(as_of, hours)) if as_of else []
    first = placed[0][0] if placed else recall.size
    night = tuple(run for _, run in placed)
    race: Race | None = recall.races_before(first).race(registry.group) if first and registry.group else None
    prior = race.champion if race else None
    return Morning(
        as_of=as_of, hours=hours, registry=registry, size=recall.size, unreadable=recall.unreadable, first=first,
        night=night, before=(prior.sample.mean, prior.sample.runs[0].run_id) if prior else None,
        queue=tuple(_queue(recall, first, night, registry)),
    )  # fmt: skip


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
    """What is known of a program is in the packet of its latest run. What has been decided since is left out: a
    promotion once another leads, a replication of what is proven or refuted now."""
    here = recall.races.race(registry.group) if registry.group else None
    champion = here.champion if here else None
    programs = recall.programs(first)
    found = []
    for run in reversed(night):  # among equals the latest comes first
        (program, is_last), packet = programs[run.run_id], run.decision_packet
        if packet is None or not is_last or packet.priority == "low":
            continue
        entry = here.entries.get(program) if here else None
        is_champion = entry is not None and entry is champion
        if here is None or champion is None or entry is None:
            decision = Decision(run=run, packet=packet)
        else:
            mean = entry.sample.mean
            decision = Decision(
                run=run, packet=packet, runs=len(entry.sample.values), value=mean,
                delta=mean - champion.sample.mean,
                probability=None if is_champion else here.probability(entry, champion),
            )  # fmt: skip
        behind = decision.delta is not None and recall.races.rules.oriented(decision.delta) > 0
        if _is_open(decision, is_champion, behind):
            found.append(decision)
    return sorted(found, key=_urgency)[:QUEUE]


def _is_open(found: Decision, is_champion: bool, is_behind: bool) -> bool:
    action = found.packet.next_action
    if is_champion or action == "promote":
        return is_champion and action in ("promote", "branch_followup")
    if action == "replicate" and is_behind:
        return False  # it was worth it while it was ahead
    return action not in ("replicate", "retry") or found.probability is None or found.probability >= CLOSE


def _urgency(found: Decision) -> tuple[int, int, float]:
    packet = found.packet
    return _PRIORITY[packet.priority], _ORDER.index(packet.next_action), -(found.probability or 0.0)
