"""The morning report, in Markdown that reads as it stands: decisions first, then the board, then the record."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from memorylab.core import ranking
from memorylab.core.decision import chance, signed
from memorylab.core.noise import basis
from memorylab.core.record import Packet, Run
from memorylab.core.text import cell, code, count, number, shorten
from memorylab.recall import Recall

QUEUE = 10
RECENT = 15
_PRIORITY = {"high": 0, "medium": 1, "low": 2}


def moment(stamp: str) -> datetime:
    """A record's timestamp as a time with zone."""
    return datetime.fromisoformat(stamp)


def _before(moment: datetime, hours: float) -> datetime:
    try:
        return moment - timedelta(hours=hours)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def render(recall: Recall, registry: ranking.Registry, as_of: datetime | None, since_hours: float) -> str:
    """The report of the hours before a moment, or before the latest run if that is later or there is none. It depends
    on its arguments alone, so it can be rendered again."""
    moments = [found for found in (as_of, registry.updated_at and moment(registry.updated_at)) if found]
    as_of = max(moments, default=None)
    since = _before(as_of, since_hours) if as_of else None
    night = _night(recall, since) if since else []
    first = night[0][0] if night else recall.size
    parts = [
        "# Morning report",
        "",
        f"As of {as_of:%Y-%m-%d %H:%M} UTC, the last {since_hours:g} hours." if as_of else "Nothing has been run yet.",
        "",
        *_headline(recall, first, [run for _, run in night], registry),
        "",
        "## Decision queue",
        "",
        *_queue(recall, first, [run for _, run in night], registry.champion),
        "",
        "## Champion board",
        "",
        *_board(registry),
        *_groups(registry),
        "",
        "## Best lineages",
        "",
        *_lineages(registry),
        "",
        "## Failure clusters",
        "",
        *_clusters(registry),
        "",
        "## Dead ends worth reopening",
        "",
        *_reopen(registry),
        "",
        "## Recent runs",
        "",
        *_recent([run for _, run, _ in recall.runs(max(0, recall.size - RECENT))], registry.metric),
    ]
    return "\n".join(parts) + "\n"


def _night(recall: Recall, since: datetime) -> list[tuple[int, Run]]:
    """The runs from a time on, each with its place."""
    first = recall.place_since(f"{since:%Y-%m-%dT%H:%M:%S}")
    found = ((at, run) for at, run, _ in recall.runs(first))
    return [(at, run) for at, run in found if run.timestamp_utc and moment(run.timestamp_utc) >= since]


def _headline(recall: Recall, first: int, night: Sequence[Run], registry: ranking.Registry) -> list[str]:
    counts = {status: sum(run.status == status for run in night) for status in ("keep", "discard", "crash")}
    kept, discarded, crashed = counts.values()
    made = count(len(night), "run")
    lines = [f"- {made}: {kept} kept, {discarded} discarded, {crashed} crashed; {recall.size} in all."]
    best = registry.champion
    if best is None:
        lines.append("- No champion yet.")
    else:
        lines.append(
            f"- Champion: {registry.metric} {number(best.value)}, `{best.commit[:7]}`, {cell(best.description)} "
            f"(`{best.run_id}`), {count(best.runs, 'run')}"
            + (f", better than the one before with probability {_odds(best)}." if best.probability is not None else ".")
        )
        prior = recall.races_before(first).race(registry.group).champion if first and registry.group else None
        if prior is not None:
            value, same = prior.sample.mean, prior.sample.runs[0].run_id == best.run_id
            moved = "unchanged" if same else f"{signed(best.value - value)} to {number(value)}"
            lines.append(f"- Change over the night: {moved}.")
    if registry.noise is not None:
        noise = registry.noise
        based = basis(noise.replicates) + (": nothing was run twice" if noise.assumed else "")
        lines.append(
            f"- Noise of one run: {noise.sd:.2g} ({based}; 90 % within {noise.low:.2g} to {noise.high:.2g}), "
            f"in the group {cell(registry.label)}."
        )
    if recall.unreadable:
        lines.append(
            f"- {recall.unreadable} records could not be read and were left alone; a newer version may read them."
        )
    return lines


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> list[str]:
    if not rows:
        return [empty]
    marks = ["---:" if title.endswith(">") else "---" for title in titles]
    head = [title.rstrip(">") for title in titles]
    return ["| " + " | ".join(line) + " |" for line in (head, marks, *rows)]


def _odds(standing: ranking.Standing) -> str:
    return "" if standing.probability is None else chance(standing.probability)


def _queue(recall: Recall, first: int, night: Sequence[Run], champion: ranking.Standing | None) -> list[str]:
    # What is known of a program is in the packet of its latest run, and a promotion is done with once another leads.
    leader = recall.program(champion.run_id) if champion else None
    programs = recall.programs(first)
    decided = []
    for run in night:
        program, is_last = programs[run.run_id]
        packet = run.decision_packet
        if packet is not None and is_last and (packet.next_action != "promote" or program == leader):
            decided.append(run)
    decided.reverse()  # within a priority the latest comes first
    decided = sorted(decided, key=lambda run: _PRIORITY[_packet(run).priority])[:QUEUE]
    rows = [
        (_packet(run).priority, f"**{_packet(run).next_action}**", cell(run.description), cell(_packet(run).summary),
         code(run.run_id))
        for run in decided
    ]  # fmt: skip
    return _table(("priority", "next", "idea", "why", "run"), rows, "Nothing waits for a decision.")


def _packet(run: Run) -> Packet:
    assert run.decision_packet is not None
    return run.decision_packet


def _board(registry: ranking.Registry) -> list[str]:
    best, leader = registry.champion, registry.leader
    standings = [("champion", best)] if best else []
    if best and leader and leader.run_id != best.run_id:
        standings.append(("leader", leader))
    shown = {standing.run_id for _, standing in standings}
    standings += [("challenger", standing) for standing in registry.challengers if standing.run_id not in shown]
    rows = [
        (role, number(s.value), "" if role == "champion" else signed(s.delta_to_champion), str(s.runs),
         "" if role == "champion" else _odds(s), "-" if s.memory_gb is None else f"{s.memory_gb:.1f}",
         code(s.commit[:7]), s.status, cell(s.description), code(s.run_id))
        for role, s in standings
    ]  # fmt: skip
    titles = ("role", f"{registry.metric}>", "delta>", "runs>", "better>", "GB>", "commit", "status", "idea", "run")
    return _table(titles, rows, "No run has been measured yet.")


def _groups(registry: ranking.Registry) -> list[str]:
    """The champions of the other comparison groups, which nothing here can be compared with."""
    rows = [
        (cell(board.label), str(board.num_runs), number(board.champion.value), code(board.champion.commit[:7]),
         cell(board.champion.description), code(board.champion.run_id))
        for board in registry.other_groups
        if board.champion is not None
    ]  # fmt: skip
    if not rows:
        return []
    titles = ("other group", "runs>", f"{registry.metric}>", "commit", "champion", "run")
    return [
        "",
        f"This is the group {cell(registry.label)}. Others have champions of their own:",
        "",
        *_table(titles, rows, ""),
    ]


def _lineages(registry: ranking.Registry) -> list[str]:
    rows = [
        (code(line.lineage_root[:7]), number(line.best_value), code(line.best_commit[:7]),
         str(line.num_runs), str(line.num_unique_commits), str(line.kept_runs))
        for line in registry.best_lineages
    ]  # fmt: skip
    return _table(("root", "best>", "at", "runs>", "commits>", "kept>"), rows, "None yet.")


def _clusters(registry: ranking.Registry) -> list[str]:
    lines = []
    for cluster in registry.failure_clusters:
        crashed = f", {cluster.crashes} of them crashed" if cluster.crashes else ""
        best = f", best {number(cluster.best_value)}" if cluster.best_value is not None else ""
        examples = "; ".join(cell(shorten(example, 100)) for example in cluster.examples)
        lines.append(f"- **{cell(cluster.label)}**: {cluster.size} failed{crashed}{best}. {examples}.")
    return lines or ["None yet."]


def _reopen(registry: ranking.Registry) -> list[str]:
    rows = [
        (f"{one.strength:.2f}", chance(one.probability), str(one.runs), cell(one.description), cell(one.why),
         code(one.run_id))
        for one in registry.reopen
    ]  # fmt: skip
    return _table(("strength>", "better>", "runs>", "idea", "why", "run"), rows, "None.")


def _recent(runs: Sequence[Run], metric: str) -> list[str]:
    rows = [
        ((run.timestamp_utc or "-").replace("T", " ").rstrip("Z"), run.status, number(run.value(metric)),
         code(run.commit[:7]), cell(run.description), code(run.run_id))
        for run in reversed(runs[-RECENT:])
    ]  # fmt: skip
    return _table(("time (UTC)", "status", f"{metric}>", "commit", "idea", "run"), rows, "None yet.")
