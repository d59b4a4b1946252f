"""What may be compared with what: comparison groups, and the runs of one program within one.

Runs compare where evaluator, device and budget are the same; "not stated" is a group of its own, for a result from
another machine that does not say so must not lead here. Runs of one program are replicates of each other.
"""

from collections import ChainMap
from collections.abc import Iterable, MutableMapping, Sequence

from msgspec import Struct

from memorylab.core.record import Environment, Number, Run

MOST = 1e50  # no metric is that large, and squares of more would overflow
MOST_RUNS = 128  # of one program: that many tell its value to a tenth of the noise, and what is kept has an end
IMPORTED = "imported-"  # how the id of a run begins that was taken over from somebody's table


class Group(Struct, frozen=True):
    """A comparison group, besides the metric: fields as in `Environment`, `device` without its number."""

    evaluator: str | None = None
    device: str | None = None
    budget_kind: str | None = None
    budget: Number = None

    @property
    def label(self) -> str:
        """The group in words: `cpu, 15 cpu_seconds, evaluator 1a2b3c`; `not stated` where nothing is known."""
        budget = "" if self.budget is None else f"{self.budget:g} {self.budget_kind or ''}".strip()
        evaluator = f"evaluator {self.evaluator[:12]}" if self.evaluator else ""
        return ", ".join(part for part in (self.device, budget, evaluator) if part) or "not stated"


class Sample(Struct, frozen=True):
    """The runs of one program in one group, in the order of the ledger, and what they measured (at least one value).
    `base` is the program that it was built on, None where that is not known."""

    program: str
    runs: tuple[Run, ...]
    values: tuple[float, ...]
    base: str | None = None

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)


def group_of(run: Run) -> Group:
    """The group that a run was measured in."""
    found = run.environment or Environment()
    return Group(found.evaluator, device_class(found.device), found.budget_kind, found.budget)


def device_class(device: str | None) -> str | None:
    """A device without its number: "cuda (NVIDIA H100)" of "cuda:3 (NVIDIA H100)"."""
    first, *rest = (device or "").split() or [""]
    return " ".join([first.partition(":")[0], *rest]) or None


class Programs:
    """Which program each run is of, told run by run in the order of the ledger.

    That is the blob; the parent's program where the commit changes nothing that counts; a commit that says neither is
    a program of its own. An imported row is one by its commit and words: many tables repeat a commit.

    `of_commit` has the program that each commit holds, the keys of `blobs` are those that were seen. Both may be
    mappings that are kept elsewhere.
    """

    def __init__(
        self, of_commit: MutableMapping[str, str] | None = None, blobs: MutableMapping[str, bool] | None = None
    ) -> None:
        self.of_commit = {} if of_commit is None else of_commit
        self.blobs = {} if blobs is None else blobs

    def add(self, run: Run) -> str:
        """The program of the next run."""
        change, parent = run.change, self.base(run)
        if parent is not None and parent not in self.blobs:
            parent = None  # a commit without a subject changes nothing either: it has to be known that there is one
        if change is not None and change.blob:
            self.blobs[change.blob] = True
        if run.run_id.startswith(IMPORTED):
            key = f"{run.commit} {run.description.casefold()}" if run.commit.strip("-? ") else run.run_id
        elif change is not None and change.blob and (change.dirty or change.fingerprint or not parent):
            key = change.blob
        else:
            key = self.of_commit.get(run.commit) or parent or run.commit
        if change is None or not change.dirty:
            self.of_commit.setdefault(run.commit, key)
        return key

    def base(self, run: Run) -> str | None:
        """The program that a run's was built on, None where that is not known (yet)."""
        return self.of_commit.get(run.parent_commit or "")

    def ahead(self) -> "Programs":
        """The same, to be told of more runs that these do not learn of."""
        return Programs(ChainMap({}, self.of_commit), ChainMap({}, self.blobs))


def pooled(program: str, runs: Sequence[Run], metric: str, base: str | None = None) -> Sample:
    """The runs of one program in one group. Of more than MOST_RUNS the first and the latest count."""
    counted = (runs[0], *runs[1:][1 - MOST_RUNS :])
    return Sample(program, counted, values(counted, metric), base)


def is_measured(run: Run, metric: str) -> bool:
    """Whether a run has a value to compare."""
    value = run.value(metric)
    return value is not None and abs(value) < MOST


def values(runs: Iterable[Run], metric: str) -> tuple[float, ...]:
    """What the runs of one program measured, what is the same measurement twice left out.

    With a budget of tokens a seed gives the same result to the last bit: running it again tells nothing new.
    """
    found: list[float] = []
    seen: dict[float, set[int | None]] = {}
    for run in runs:
        value, seed = run.value(metric), run.environment.seed if run.environment else None
        if value is None or not is_measured(run, metric):
            continue
        seeds = seen.setdefault(value, set())
        if not seeds or seed is not None and None not in seeds and seed not in seeds:
            found.append(value)
        seeds.add(seed)
    return tuple(found)
