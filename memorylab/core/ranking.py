"""Who leads: champion, challengers, lineages and failure clusters, computed afresh from all runs.

Runs are compared only where they are comparable: within one evaluator, kind of device and budget.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from memorylab.core.record import Environment, Run, Status

CHALLENGERS = 3
LINEAGES = 5
CLUSTERS = 5
EXAMPLES = 3

Direction = Literal["minimize", "maximize"]


class Standing(Struct, frozen=True, kw_only=True):
    """A run's place on the board. Its `delta_to_champion` is value minus the champion's, `memory_gb` in GiB."""

    run_id: str
    commit: str
    lineage_root: str
    family: str
    status: Status
    metric: str
    value: float
    delta_to_champion: float
    memory_gb: float | None
    description: str


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
    """Failures of one kind: a discarded or crashed idea that came back."""

    label: str
    size: int
    crashes: int
    best_value: float | None
    examples: tuple[str, ...]
    run_ids: tuple[str, ...]


class Registry(Struct, frozen=True, kw_only=True):
    """champion_challenger.json. `updated_at` is the time of the latest run, so that equal ledgers give equal bytes."""

    updated_at: str | None
    metric: str
    direction: Direction
    num_experiments: int
    status_counts: dict[str, int]
    champion: Standing | None
    challengers: tuple[Standing, ...]
    best_lineages: tuple[Lineage, ...]
    failure_clusters: tuple[Cluster, ...]


def memory_gb(run: Run) -> float | None:
    """Peak memory in GiB, one decimal as upstream shows it; None where it was not measured."""
    peak = run.metrics.get("peak_vram_mb")
    return None if peak is None else round(peak / 1024, 1)


def comparable(one: Run, other: Run) -> bool:
    """Whether two values may be compared: the same evaluator, kind of device and budget, as far as both say."""
    a, b = one.environment or Environment(), other.environment or Environment()
    pairs = (
        (a.evaluator, b.evaluator),
        (_device_class(a), _device_class(b)),
        (a.budget_kind, b.budget_kind),
        (a.budget, b.budget),
    )
    return all(x is None or y is None or x == y for x, y in pairs)


def _device_class(environment: Environment) -> str | None:
    """ "cuda" of "cuda:0", "cuda (NVIDIA H100)"; what follows tells machines of one class apart."""
    return next(iter((environment.device or "").replace(":", " ").split()), None)


def champion(runs: Iterable[Run], metric: str, direction: Direction, like: Run | None = None) -> Run | None:
    """The best kept run with a value, of those comparable with `like`; the earliest of equals.

    Where nothing was ever kept, the best discarded run leads.
    """
    measured = [run for run in runs if run.value(metric) is not None and (like is None or comparable(run, like))]
    kept = [run for run in measured if run.status == "keep"]
    return min(kept or measured, key=_better_first(metric, direction), default=None)


def _better_first(metric: str, direction: Direction) -> Callable[[Run], float]:
    """A sort key. Of equals the earlier in the order of the ledger stays first, as sorted() and min() have it."""
    sign = 1.0 if direction == "minimize" else -1.0

    def key(run: Run) -> float:
        value = run.value(metric)
        return sign * value if value is not None else float("inf")

    return key


def lineage_roots(runs: Sequence[Run], nearest: Mapping[str, str | None]) -> dict[str, str]:
    """run id -> the earliest logged commit that its commit descends from.

    `nearest` gives each logged commit its closest logged ancestor in git, however many unlogged commits lie between;
    a commit that git does not know is a lineage of its own.
    """
    roots: dict[str, str] = {}

    def root(commit: str) -> str:
        path = []
        while commit not in roots and (above := nearest.get(commit)) is not None and above != commit:
            path.append(commit)
            commit = above
        found = roots.get(commit, commit)
        for passed in path:
            roots[passed] = found
        return found

    return {run.run_id: root(run.commit) for run in runs}


def registry(
    runs: Sequence[Run],
    nearest: Mapping[str, str | None],
    kinds: Callable[[Sequence[Run]], Sequence[tuple[str, Sequence[Run]]]],
    *,
    metric: str,
    direction: Direction,
) -> Registry:
    """The whole board. `kinds` groups failures: (label, runs) each. The latest run decides what is comparable."""
    roots = lineage_roots(runs, nearest)
    # A crash or an imported row does not say where it ran, and would make everything comparable.
    placed = (run for run in reversed(runs) if run.environment is not None)
    latest = next(placed, runs[-1] if runs else None)
    best = champion(runs, metric, direction, latest)
    key = _better_first(metric, direction)
    ranked = sorted(
        (r for r in runs if r.value(metric) is not None and latest is not None and comparable(r, latest)), key=key
    )

    def standing(run: Run) -> Standing:
        value, top = run.value(metric) or 0.0, best.value(metric) or 0.0 if best else 0.0
        return Standing(
            run_id=run.run_id, commit=run.commit, lineage_root=roots[run.run_id], family=run.family, status=run.status,
            metric=metric, value=value, delta_to_champion=value - top, memory_gb=memory_gb(run),
            description=run.description,
        )  # fmt: skip

    groups: dict[str, list[Run]] = {}
    for run in ranked:
        groups.setdefault(roots[run.run_id], []).append(run)
    lineages = [
        Lineage(
            lineage_root=name, best_run_id=members[0].run_id, best_commit=members[0].commit,
            best_value=members[0].value(metric) or 0.0, num_runs=len(members),
            num_unique_commits=len({run.commit for run in members}),
            kept_runs=sum(run.status == "keep" for run in members),
        )
        for name, members in groups.items()
    ]  # fmt: skip
    return Registry(
        updated_at=max((run.timestamp_utc for run in runs if run.timestamp_utc), default=None),
        metric=metric,
        direction=direction,
        num_experiments=len(runs),
        status_counts={status: sum(run.status == status for run in runs) for status in ("crash", "discard", "keep")},
        champion=standing(best) if best else None,
        challengers=tuple(standing(run) for run in ranked if run is not best)[:CHALLENGERS],
        best_lineages=tuple(lineages[:LINEAGES]),
        failure_clusters=_clusters(runs, kinds, key, metric),
    )


def _clusters(
    runs: Sequence[Run],
    kinds: Callable[[Sequence[Run]], Sequence[tuple[str, Sequence[Run]]]],
    key: Callable[[Run], float],
    metric: str,
) -> tuple[Cluster, ...]:
    failures = [run for run in runs if run.status != "keep"]
    found = [
        Cluster(
            label=label,
            size=len(members),
            crashes=sum(run.status == "crash" for run in members),
            best_value=min(members, key=key).value(metric),
            examples=tuple(dict.fromkeys(run.description for run in members))[:EXAMPLES],
            run_ids=tuple(run.run_id for run in members),
        )
        for label, members in kinds(failures)
    ]
    return tuple(sorted(found, key=lambda cluster: (-cluster.size, -cluster.crashes, cluster.label))[:CLUSTERS])
