"""Which runs turned a knob, and what was measured where they ran, out of the index."""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from memorylab.core.gains import Measured
from memorylab.core.group import IMPORTED, Group
from memorylab.core.knobs import Turn, Turned
from memorylab.core.record import Environment, Run, Status
from memorylab.timeline import Timeline

_RUN = Run(  # without what no race asks for
    writer="", seq=1, run_id="", timestamp_utc=None, branch=None, commit="", parent_commit=None, family="",
    status="discard", description="", hypothesis="", tags=[], notes="", metrics={}, error=None, artifacts={},
    novelty_guard=None, decision_packet=None, change=None, environment=None,
)  # fmt: skip


def turned(timeline: Timeline) -> Turned:
    """What was turned, to be read knob by knob while the index is open."""
    database, index = timeline.database, _Index(timeline)
    groups: dict[Group, int] = {}
    asked = """SELECT circle, home, value IS NOT NULL, COUNT(DISTINCT at) FROM turns JOIN places USING (at)
        GROUP BY 1, 2, 3 ORDER BY MIN(at)"""
    for *where, runs in database.execute(asked):
        group = index.group(*where)
        groups[group] = groups.get(group, 0) + runs
    asked = "SELECT COUNT(*) FROM records WHERE kind = 'Run' AND wins AND id GLOB ?"
    (imported,) = database.execute(asked, (f"{IMPORTED}*",)).fetchone()
    return Turned(
        names=[name for (name,) in database.execute("SELECT DISTINCT knob FROM turns")], current=index.current,
        groups=groups, turns=index.turns, measured=index.measured, without_code=imported,
    )  # fmt: skip


class _Index:
    """The runs by their comparison groups. `current` is that of the latest run that was measured here, else of the
    latest imported one; None if nothing was measured."""

    def __init__(self, timeline: Timeline) -> None:
        self._database, self._metric = timeline.database, timeline.way.metric
        self._base = timeline.races.programs.of_commit.get
        circles = self._database.execute("SELECT circle, said FROM circles")
        self._groups = {circle: msgspec.json.decode(said, type=Group) for circle, said in circles}
        asked = """SELECT circle FROM circles
            WHERE EXISTS (SELECT 1 FROM places WHERE places.circle = circles.circle AND value IS NOT NULL)"""
        self._known = {self._groups[circle] for (circle,) in self._database.execute(asked)}
        asked = "SELECT circle FROM places WHERE value IS NOT NULL ORDER BY at {} LIMIT 1"
        first, last = (self._database.execute(asked.format(way)).fetchone() or (None,) for way in ("ASC", "DESC"))
        self._first, current = first[0], timeline.home or last[0]
        self.current = self._groups[current] if current else None

    def group(self, circle: int, home: int | None, has_value: int) -> Group:
        """The group that a run belongs to. Without a result it often does not say where it ran, as a crash leaves no
        summary: that is the group that was measured last before it."""
        says = has_value or self._groups[circle] in self._known - {Group()}
        return self._groups[circle if says else home or self._first or circle]

    def turns(self, knob: str) -> Iterator[Turn]:
        asked = """SELECT circle, home, value IS NOT NULL, at, id, status, program, parent, old, new, others, whole
            FROM turns JOIN places USING (at) JOIN records USING (number) WHERE knob = ? ORDER BY at"""
        rows = self._database.execute(asked, (knob,))
        for *where, at, run_id, status, program, parent, old, new, others, whole in rows:
            base = self._base(parent or "")
            yield Turn(at, run_id, status, self.group(*where), program, base, parent, old, new, others, whole)

    def measured(self, group: Group) -> Iterator[Measured]:
        circles = ", ".join(str(circle) for circle, each in self._groups.items() if each == group)
        asked = f"""SELECT at, program, parent, status, value, seed FROM places
            WHERE circle IN ({circles}) AND value IS NOT NULL ORDER BY at"""
        for at, program, parent, status, value, seed in self._database.execute(asked):
            yield Measured(at, program, self._base(parent or ""), measured(self._metric, status, value, seed))


def measured(metric: str, status: Status, value: float, seed: int | None) -> Run:
    """A run as the index has it, for what asks of one no more than this."""
    environment = None if seed is None else Environment(seed=seed)
    return replace(_RUN, status=status, metrics={metric: value}, environment=environment)
