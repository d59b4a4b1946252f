"""What the page holds of each run: a row of the table, its details, and for some runs patch and log.

Rows are read when the page opens; details in bundles, the texts each by itself, when somebody asks for them.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
from msgspec import Struct

from memorylab.core.decision import odds
from memorylab.core.group import IMPORTED, group_of, is_measured
from memorylab.core.record import Number, Packet, Run, Verdict
from memorylab.core.text import block, inline, short_id, shorten, verbatim

BUNDLE = 200  # details that are read together
BUDGET = 4_000_000  # bytes of patches and logs
MOST = 800  # runs whose patch and log are there
_LONGEST = 1 << 20  # bytes of a patch or log that is read at all
_PATCH, _TAIL = 40_000, 4_000  # characters that are shown
_LINES = 40  # of a log
_IDEA, _TEXT, _NOTES = 300, 600, 4_000  # characters
_METRICS, _KNOBS, _TRIALS, _MATCHES, _FILES = 60, 40, 6, 5, 20
_LOG = "run.log"

Who = int | str  # a run: its place, or its id where that is not here


class Row(Struct, frozen=True, array_like=True, gc=False):
    """A run in the table; `page.js` knows the fields by their order. `status`, `family`, `writer`, `group` and `action`
    are places in the lists of `Names`, `parent` is the place of the first run on the parent commit, -1 without one;
    `name` is empty where only the whole id names the run."""

    id: str
    name: str
    time: str | None
    status: int
    value: float | None
    family: int
    writer: int
    group: int
    parent: int
    action: int
    idea: str


class Said(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision packet. `odds` (empty where the summary says it), `seeds` and the champion `before` are of the time
    when it was decided."""

    summary: str
    action: str
    priority: str
    rationale: str
    hypothesis: str
    odds: str = ""
    seeds: int | None = None
    before: Who | None = None


class Guarded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the guard said. Matches: (run, relation, score, why, idea if the run is not here). Known: (knob, trials), a
    trial being (value, run, status, delta)."""

    verdict: str
    decision: str
    rationale: str
    why: str = ""
    stale: str = ""
    matches: list[tuple[Who, str, float, str, str]] = []
    known: list[tuple[str, list[tuple[str, Who, str, Number]]]] = []


class Detail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is shown of a run when it is opened. Pairs, because names in records may be any text."""

    commit: str
    parent: str = ""
    branch: str = ""
    hypothesis: str = ""
    tags: list[str] = []
    notes: str = ""
    imported: bool = False
    dirty: bool = False
    statements: int = 0
    knobs: list[tuple[str, str | None, str | None]] = []
    metrics: list[tuple[str, Number]] = []
    environment: list[tuple[str, str]] = []
    files: list[tuple[str, int]] = []
    error: str = ""
    tail: str = ""
    packet: Said | None = None
    guard: Guarded | None = None


class Text(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The patch and the end of the log of a run, each empty if it has none; `cut` are those that are not whole, `away`
    those that are not in this clone."""

    patch: str = ""
    log: str = ""
    cut: list[str] = []
    away: list[str] = []


class Kept(NamedTuple):
    """Which blobs a run's patch and log are, None without one."""

    at: int
    patch: str | None
    log: str | None


class Numbers:
    """Texts, each with a number, in the order in which they came."""

    def __init__(self, *first: str) -> None:
        self._known = {text: number for number, text in enumerate(first)}

    def __call__(self, text: str) -> int:
        return self._known.setdefault(text, len(self._known))

    def __len__(self) -> int:
        return len(self._known)

    @property
    def texts(self) -> list[str]:
        return list(self._known)


class Runs:
    """All runs, told one after the other in their order."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.rows: list[Row] = []
        self.places: dict[str, int] = {}  # by run id
        self.commits: dict[str, int] = {}  # the first run on each
        self.firsts: list[int] = []  # the first run on the same commit
        self.imported: list[int] = []
        self.kept: dict[str, Kept] = {}
        self.statuses, self.actions = Numbers("keep", "discard", "crash"), Numbers("")
        self.families, self.writers, self.groups = Numbers(), Numbers(), Numbers()
        self.bundles: list[bytes] = []
        self._names: dict[str, list[int]] = {}
        self._details: list[Detail] = []

    def add(self, run: Run) -> None:
        """Take in the next run."""
        at, packet, name = len(self.rows), run.decision_packet, short_id(run.run_id)
        same = self._names.setdefault(name, [])
        same.append(at)
        if len(same) == 2:  # no command takes a name that two runs have
            self.rows[same[0]] = msgspec.structs.replace(self.rows[same[0]], name="")
        self.places[run.run_id] = at
        self.firsts.append(self.commits.setdefault(run.commit, at))
        if run.run_id.startswith(IMPORTED):
            self.imported.append(at)
        parent = self.commits.get(run.parent_commit or "", -1)
        self.rows.append(Row(
            id=run.run_id, name=name if len(same) == 1 and name != run.run_id else "",
            time=run.timestamp_utc, status=self.statuses(run.status),
            value=run.value(self.metric) if is_measured(run, self.metric) else None,
            family=self.families(shorten(inline(run.family), 60)), writer=self.writers(run.writer),
            group=self.groups(inline(group_of(run).label)), parent=parent if parent < at else -1,
            action=self.actions(packet.next_action if packet else ""), idea=shorten(inline(run.description), _IDEA),
        ))  # fmt: skip
        files = run.artifacts
        patch = next((one.blob for name, one in files.items() if name.endswith(".patch")), None)
        self.kept[run.run_id] = Kept(at, patch, files[_LOG].blob if _LOG in files else None)
        self._details.append(detail(run, lambda run_id: self.places.get(run_id, run_id)))
        if len(self._details) == BUNDLE:
            self._bundle()

    def close(self) -> None:
        """There is no other run."""
        if self._details:
            self._bundle()

    def _bundle(self) -> None:
        self.bundles.append(msgspec.json.encode(self._details))
        self._details = []


def detail(run: Run, who: Callable[[str], Who]) -> Detail:
    """What is shown of a run when it is opened. `who` gives the place of another run."""
    change, error = run.change, run.error
    knobs = list(change.knobs.items())[:_KNOBS] if change else []
    return Detail(
        commit=inline(run.commit), parent=inline(run.parent_commit or ""), branch=inline(run.branch or ""),
        hypothesis=_text(run.hypothesis), tags=[_short(tag) for tag in run.tags],
        notes=shorten(block(run.notes), _NOTES), imported=run.run_id.startswith(IMPORTED),
        dirty=change.dirty if change else False, statements=change.statements if change else 0,
        knobs=[(_short(name), _value(knob.old), _value(knob.new)) for name, knob in knobs],
        metrics=[(_short(name), value) for name, value in list(run.metrics.items())[:_METRICS]],
        environment=_environment(run), error=_text(error.summary) if error else "",
        files=[(_short(name), one.size) for name, one in list(run.artifacts.items())[:_FILES]],
        tail=verbatim("\n".join(line[:_IDEA] for line in error.tail[-_LINES:])) if error else "",
        packet=_said(run.decision_packet, who) if run.decision_packet else None,
        guard=_guarded(run.novelty_guard, who) if run.novelty_guard else None,
    )  # fmt: skip


def _environment(run: Run) -> list[tuple[str, str]]:
    found = run.environment
    if found is None:
        return []
    budget = None if found.budget is None else f"{found.budget:g} {found.budget_kind or ''}".strip()
    pairs = (
        ("device", found.device), ("budget", budget), ("seed", found.seed), ("threads", found.threads),
        ("evaluator", found.evaluator), *list(found.libraries.items())[:_FILES],
    )  # fmt: skip
    return [(_short(name), _short(str(value))) for name, value in pairs if value is not None]


def _said(packet: Packet, who: Callable[[str], Who]) -> Said:
    beside, before = packet.comparison, packet.comparison.prior_champion_run_id
    summary, evidence = _text(packet.summary), odds(beside)
    return Said(
        summary=summary, action=packet.next_action, priority=packet.priority, rationale=_text(packet.rationale),
        hypothesis=packet.hypothesis_status, odds="" if evidence in summary else evidence,
        seeds=beside.seeds_needed, before=None if before is None else who(before),
    )  # fmt: skip


def _guarded(found: Verdict, who: Callable[[str], Who]) -> Guarded:
    others = [(who(one.run_id), one) for one in found.top_matches[:_MATCHES]]
    return Guarded(
        verdict=found.classification, decision=found.policy.decision, rationale=_text(found.policy.rationale),
        why=_text(found.why), stale=_text(found.stale),
        matches=[
            (at, one.relation, round(one.score, 2), _text(one.why), _text(one.description) if at == one.run_id else "")
            for at, one in others
        ],
        known=[
            (_short(one.knob), [
                (_short(trial.value), who(trial.run_id), trial.status, trial.delta) for trial in one.trials[:_TRIALS]
            ])
            for one in found.known[:_TRIALS]
        ],
    )  # fmt: skip


def _text(text: str) -> str:
    return shorten(inline(text), _TEXT)


def _short(text: str) -> str:
    return shorten(inline(text), 120)


def _value(source: str | None) -> str | None:
    return None if source is None else _short(source)


def texts(
    first: Iterable[str], kept: dict[str, Kept], read: Callable[[str, int], bytes | None]
) -> Iterator[tuple[int, bytes]]:
    """(place, JSON) of the runs whose patch and log are on the page: those of `first`, then the latest, as far as the
    budget goes. `read` gives a blob, of at most so many bytes, None if it is not here."""
    left = BUDGET
    for run_id in list(dict.fromkeys([*first, *reversed(kept)]))[:MOST]:
        one = kept.get(run_id)
        if one is None or not (one.patch or one.log):
            continue
        found = msgspec.json.encode(_read(one, read))
        left -= len(found)
        if left < 0:
            return
        yield one.at, found


def _read(one: Kept, read: Callable[[str, int], bytes | None]) -> Text:
    patch, log = (None if oid is None else read(oid, _LONGEST) for oid in (one.patch, one.log))
    away = [name for name, oid, found in (("patch", one.patch, patch), ("log", one.log, log)) if oid and found is None]
    change = verbatim((patch or b"").decode("utf-8", "replace")).rstrip("\n")
    # A progress bar overwrites its line: what it was last is what a terminal shows.
    lines = (log or b"").decode("utf-8", "replace").rstrip().split("\n")
    ends = [line.rstrip("\r").rpartition("\r")[2] for line in lines]
    end = verbatim("\n".join(line[:_IDEA] for line in ends[-_LINES:]))[-_TAIL:]
    is_cut = {"patch": len(change) > _PATCH, "log": len(ends) > _LINES or len(end) == _TAIL}
    return Text(patch=change[:_PATCH], log=end, cut=[name for name, cut in is_cut.items() if cut], away=away)
