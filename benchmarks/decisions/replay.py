"""Policies on the results of real ledgers: what each would have called an improvement.

    python -m benchmarks.decisions.replay FOLDER

FOLDER holds ledgers (TSV). The truth is not known here. The rows are taken in their order with the status that was
written down; for each ledger: its measured runs, those that its author kept, the improvements by a lower number, by
0.0015 and by gain over MAD, those promoted on evidence, those that packets leave within the noise, and the noise that
is assumed or measured (runs of one commit with the same words are replicates).
"""

import sys
from collections import Counter
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.decisions.policies import LIKELY, MARGIN
from benchmarks.novelty.stale import runs_of
from memorylab.core import decision
from memorylab.core.race import Race, Rules
from memorylab.core.races import Races
from memorylab.core.record import Run

TITLES = ("ledger", "runs", "kept", "lower", "by 0.0015", "over MAD", "promoted", "in the noise", "noise", "replicates")


def lower(values: list[float], margin: float) -> int:
    """How often a value is lower than the lowest before it by more than a margin."""
    best, found = values[0], 0
    for value in values[1:]:
        if value < best - margin:
            best, found = value, found + 1
    return found


def over_mad(values: list[float]) -> int:
    """How often a new lowest value is called likely real by pi-autoresearch's rule."""
    best, found = values[0], 0
    for at, value in enumerate(values[1:], start=2):
        if value < best:
            best = value
            seen = values[:at]
            spread = median(abs(one - median(seen)) for one in seen)
            found += spread > 0 and (values[0] - best) / spread >= LIKELY
    return found


def packets(runs: list[Run], rules: Rules) -> tuple[Counter[str], Race | None]:
    """What the packets say of each run, as decided at the time: the promotions after the first, and what is ahead
    within the noise; and the race on all evidence."""
    said: Counter[str] = Counter()
    race: Race | None = None
    races = Races(rules)
    for run in runs:
        settled, found = decision.settle(run, races, run.status)
        races.add(settled)
        race = found.after
        packet = settled.decision_packet
        assert packet is not None
        if packet.next_action == "promote" and packet.comparison.prior_champion_run_id:
            said["promoted"] += 1
        if found.own is not None and found.own.led and packet.next_action == "replicate":
            said["in the noise"] += 1
    return said, race


def main(folder: str) -> int:
    print("| " + " | ".join(TITLES) + " |\n| --- " + "| ---: " * (len(TITLES) - 1) + "|")
    for path in sorted(Path(folder).glob("*.tsv")):
        runs = [
            # As `import` has them, so that a commit that many rows share makes no replicates of them.
            msgspec.structs.replace(run, run_id=f"imported-{run.run_id}")
            for run in runs_of(path)
            if run.status == "crash" or run.value("val_bpb") is not None
        ]
        values = [value for run in runs if (value := run.value("val_bpb")) is not None]
        if len(values) < 20:
            continue
        said, race = packets(runs, Rules())
        assert race is not None
        cells = (
            path.stem[:40], len(values), sum(run.status == "keep" for run in runs), lower(values, 0.0),
            lower(values, MARGIN), over_mad(values), said["promoted"], said["in the noise"], f"{race.noise.sd:.2g}",
            race.noise.replicates,
        )  # fmt: skip
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
