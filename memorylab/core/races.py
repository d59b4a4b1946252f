"""The races of all comparison groups, told run by run: what a decision costs does not grow with the ledger.

Each group has a window of its latest programs, and a start: all that is kept of those before it (`entry.Start`). When a
window is full its first half is raced, which gives the next start. A group of up to WINDOW programs is so judged on all
of them at once, in whatever order the evidence came.

The state after a run and the next run give the state after that, and it is of bounded size for each group: it can be
kept (`dump`) and gone on from (`load`).
"""

from collections import ChainMap
from collections.abc import Callable, Iterable, MutableMapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from memorylab.core.entry import Start
from memorylab.core.group import Group, Programs, Sample, group_of, is_measured, pooled
from memorylab.core.race import Race, Rules
from memorylab.core.record import Run

WINDOW = 256  # programs
_VERSION = 1  # of the state: another one is made anew
_METRICS = ("peak_vram_mb",)  # that the board shows besides the metric

Earlier = Callable[[Group, str], Sequence[Run]]


class Field(Struct, frozen=True, kw_only=True):
    """One group: the start of its race, the programs since then, and how many runs and programs it has in all."""

    start: Start = Start()
    window: dict[str, Sample] = {}
    runs: int = 0
    programs: int = 0


class _State(Struct, frozen=True, kw_only=True):
    version: int = _VERSION
    rules: Rules
    size: int
    latest: Group | None
    fields: list[tuple[Group, Field]]


class Races:
    """All groups after so many runs, in the order of the ledger. `latest` is the group of the last measured one."""

    def __init__(
        self, rules: Rules, *, size: int = WINDOW, programs: Programs | None = None, earlier: Earlier | None = None
    ) -> None:
        """`earlier` gives the former runs of a program that has left its window, in their order; without it they are
        kept here."""
        self.rules, self.size = rules, size
        self.programs = programs or Programs()
        self.latest: Group | None = None
        self._earlier = earlier
        self._left: MutableMapping[tuple[Group, str], tuple[Run, ...]] = {}
        self._fields: dict[Group, Field] = {}
        self._races: dict[Group, Race] = {}

    @classmethod
    def of(cls, runs: Iterable[Run], rules: Rules) -> "Races":
        """The races after these runs."""
        found = cls(rules)
        for run in runs:
            found.add(run)
        return found

    def add(self, run: Run) -> str:
        """Go on to the state after the next run; the program that it is of."""
        program = self.programs.add(run)
        if is_measured(run, self.rules.metric):
            self.latest = group_of(run)
            self._fields[self.latest] = self._with(self.latest, program, _slim(run, self.rules.metric))
            self._races.pop(self.latest, None)
        return program

    def also(self, run: Run) -> "Races":
        """What would be with one more run, which these do not learn of."""
        ahead = Races(self.rules, size=self.size, programs=self.programs.ahead(), earlier=self._earlier)
        ahead.latest, ahead._left = self.latest, ChainMap({}, self._left)
        ahead._fields, ahead._races = dict(self._fields), dict(self._races)
        ahead.add(run)
        return ahead

    def groups(self) -> tuple[Group, ...]:
        """Those that have been measured, in the order of their first runs."""
        return tuple(self._fields)

    def field(self, group: Group) -> Field:
        """The state of one group."""
        return self._fields.get(group) or Field()

    def race(self, group: Group) -> Race:
        """The race of one group, computed once until the group changes."""
        field = self._based(group)
        if group not in self._races:
            self._races[group] = Race(list(field.window.values()), self.rules, field.start)
        return self._races[group]

    def dump(self) -> bytes:
        """The state, to be kept; besides it there are `programs`, and what `earlier` gives."""
        fields = [(group, self._based(group)) for group in self._fields]
        state = _State(rules=self.rules, size=self.size, latest=self.latest, fields=fields)
        return msgspec.msgpack.encode(state)

    @classmethod
    def load(cls, data: bytes, rules: Rules, programs: Programs, earlier: Earlier, size: int = WINDOW) -> "Races":
        """Go on from a state that was kept. Raises ValueError if it is damaged, or was made by other rules."""
        state = msgspec.msgpack.decode(data, type=_State)
        if (state.version, state.rules, state.size) != (_VERSION, rules, size):
            raise ValueError("the state was made by other rules")
        found = cls(rules, size=size, programs=programs, earlier=earlier)
        found.latest, found._fields = state.latest, dict(state.fields)
        return found

    def _with(self, group: Group, program: str, run: Run) -> Field:
        """A group with one more run of a program."""
        field, metric = self.field(group), self.rules.metric
        start, window, known = field.start, field.window, field.window.get(program)
        if known is not None:
            window = window | {program: pooled(program, (*known.runs, run), metric, known.base)}
            return replace(field, window=window, runs=field.runs + 1)
        if program in start.standing:
            return replace(field, start=start.further(program, run, metric), runs=field.runs + 1)
        if len(window) >= self.size:
            self._hand_on(group)
            return self._with(group, program, run)
        earlier = self._former(group, program, start)
        return replace(
            field, start=start.without(program), window=window | {program: pooled(program, (*earlier, run), metric)},
            runs=field.runs + 1, programs=field.programs + (not earlier),
        )  # fmt: skip

    def _hand_on(self, group: Group) -> None:
        """Race the first half of a window, and start from that."""
        field = self._based(group)
        samples, half = list(field.window.values()), max(1, self.size // 2)
        race = Race(samples[:half], self.rules, field.start)
        if self._earlier is None:
            gone = [*(entry.sample for entry in field.start.entries.values()), *samples[:half]]
            self._left.update({(group, sample.program): sample.runs for sample in gone})
        window = {sample.program: sample for sample in samples[half:]}
        self._fields[group] = replace(field, start=race.handed_on(), window=window)

    def _former(self, group: Group, program: str, start: Start) -> Sequence[Run]:
        """The runs of a program that was here before."""
        if program in start.entries:
            return start.entries[program].sample.runs
        if self._earlier is None:
            return self._left.get((group, program), ())
        if start.first is None:
            return ()  # nothing has left the window
        metric = self.rules.metric
        return [_slim(run, metric) for run in self._earlier(group, program) if is_measured(run, metric)]

    def _based(self, group: Group) -> Field:
        """A group whose programs know what they were built on, as far as that has been run by now."""
        field = self.field(group)
        found = {
            program: replace(sample, base=base)
            for program, sample in field.window.items()
            if sample.base is None and (base := self.programs.base(sample.runs[0])) is not None
        }
        if found:
            field = self._fields[group] = replace(field, window=field.window | found)
            self._races.pop(group, None)
        return field


def _slim(run: Run, metric: str) -> Run:
    """The run without what no race asks for."""
    metrics = {name: value for name, value in run.metrics.items() if name in (metric, *_METRICS)}
    return replace(
        run, hypothesis="", tags=[], notes="", metrics=metrics, error=None, artifacts={}, novelty_guard=None,
        decision_packet=None,
    )  # fmt: skip
