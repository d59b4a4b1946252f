"""The board: champion, challengers, lineages and failure clusters, computed afresh from all runs.

Runs are compared only within their comparison group. The current one is that of the latest measured run; every other
has its own champion, so that a result from another device takes the lead from nobody.
"""

from collections.abc import Callable

from msgspec import Struct

from memorylab.core import deadends
from memorylab.core.deadends import DeadEnd
from memorylab.core.entry import Entry
from memorylab.core.group import Group
from memorylab.core.noise import Noise
from memorylab.core.race import Race
from memorylab.core.races import Races
from memorylab.core.record import Direction, Run, Status, rounded

CHALLENGERS = 3
LINEAGES = 5
CLUSTERS = 5
EXAMPLES = 3
EXAMINED = 50  # runs of a cluster, for examples
NAMED = 20  # runs of a cluster
STATUSES = ("crash", "discard", "keep")


class Standing(Struct, frozen=True, kw_only=True):
    """A program's place on the board, by its first run. `value` is the mean of its `runs` runs, `delta_to_champion`
    that minus the champion's, `probability` that of being truly better than the champion (the champion's own: than the
    one before it), null without one. `status` is that of its latest run, `memory_gb` in GiB."""

    run_id: str
    commit: str
    lineage_root: str
    family: str
    status: Status
    metric: str
    value: float
    delta_to_champion: float
    runs: int
    probability: float | None
    memory_gb: float | None
    description: str


class GroupBoard(Struct, frozen=True, kw_only=True):
    """Another comparison group, with its own champion."""

    group: Group
    label: str
    num_runs: int
    champion: Standing | None


class Lineage(Struct, frozen=True, kw_only=True):
    """The runs that grew from one commit."""

    lineage_root: str
    best_run_id: str
    best_commit: str
    best_value: float
    num_runs: int
    num_unique_commits: int
    kept_runs: int


class Cluster(Struct, frozen=True, kw_only=True):
    """Failures of one kind: a discarded or crashed idea that came back. `run_ids` are the latest of them."""

    label: str
    size: int
    crashes: int
    best_value: float | None
    examples: tuple[str, ...]
    run_ids: tuple[str, ...]


class Registry(Struct, frozen=True, kw_only=True):
    """champion_challenger.json, of one comparison group; `other_groups` have champions of their own.

    `updated_at` is the time of the latest run, so that equal ledgers give equal bytes. The leader is what to build on:
    the champion, or what is likely ahead of it. `noise` is the standard deviation of one run; `reopen` are dead ends
    worth another try.
    """

    updated_at: str | None
    metric: str
    direction: Direction
    num_experiments: int
    status_counts: dict[str, int]
    group: Group | None
    label: str
    noise: Noise | None
    champion: Standing | None
    leader: Standing | None
    challengers: tuple[Standing, ...]
    best_lineages: tuple[Lineage, ...]
    failure_clusters: tuple[Cluster, ...]
    reopen: tuple[DeadEnd, ...]
    other_groups: tuple[GroupBoard, ...]


def standings(registry: Registry) -> list[tuple[str, Standing]]:
    """The board in its order, each with its role: the champion, the leader where that is another, the challengers."""
    best, leader = registry.champion, registry.leader
    found = [("champion", best)] if best else []
    if best and leader and leader.run_id != best.run_id:
        found.append(("leader", leader))
    shown = {standing.run_id for _, standing in found}
    return found + [("challenger", one) for one in registry.challengers if one.run_id not in shown]


def memory_gb(run: Run) -> float | None:
    """Peak memory in GiB, one decimal as upstream shows it; None where it was not measured."""
    peak = run.metrics.get("peak_vram_mb")
    return None if peak is None else round(peak / 1024, 1)


class Tally(Struct, frozen=True, kw_only=True):
    """What a board counts over all runs. `root` gives the root of a run's lineage, `lineages` are those of the current
    group, both lists the most telling first."""

    updated_at: str | None
    statuses: dict[str, int]
    current: Group | None
    root: Callable[[str], str]
    lineages: tuple[Lineage, ...]
    clusters: tuple[Cluster, ...]


def registry(tally: Tally, races: Races) -> Registry:
    """The whole board, of the runs that both were told of."""
    rules, current = races.rules, tally.current
    here = races.race(current) if current else None
    best = here.champion if here else None

    def standing(found: Race, entry: Entry) -> Standing:
        first, top = entry.sample.runs[0], found.champion
        probability = found.probability(entry, None if entry is top else top)
        return Standing(
            run_id=first.run_id, commit=first.commit, lineage_root=tally.root(first.run_id), family=first.family,
            status=entry.sample.runs[-1].status, metric=rules.metric, value=entry.sample.mean,
            delta_to_champion=entry.sample.mean - (top.sample.mean if top else 0.0), runs=len(entry.sample.values),
            probability=None if probability is None else rounded(probability), memory_gb=memory_gb(first),
            description=first.description,
        )  # fmt: skip

    others = [
        GroupBoard(
            group=group, label=group.label, num_runs=races.field(group).runs,
            champion=standing(found, found.champion) if found.champion else None,
        )
        for group in races.groups()
        if group != current and (found := races.race(group))
    ]  # fmt: skip
    return Registry(
        updated_at=tally.updated_at,
        metric=rules.metric,
        direction=rules.direction,
        num_experiments=sum(tally.statuses.values()),
        status_counts=tally.statuses,
        group=current,
        label=current.label if current else "",
        noise=here.noise if here else None,
        champion=standing(here, best) if here and best else None,
        leader=standing(here, here.leader) if here and here.leader else None,
        challengers=tuple(standing(here, entry) for entry in here.challengers(CHALLENGERS)) if here else (),
        best_lineages=tally.lineages,
        failure_clusters=tally.clusters,
        reopen=deadends.worth_reopening(here) if here else (),
        other_groups=tuple(sorted(others, key=lambda board: (-board.num_runs, board.label))),
    )
