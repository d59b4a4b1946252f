"""The figures as a page of Markdown, and its plot."""

from collections.abc import Callable, Sequence

from benchmarks.scale.commands import CASES
from benchmarks.scale.measure import Figure, Sample
from benchmarks.scale.plot import Line, draw
from benchmarks.scale.sizes import BEFORE, MIB, NOTHING, NOW, PREDECESSOR, Measured

_VERSIONS = (NOW, BEFORE, PREDECESSOR)
_DASHES = {NOW: "", BEFORE: "6 3", PREDECESSOR: "2 3"}
_HOW = """
Each figure is of a whole process, `git` and Python started; the median of {repeat}, of fewer where one takes long; what
is compared ran in turn. In brackets: how many times as long as `python -c pass` in the same turn. A hook is a commit
with hooks less one without. Where nothing else is said it is warm, as in the middle of a night: index and views are
those of the command before, and every command that records adds to them. `log` is of a commit that the hook has judged.
Automatic `git gc` is off. What took over {timeout:g} s was stopped, and is skipped on larger ledgers.

The ledgers are generated ([benchmarks/scale](../benchmarks/scale/README.md)):
{loops}, about 15 % kept and 5 % crashed, 7 % of the ideas repeats under other
words; with the plan of its commit, packet, log and patch of each run, as the program writes them. Their verdicts and
packets are made up, of the size of real ones.
"""


def render(measured: Sequence[Measured], about: str, repeat: int, timeout: float, writers: int, picture: str) -> str:
    """The page. `about` says on what, when and by which command it was measured."""
    loops = "one loop" if writers == 1 else f"loops of {writers} writers, all but one fetched from a remote"
    told = ["# What each command costs\n", about, f"![Seconds of wall time by the number of runs]({picture})\n"]
    told.append("Seconds of wall time:\n")
    told += _table(measured, lambda one, nothing: f"{number(one.wall)} ({one.wall / nothing.wall:.0f}×)", True)
    told.append("\nSeconds of CPU time, user and system:\n")
    told += _table(measured, lambda one, _: number(one.cpu))
    told.append("\nPeak memory of the largest process, in MiB:\n")
    told += _table(measured, lambda one, _: f"{one.peak:.0f}")
    told.append("\nOn disk, in MiB; a `log` is counted without the hook before it:\n")
    told += _disk(measured)
    told.append(_HOW.format(repeat=repeat, timeout=timeout, loops=loops))
    failures = [
        f"- {CASES[case][0]}, {version}, {one.runs:,} runs: {figure.why}"
        for one in measured for case, found in one.figures.items() for version, figure in found.items()
        if figure.why.startswith("failed")
    ]  # fmt: skip
    return "\n".join([*told, *(["What did not run:\n", *failures, ""] if failures else [])])


def picture(measured: Sequence[Measured]) -> str:
    """The plot of wall time."""
    lines = []
    for colour, (case, (title, _)) in enumerate(CASES.items()):
        for version in _VERSIONS:
            found = [(one.runs, one.figures.get(case, {}).get(version)) for one in measured]
            points = [(float(runs), figure.sample.wall) for runs, figure in found if figure and figure.sample]
            lines.append(Line(_title(title, version).replace("`", ""), _DASHES[version], colour, points))
    return draw(lines)


def number(value: float) -> str:
    """Three digits at most: `0.085`, `1.24`, `312`."""
    digits = next((n for n, least in enumerate((100, 10, 1)) if value >= least), 3)
    return f"{value:.{digits}f}"


def _table(
    measured: Sequence[Measured], cell: Callable[[Sample, Sample], str], reasons: bool = False
) -> list[str]:  # fmt: skip
    """Rows of versions, columns of sizes; with `reasons` it says why a figure is not there."""
    rows = [_head("", measured)]
    for case, (title, _) in CASES.items():
        for version in _VERSIONS:
            found = [one.figures.get(case, {}) for one in measured]
            if any(version in figures for figures in found):
                cells = [_cell(figures.get(version), figures.get(NOTHING), cell, reasons) for figures in found]
                rows.append(f"| {_title(title, version)} | {' | '.join(cells)} |")
    return rows


def _cell(
    figure: Figure | None, nothing: Figure | None, cell: Callable[[Sample, Sample], str], reasons: bool
) -> str:  # fmt: skip
    if figure is None or figure.sample is None or nothing is None or nothing.sample is None:
        return figure.why.partition(":")[0] if figure and reasons else ""
    return cell(figure.sample, nothing.sample)


def _disk(measured: Sequence[Measured]) -> list[str]:
    titles: dict[str, Callable[[Measured], str]] = {
        ".git without an index": lambda one: number(one.disk.git / MIB) if one.disk else "",
        ".git for 1,000 runs": lambda one: number(one.disk.git / MIB / one.runs * 1000) if one.disk else "",
        ".git for 1,000 runs, after `git gc`": (
            lambda one: number(one.disk.collected / MIB / one.runs * 1000) if one.disk and one.disk.collected else ""
        ),
        "index": lambda one: number(one.disk.lines / MIB) if one.disk else "",
        "views": lambda one: number(one.disk.views / MIB) if one.disk else "",
        "loose objects for a `log`": lambda one: f"{one.disk.loose:.0f}" if one.disk and one.disk.loose else "",
    }
    return [_head("", measured)] + [
        f"| {title} | {' | '.join(cell(one) for one in measured)} |" for title, cell in titles.items()
    ]


def _head(title: str, measured: Sequence[Measured]) -> str:
    sizes = " | ".join(f"{one.runs:,} runs" for one in measured)
    return f"| {title} | {sizes} |\n| --- |{' ---: |' * len(measured)}"


def _title(title: str, version: str) -> str:
    return title if version == NOW else f"{title}, {version}"
