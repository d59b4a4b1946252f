"""The tally of a board counted run by run, as the index has to count it (memorylab/board.py)."""

from collections.abc import Callable, Iterable, Sequence

from memorylab.core.aliases import BUILT_IN, Vocabulary
from memorylab.core.group import group_of, is_measured
from memorylab.core.kinds import kind_of
from memorylab.core.lineage import root_of
from memorylab.core.race import Rules
from memorylab.core.ranking import (
    CLUSTERS,
    EXAMINED,
    EXAMPLES,
    LINEAGES,
    NAMED,
    STATUSES,
    Cluster,
    Lineage,
    Tally,
)
from memorylab.core.record import Direction, Run
from memorylab.core.text import shorten
from tests.core.turning import latest_group


def _better_first(metric: str, direction: Direction) -> Callable[[Run], float]:
    """A sort key. Of equals the earlier in the order of the ledger stays first, as sorted() and min() have it."""
    sign = 1.0 if direction == "minimize" else -1.0

    def key(run: Run) -> float:
        value = run.value(metric)
        return sign * value if value is not None else float("inf")

    return key


def group(runs: Sequence[Run], vocabulary: Vocabulary = BUILT_IN) -> list[tuple[str, list[Run]]]:
    """(label, runs) of each kind, in order of first appearance. One pass: a run is of the kind of its first knob."""
    found: dict[str, tuple[str, list[Run]]] = {}
    for run in runs:
        key, label = kind_of(run, vocabulary)
        found.setdefault(key, (shorten(label, 60) or "unnamed", []))[1].append(run)
    return list(found.values())


def tally(
    runs: Sequence[Run],
    ancestors: Callable[[str], Iterable[str]],
    kinds: Callable[[Sequence[Run]], Sequence[tuple[str, Sequence[Run]]]],
    rules: Rules,
    writer: str | None = None,
) -> Tally:
    """The tally of these runs. `ancestors` is as in `lineage.root_of`, `kinds` groups failures: (label, runs) each. The
    current group is that of the latest measured run, of `writer` if that has one."""
    metric = rules.metric
    measured = [run for run in runs if is_measured(run, metric)]
    own = [run for run in measured if run.writer == writer]
    current = latest_group(own or measured, metric)
    key = _better_first(metric, rules.direction)
    by_commit: dict[str, str] = {}
    roots: dict[str, str] = {}
    for run in runs:
        roots[run.run_id] = root = root_of(run, by_commit.get, ancestors)
        by_commit.setdefault(run.commit, root)
    groups: dict[str, list[Run]] = {}
    for run in sorted((run for run in measured if group_of(run) == current), key=key):
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
    return Tally(
        updated_at=max((run.timestamp_utc for run in runs if run.timestamp_utc), default=None),
        statuses={status: sum(run.status == status for run in runs) for status in STATUSES},
        current=current,
        root=roots.__getitem__,
        lineages=tuple(lineages[:LINEAGES]),
        clusters=_clusters(runs, kinds, key, metric),
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
            examples=tuple(dict.fromkeys(run.description for run in members[:EXAMINED]))[:EXAMPLES],
            run_ids=tuple(run.run_id for run in members[-NAMED:]),
        )
        for label, members in kinds(failures)
    ]
    return tuple(sorted(found, key=lambda cluster: (-cluster.size, -cluster.crashes, cluster.label))[:CLUSTERS])
