"""results.tsv: the ledger in upstream's five columns, for upstream's notebook and for people."""

from collections.abc import Iterable

from memorylab.core import ranking
from memorylab.core.record import Run
from memorylab.core.text import inline, number, quoted


def header(metric: str) -> str:
    """The first line; the second column bears the metric's name."""
    return f"commit\t{metric}\tmemory_gb\tstatus\tdescription\n"


def row(run: Run, metric: str) -> str:
    """One run. Upstream writes 0.000000 and 0.0 for a crash, so these stand for a crash and for nothing else: what was
    not measured in another run is left empty, which pandas reads as missing."""
    memory = ranking.memory_gb(run)
    if run.status == "crash":
        measured = ("0.000000", "0.0")
    else:
        value = run.value(metric)
        measured = ("" if value is None else number(value), "" if memory is None else f"{memory:.1f}")
    description = quoted(inline(run.description))  # another program may have written a record of several lines
    if description.startswith('"'):
        # Upstream's notebook reads a field that begins with a quote up to the next quote, be it many rows below.
        description = "'" + description[1:]
    if description.count("$") > 1:
        # What stands between two of them it draws as mathematics, or fails.
        description = description.replace("$", "\\$")
    return "\t".join((quoted(inline(run.commit[:7])), *measured, run.status, description)) + "\n"


def render(runs: Iterable[Run], metric: str) -> str:
    """The whole table."""
    return header(metric) + "".join(row(run, metric) for run in runs)
