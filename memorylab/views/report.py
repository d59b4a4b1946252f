"""The morning report, in Markdown that reads as it stands, in a terminal, on a forge, in a mail: decisions first, then
the board, then the record. A run is called by a short name, which links to its folder and which any command takes."""

from collections.abc import Sequence

from memorylab.core import ranking
from memorylab.core.decision import chance, signed
from memorylab.core.group import group_of
from memorylab.core.noise import basis
from memorylab.core.record import Run
from memorylab.core.spark import spark
from memorylab.core.text import cell, code, count, number, rough, short_id, shorten
from memorylab.core.waiting import Decision
from memorylab.recall import Recall
from memorylab.views.morning import Morning

RECENT = 15
_IDEA = 72  # characters of an idea in a table


class _Names:
    """The runs that were named, for the links at the end."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}

    def __call__(self, run_id: str) -> str:
        name = short_id(run_id)
        if self._named.setdefault(name, run_id) != run_id:
            name = run_id
            self._named[name] = run_id
        return f"[{name}]"

    def links(self, recall: Recall, folder: str) -> list[str]:
        """Where each leads, in the folder of the runs."""
        told = {run.run_id for run, _ in recall.named(self._named.values()) if run.decision_packet is not None}
        files = {run_id: "decision_packet.md" if run_id in told else "record.json" for run_id in self._named.values()}
        return [f"[{name}]: {folder}/{run_id}/{files[run_id]}" for name, run_id in self._named.items()]


def render(recall: Recall, found: Morning, runs: str | None = "../runs") -> str:
    """The report of a morning. `runs` is the folder of the runs' own folders, as seen from the report; None if there is
    none. It depends on its arguments alone, so it can be rendered again."""
    names, registry = _Names(), found.registry
    latest = [run for _, run, _ in recall.runs(max(0, recall.size - RECENT))]
    sections = {
        "": _opening(found, names),
        "Decision queue": _queue(found, names),
        "Champion board": [*_board(registry, names), *_groups(registry, names)],
        "Dead ends worth reopening": _reopen(registry, names),
        "Failure clusters": _clusters(registry, names),
        "Best lineages": _lineages(registry, names),
        "Recent runs": _recent(latest, registry.metric, names),
    }
    parts = ["# Morning report"]
    for title, lines in sections.items():
        parts += [*(["", f"## {title}"] if title else []), "", *lines]
    links = names.links(recall, runs) if runs is not None else []
    return "\n".join([*parts, *(["", *links] if links else [])]) + "\n"


def _opening(found: Morning, names: _Names) -> list[str]:
    """What the night came to, who leads, and the night as a line."""
    registry, best = found.registry, found.registry.champion
    if found.as_of is None or not found.size:
        lines = ["Nothing has been run yet. `git memorylab run` makes the first run."]
    else:
        kept, discarded, crashed = (found.count(status) for status in ("keep", "discard", "crash"))
        lines = [
            f"As of {found.as_of:%Y-%m-%d %H:%M} UTC, the last {found.hours:g} hours: "
            f"{count(len(found.night), 'run')}, {kept} kept, {discarded} discarded, {crashed} crashed; "
            f"{found.size} in all."
        ]
    if best is None:
        said = ["No champion yet."] if found.size else []
    else:
        said = [f"Champion: {registry.metric} {_standing(best, names)}, {count(best.runs, 'run')}{_sure(best)}."]
        leader = registry.leader
        if leader is not None and leader.run_id != best.run_id:
            said.append(
                f"Build on {_standing(leader, names)}: {signed(leader.delta_to_champion, best.value)} to the champion, "
                f"ahead with probability {_odds(leader)}, not yet proven."
            )
        said.append(_change(found, best))
    if registry.noise is not None and best is not None:
        noise = registry.noise
        based = basis(noise.replicates) + (": nothing was run twice" if noise.assumed else "")
        said.append(
            f"Noise of one run: {rough(noise.sd)} ({based}; 90 % within {rough(noise.low)} to {rough(noise.high)}), "
            f"in the group {cell(registry.label)}."
        )
    if found.unreadable:
        said.append(
            f"{count(found.unreadable, 'record')} could not be read and left alone; a newer version may read them."
        )
    if said:
        lines += ["", *(f"- {line}" for line in said)]
    return [*lines, *_line_of(found)]


def _line_of(found: Morning) -> list[str]:
    """The night in bars, which reads the same in a proportional mail as in a terminal."""
    registry = found.registry
    values = [run.value(registry.metric) for run in found.night if run.status == "crash" or _is_here(run, registry)]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return []
    is_lower = registry.direction == "minimize"
    crashes = ", × a crash" if len(known) < len(values) else ""
    return [
        "",
        f"    {number(known[0])} {spark(values, lowest=is_lower)} {number(known[-1])}",
        "",
        f"{registry.metric} of each run of the night, oldest first; "
        f"{'lower' if is_lower else 'higher'} is better{crashes}.",
    ]


def _is_here(run: Run, registry: ranking.Registry) -> bool:
    """Whether a run can be compared with the champion."""
    return group_of(run) == registry.group


def _standing(found: ranking.Standing, names: _Names) -> str:
    return f"{number(found.value)} at {code(found.commit[:7])}, {cell(found.description)} {names(found.run_id)}"


def _sure(best: ranking.Standing) -> str:
    return f", better than the one before with probability {_odds(best)}" if best.probability is not None else ""


def _change(found: Morning, best: ranking.Standing) -> str:
    if found.before is None:
        return "Change over the night: there was no champion before."
    value, run_id = found.before
    moved = "unchanged" if run_id == best.run_id else f"{signed(best.value - value, value)} to {number(value)}"
    return f"Change over the night: {moved}."


def _queue(found: Morning, names: _Names) -> list[str]:
    if not found.queue:
        return ["Nothing waits for a decision."]
    lines = []
    for at, decision in enumerate(found.queue, 1):
        run, packet = decision.run, decision.packet
        lines += [
            f"{at}. **{packet.next_action}** ({packet.priority}) {names(run.run_id)} {cell(run.description)}  ",
            f"   {_why(decision, found.registry)}",
        ]
    name = names(found.queue[0].run.run_id).strip("[]")
    return [*lines, "", f"What is in brackets names a run for every command: `git memorylab show {name}`."]


def _why(found: Decision, registry: ranking.Registry) -> str:
    """What speaks for a decision, as it stands now."""
    packet = found.packet
    if found.delta is None:
        said = packet.error.summary if packet.error else packet.summary
        return f"{cell(packet.rationale)} {cell(said)}"
    odds = "the champion" if found.probability is None else (
        f"{signed(found.delta, found.value)} to the champion, better with probability {chance(found.probability)}"
    )  # fmt: skip
    return f"{cell(packet.rationale)} {registry.metric} {number(found.value)} ({count(found.runs, 'run')}), {odds}."


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> list[str]:
    """Columns of equal width, so that it is one as plain text, too; without those that say nothing."""
    if not rows:
        return [empty]
    told = [at for at in range(len(titles)) if any(row[at] not in ("", "-") for row in rows)]
    right = [titles[at].endswith(">") for at in told]
    lines = [[titles[at].rstrip(">") for at in told], *([row[at] for at in told] for row in rows)]
    widths = [max(3, *(len(line[at]) for line in lines)) for at in range(len(told))]
    marks = ["-" * (width - 1) + (":" if is_right else "-") for width, is_right in zip(widths, right, strict=True)]

    def row(cells: Sequence[str]) -> str:
        parts = zip(cells, widths, right, strict=True)
        return "| " + " | ".join(text.rjust(n) if is_right else text.ljust(n) for text, n, is_right in parts) + " |"

    return [row(lines[0]), row(marks), *map(row, lines[1:])]


def _idea(text: str) -> str:
    return cell(shorten(text, _IDEA))


def _odds(standing: ranking.Standing) -> str:
    return "" if standing.probability is None else chance(standing.probability)


def _board(registry: ranking.Registry, names: _Names) -> list[str]:
    rows = [
        (role, number(s.value), "" if role == "champion" else signed(s.delta_to_champion, s.value), str(s.runs),
         "" if role == "champion" else _odds(s), "-" if s.memory_gb is None else f"{s.memory_gb:.1f}",
         s.status, names(s.run_id), _idea(s.description))
        for role, s in ranking.standings(registry)
    ]  # fmt: skip
    titles = ("role", f"{registry.metric}>", "delta>", "runs>", "better>", "GB>", "status", "run", "idea")
    return _table(titles, rows, "No run has been measured yet.")


def _groups(registry: ranking.Registry, names: _Names) -> list[str]:
    """The champions of the other comparison groups, which nothing here can be compared with."""
    rows = [
        (cell(board.label), str(board.num_runs), number(board.champion.value), names(board.champion.run_id),
         _idea(board.champion.description))
        for board in registry.other_groups
        if board.champion is not None
    ]  # fmt: skip
    if not rows:
        return []
    titles = ("other group", "runs>", f"{registry.metric}>", "run", "champion")
    return [
        "",
        f"This is the group {cell(registry.label)}. Others have champions of their own:",
        "",
        *_table(titles, rows, ""),
    ]


def _reopen(registry: ranking.Registry, names: _Names) -> list[str]:
    rows = [
        (f"{one.strength:.2f}", chance(one.probability), str(one.runs), names(one.run_id), _idea(one.description),
         cell(one.why))
        for one in registry.reopen
    ]  # fmt: skip
    return _table(("strength>", "better>", "runs>", "run", "idea", "why"), rows, "None.")


def _clusters(registry: ranking.Registry, names: _Names) -> list[str]:
    lines = []
    for cluster in registry.failure_clusters:
        crashed = f", {cluster.crashes} of them crashed" if cluster.crashes else ""
        best = f", best {number(cluster.best_value)}" if cluster.best_value is not None else ""
        latest = f", lastly {names(cluster.run_ids[-1])}" if cluster.run_ids else ""
        examples = "; ".join(cell(shorten(example, 100)) for example in cluster.examples)
        lines.append(f"- **{cell(cluster.label)}**: {cluster.size} failed{crashed}{best}{latest}. {examples}.")
    return lines or ["None yet."]


def _lineages(registry: ranking.Registry, names: _Names) -> list[str]:
    rows = [
        (code(line.lineage_root[:7]), number(line.best_value), str(line.num_runs), str(line.num_unique_commits),
         str(line.kept_runs), names(line.best_run_id))
        for line in registry.best_lineages
    ]  # fmt: skip
    return _table(("root", "best>", "runs>", "commits>", "kept>", "best run"), rows, "None yet.")


def _recent(runs: Sequence[Run], metric: str, names: _Names) -> list[str]:
    rows = [
        ((run.timestamp_utc or "-").replace("T", " ")[:16], run.status, number(run.value(metric)), names(run.run_id),
         _idea(run.description))
        for run in reversed(runs)
    ]  # fmt: skip
    return _table(("time (UTC)", "status", f"{metric}>", "run", "idea"), rows, "None yet.")
