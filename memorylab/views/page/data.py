"""The page's values: what stands on it as it is, and the JSON that its tables and charts are made of."""

from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import Struct

from memorylab.core.decision import chance, signed
from memorylab.core.knobs import Study
from memorylab.core.nextsteps import verb
from memorylab.core.noise import basis
from memorylab.core.race import Rules
from memorylab.core.ranking import Registry, Standing, standings
from memorylab.core.record import Packet, Run
from memorylab.core.text import count, inline, number, rough, short_id, shorten
from memorylab.core.waiting import Decision
from memorylab.views.morning import Morning
from memorylab.views.page import maps, runs, tree
from memorylab.views.page.maps import Maps
from memorylab.views.page.runs import Runs
from memorylab.views.page.tree import Tree

READER = Callable[[str, int], bytes | None]  # a blob of at most so many bytes, None if it is not here
_IDEA = 220  # characters
_WRITERS = 12
_LATEST = 6  # runs of a failure cluster
_NINETY = 1.645  # standard deviations to either side hold 90 %
_SHOW = "show --diff"


class Place(Struct, frozen=True, kw_only=True):
    """A program on the board, as text. `share` is its probability of being better, for a bar."""

    role: str
    run_id: str
    name: str
    commit: str
    idea: str
    value: str
    delta: str
    tone: str
    runs: int
    odds: str
    share: float | None
    memory: str
    status: str
    family: str


class Ask(Struct, frozen=True, kw_only=True):
    """A decision that waits: what to do, why, and what to type."""

    action: str
    priority: str
    run_id: str
    name: str
    idea: str
    why: str
    said: str
    value: str
    delta: str
    tone: str
    odds: str
    share: float | None
    commands: list[str]


class Bar(Struct, frozen=True, kw_only=True):
    """Runs of one kind, or of one writer: counts, and their shares of the largest in per cent. `lists` are the words
    under it, `links` (run id, name)."""

    label: str
    total: int
    keep: int
    discard: int
    crash: int
    widths: tuple[float, float, float]
    best: str
    lists: list[str] = []
    links: list[tuple[str, str]] = []


class Reopened(Struct, frozen=True, kw_only=True):
    """A dead end worth another try."""

    run_id: str
    name: str
    idea: str
    why: str
    odds: str
    share: float
    strength: str
    runs: int


class Other(Struct, frozen=True, kw_only=True):
    """Another comparison group."""

    label: str
    runs: int
    champion: Place | None


class Page(Struct, frozen=True, kw_only=True):
    """All that is on the page. `head` and what follows it is JSON for the scripts: `rows` of all runs, `bundles` of
    their details, `texts` (place, JSON)."""

    metric: str
    better: str
    as_of: str
    hours: str
    size: int
    unreadable: int
    night: dict[str, int]
    statuses: dict[str, int]
    group: str
    champion: Place | None
    leader: Place | None
    board: list[Place]
    sure: str
    change: str
    change_tone: str
    before: tuple[str, str, str] | None
    noise: str
    queue: list[Ask]
    reopen: list[Reopened]
    clusters: list[Bar]
    writers: list[Bar]
    more_writers: int
    others: list[Other]
    maps: Maps
    tree: Tree
    head: bytes
    rows: bytes
    bundles: list[bytes]
    texts: list[tuple[int, bytes]]


class _Names:
    """What a run is called: what every command takes."""

    def __init__(self, known: Runs) -> None:
        self._known = known

    def __call__(self, run_id: str) -> str:
        at = self._known.places.get(run_id)
        return short_id(run_id) if at is None else self._known.rows[at].name or run_id


def page(everything: Iterable[Run], found: Morning, study: Study, rules: Rules, read: READER) -> Page:
    """The page of a morning, given all runs in their order. It depends on its arguments alone, so it can be rendered
    again."""
    registry, known = found.registry, Runs(rules.metric)
    for run in everything:
        known.add(run)
    known.close()
    names, tone = _Names(known), _Tone(registry, rules)
    board = _board(registry, names, tone)
    group = known.groups(inline(registry.label)) if registry.group else -1
    leads = {known.places[one.run_id]: one.role for one in board if one.role != "challenger"}
    queue = [_ask(decision, names, tone) for decision in found.queue]
    reopen = [
        Reopened(
            run_id=one.run_id, name=names(one.run_id), idea=_idea(one.description), why=inline(one.why),
            odds=chance(one.probability), share=one.probability, strength=f"{one.strength:.2f}", runs=one.runs,
        )
        for one in registry.reopen
    ]  # fmt: skip
    kept = [run.run_id for run in reversed(found.night) if run.status == "keep"]
    shown = [one.run_id for those in (queue, board, reopen) for one in those]
    writers, more = _writers(known, rules, group)
    best = registry.champion
    change = _change(found, best)
    return Page(
        metric=inline(rules.metric), better="lower is better" if rules.direction == "minimize" else "higher is better",
        as_of=f"{found.as_of:%Y-%m-%d %H:%M}" if found.as_of else "", hours=f"{found.hours:g}", size=found.size,
        unreadable=found.unreadable,
        night={status: found.count(status) for status in ("keep", "discard", "crash")},
        statuses=registry.status_counts, group=inline(registry.label),
        champion=next((one for one in board if one.role == "champion"), None),
        leader=next((one for one in board if one.role == "leader"), None), board=board, sure=_sure(best),
        change="" if change is None else signed(change, best.value if best else None), change_tone=tone(change),
        before=_before(found, names),
        noise=_noise(registry), queue=queue, reopen=reopen, clusters=_clusters(registry, names),
        writers=writers, more_writers=more, others=_others(registry, names, tone), maps=maps.maps(study, rules),
        tree=tree.tree(known, group, tone, known.imported, leads), head=_head(known, found, rules, group),
        rows=msgspec.json.encode(known.rows), bundles=known.bundles,
        texts=list(runs.texts([*shown, *kept], known.kept, read)),
    )  # fmt: skip


def _head(known: Runs, found: Morning, rules: Rules, group: int) -> bytes:
    """What the scripts need to know besides the runs. `band` holds 90 % of single runs of the champion."""
    best, noise = found.registry.champion, found.registry.noise
    leader = found.registry.leader
    return msgspec.json.encode({
        "metric": inline(rules.metric), "direction": rules.direction, "bundle": runs.BUNDLE,
        "statuses": known.statuses.texts, "actions": known.actions.texts, "families": known.families.texts,
        "writers": known.writers.texts, "groups": known.groups.texts, "group": group, "night": found.first,
        "champion": known.places[best.run_id] if best else -1, "mean": best.value if best else None,
        "leader": known.places[leader.run_id] if leader else -1, "noise": noise.sd if noise else 0,
        "band": [best.value - _NINETY * noise.sd, best.value + _NINETY * noise.sd] if best and noise else None,
    })  # fmt: skip


def _idea(text: str) -> str:
    return shorten(inline(text), _IDEA)


class _Tone:
    """A gain, a loss, or neither: what is within the noise of one run looks like neither."""

    def __init__(self, registry: Registry, rules: Rules) -> None:
        self._noise, self._rules = registry.noise.sd if registry.noise else 0.0, rules

    def __call__(self, delta: float | None) -> str:
        if delta is None or abs(delta) <= self._noise:
            return "even"
        return "good" if self._rules.oriented(delta) < 0 else "bad"


def _place(role: str, found: Standing, names: _Names, tone: _Tone) -> Place:
    is_best, odds = role == "champion", found.probability
    return Place(
        role=role, run_id=found.run_id, name=names(found.run_id), commit=inline(found.commit[:7]),
        idea=_idea(found.description), value=number(found.value), runs=found.runs,
        delta="" if is_best else signed(found.delta_to_champion, found.value), tone=tone(found.delta_to_champion),
        odds="" if odds is None else chance(odds), share=odds, status=found.status, family=_idea(found.family),
        memory="" if found.memory_gb is None else f"{found.memory_gb:.1f}",
    )  # fmt: skip


def _board(registry: Registry, names: _Names, tone: _Tone) -> list[Place]:
    return [_place(role, standing, names, tone) for role, standing in standings(registry)]


def _sure(best: Standing | None) -> str:
    if best is None or best.probability is None:
        return "the first that was measured" if best else ""
    return f"better than the one before with probability {chance(best.probability)}"


def _change(found: Morning, best: Standing | None) -> float | None:
    """How far the champion's value moved over the night, None if it is the same program or there was none."""
    if best is None or found.before is None or found.before[1] == best.run_id:
        return None
    return best.value - found.before[0]


def _before(found: Morning, names: _Names) -> tuple[str, str, str] | None:
    """The champion of the evening: run id, name, value."""
    if found.before is None:
        return None
    value, run_id = found.before
    return run_id, names(run_id), number(value)


def _noise(registry: Registry) -> str:
    found = registry.noise
    if found is None:
        return ""
    why = ", since nothing was run twice" if found.assumed else ""
    spread = f"90 % within {rough(found.low)} to {rough(found.high)}"
    return f"±{rough(found.sd)} for one run, {basis(found.replicates)}{why}; {spread}"


def _ask(found: Decision, names: _Names, tone: _Tone) -> Ask:
    run, packet, odds = found.run, found.packet, found.probability
    name = names(run.run_id)
    said = packet.error.summary if packet.error else packet.summary if found.delta is None else ""
    return Ask(
        action=packet.next_action.replace("_", " "), priority=packet.priority, run_id=run.run_id, name=name,
        idea=_idea(run.description), why=shorten(inline(packet.rationale), 400), said=shorten(inline(said), 300),
        value="" if found.value is None else f"{number(found.value)} ({count(found.runs, 'run')})",
        delta="" if not found.delta or found.is_champion else signed(found.delta, found.value), tone=tone(found.delta),
        odds="" if odds is None else chance(odds), share=odds,
        commands=[_command(said, name) for said in _verbs(packet)],
    )  # fmt: skip


def _verbs(packet: Packet) -> tuple[str, ...]:
    """What is typed next, and then; the run's name comes after it."""
    first = verb(packet.next_action, packet.priority)
    return {"": (_SHOW,), "show": (_SHOW, "restore")}.get(first, (first, _SHOW))


def _command(said: str, name: str) -> str:
    first, _, option = said.partition(" ")
    return " ".join(part for part in ("git memorylab", first, name, option) if part)


def _clusters(registry: Registry, names: _Names) -> list[Bar]:
    most = max((cluster.size for cluster in registry.failure_clusters), default=1)
    return [
        Bar(
            label=inline(one.label), total=one.size, keep=0, discard=one.size - one.crashes, crash=one.crashes,
            widths=_widths(most, 0, one.size - one.crashes, one.crashes),
            best="" if one.best_value is None else number(one.best_value),
            lists=[_idea(example) for example in one.examples],
            links=[(run_id, names(run_id)) for run_id in one.run_ids[-_LATEST:][::-1]],
        )
        for one in registry.failure_clusters
    ]  # fmt: skip


def _writers(known: Runs, rules: Rules, group: int) -> tuple[list[Bar], int]:
    """The writers with the most runs, with the best that each kept in the current group; and how many others."""
    counts = [[0, 0, 0] for _ in known.writers.texts]
    best: dict[int, float] = {}
    for row in known.rows:
        counts[row.writer][row.status] += 1
        if row.value is not None and row.group == group and row.status == known.statuses("keep"):
            value = best.setdefault(row.writer, row.value)
            best[row.writer] = min(value, row.value, key=rules.oriented)
    order = sorted(range(len(counts)), key=lambda writer: (-sum(counts[writer]), known.writers.texts[writer]))
    most = max((sum(those) for those in counts), default=1)
    bars = [
        Bar(
            label=known.writers.texts[writer], total=sum(counts[writer]), keep=counts[writer][0],
            discard=counts[writer][1], crash=counts[writer][2], widths=_widths(most, *counts[writer]),
            best=number(best[writer]) if writer in best else "",
        )
        for writer in order[:_WRITERS]
    ]  # fmt: skip
    return bars, len(counts) - len(bars)


def _widths(most: int, *parts: int) -> tuple[float, float, float]:
    keep, discard, crash = (round(100 * part / most, 2) for part in parts)
    return keep, discard, crash


def _others(registry: Registry, names: _Names, tone: _Tone) -> list[Other]:
    def best(standing: Standing | None) -> Place | None:
        return _place("champion", standing, names, tone) if standing else None

    groups: Sequence[Other] = [
        Other(label=inline(board.label), runs=board.num_runs, champion=best(board.champion))
        for board in registry.other_groups
    ]
    return list(groups)
