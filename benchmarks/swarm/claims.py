"""Many clones that claim at the same moment: is it one of them that wins, and what does it cost?

    python -m benchmarks.swarm.claims --rounds 50 --clones 16
    python -m benchmarks.swarm.claims --rounds 5 --clones 16 --apart

In each round all claim the same idea, in one of several wordings; with --apart each claims one of its own, and all
should win.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.swarm.clones import make, sealed

WORDS = ("raise MATRIX_LR to 0.{:04}", "matrix lr 0.04 -> 0.{:04}", "set MATRIX_LR = 0.{:04}", "matrix LR 0.{:04}")


def race(places: Sequence[Path], ideas: Sequence[str]) -> tuple[float, list[dict[str, Any]]]:
    """All claim at once: (wall seconds, what became of each). Raises RuntimeError if one does not say."""
    began = time.perf_counter()
    started = [
        subprocess.Popen(
            ["git", "memorylab", "claim", "--json", idea], cwd=place, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for place, idea in zip(places, ideas, strict=True)
    ]  # fmt: skip
    said = [process.communicate() for process in started]
    for process, (_, err) in zip(started, said, strict=True):
        if process.returncode not in (0, 1):
            raise RuntimeError(f"exit code {process.returncode}: {err}")
    return time.perf_counter() - began, [json.loads(out) for out, _ in said]


def measure(rounds: int, clones: int, apart: bool = False) -> dict[str, object]:
    """Figures of one run. `winners in a round` is how many rounds had so many."""
    folder = Path(tempfile.mkdtemp(prefix="memorylab-claims-"))
    try:
        sealed(folder)
        places = make(folder, clones)
        winners, settled, attempts = Counter[int](), Counter[str](), Counter[int]()
        seconds, told = [], True
        for turn in range(rounds):
            numbers = [101 + turn * clones + (n if apart else 0) for n in range(clones)]
            ideas = [WORDS[n % len(WORDS)].format(number) for n, number in enumerate(numbers)]
            took, said = race(places, ideas)
            seconds.append(took)
            ours = [one["claim"]["id"] for one in said if one["ours"]]
            winners[len(ours)] += 1
            told &= all(one["claim"]["id"] in ours for one in said)
            settled.update(one["settled"] for one in said)
            attempts.update(one["attempts"] for one in said)
        return {
            "clones": clones, "rounds": rounds, "ideas": "of their own" if apart else "the same",
            "winners in a round": dict(sorted(winners.items())), "the others are told who": told,
            "settled by": dict(settled), "attempts": dict(sorted(attempts.items())),
            "seconds for a round": {
                "median": round(statistics.median(seconds), 2), "most": round(max(seconds), 2),
            },
        }  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--clones", type=int, default=16)
    parser.add_argument("--apart", action="store_true", help="each claims an idea of its own")
    given = parser.parse_args()
    print(json.dumps(measure(given.rounds, given.clones, given.apart), indent=2))
