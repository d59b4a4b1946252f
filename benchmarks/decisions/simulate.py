"""Policies on simulated loops with known true effects: false promotions, missed gains, true quality at the end.

    python -m benchmarks.decisions.simulate [--ledgers FOLDER] [--runs 100] [--loops 200]

Every policy gets the same number of runs, replicates included, and the same ideas in the same order. Quality is by how
much the true value was brought down, in percent of all gains among as many ideas as there are runs: that of the tip,
from where the loop would go on, and that of the last promoted champion. The difference to the best other policy
is paired, with its standard error.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean, pstdev

from benchmarks.decisions import policies
from benchmarks.decisions.world import START, Outcome, World, pools
from memorylab.core.effects import UNIT
from memorylab.core.race import Rules

OURS = ("packets", "packets, all replicated", "packets, no window")


def play(job: tuple[str, int, list[float], float, int]) -> Outcome:
    """One loop of one policy."""
    name, seed, effects, noise, runs = job
    world = World(seed, effects, noise, runs)
    found = policies.all_of(Rules())[name](world)
    found.offered = world.offered
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ledgers", type=Path, help="folder of TSV ledgers to take the effects from")
    parser.add_argument("--runs", type=int, default=100, help="in each loop")
    parser.add_argument("--loops", type=int, default=200, help="of each policy at each level of noise")
    parser.add_argument("--noise", type=float, nargs="*", default=[0.5, 1.0, 2.0], help="in median absolute effects")
    parser.add_argument("--unit", type=float, default=UNIT, help="the median absolute effect, at a value of 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--policies", nargs="*", default=list(policies.all_of(Rules())))
    given = parser.parse_args()
    effects = pools(given.ledgers, given.unit)
    print(f"{given.loops} loops of {given.runs} runs, effects of {len(effects)} ledgers, unit {given.unit:g}")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for noise in given.noise:
            print(f"\nnoise {noise:g} x the median effect")
            titles = (
                "policy",
                "tip",
                "champion",
                "to the best other",
                "promoted",
                "not real",
                "missed",
                "ideas",
                "again",
            )
            print("| " + " | ".join(titles) + " |\n" + "| --- " + "| ---: " * (len(titles) - 1) + "|")
            results: dict[str, list[Outcome]] = {}
            for name in given.policies:
                jobs = [
                    (name, given.seed + at, effects[at % len(effects)], noise * given.unit, given.runs)
                    for at in range(given.loops)
                ]
                results[name] = list(pool.map(play, jobs, chunksize=4))
            for name in given.policies:
                print(_row(name, results), flush=True)


def _row(name: str, results: dict[str, list[Outcome]]) -> str:
    found = results[name]
    tips = [_quality(one, one.tip) for one in found]
    others = {other: [_quality(one, one.tip) for one in those] for other, those in results.items() if other not in OURS}
    best = max((values for other, values in others.items() if other != name), key=mean, default=tips)
    differences = [mine - theirs for mine, theirs in zip(tips, best, strict=True)]
    error = pstdev(differences) / len(differences) ** 0.5
    promoted = sum(one.promotions for one in found)
    not_real = sum(one.false_promotions for one in found)
    cells = (
        name, f"{mean(tips):.1f}", f"{mean(_quality(one, one.champion) for one in found):.1f}",
        f"{mean(differences):+.1f} ± {error:.1f}", f"{promoted / len(found):.1f}",
        f"{100 * not_real / max(1, promoted):.1f} %", f"{100 * _share(found, 'missed', 'gains'):.0f} %",
        f"{mean(one.ideas for one in found):.0f}", f"{mean(one.replicates for one in found):.1f}",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _quality(outcome: Outcome, truth: float) -> float:
    return 100 * (START - truth) / outcome.offered if outcome.offered else 0.0


def _share(found: Sequence[Outcome], part: str, whole: str) -> float:
    return sum(getattr(one, part) for one in found) / max(1, sum(getattr(one, whole) for one in found))


if __name__ == "__main__":
    main()
