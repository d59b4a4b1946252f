"""How often the sequential test of `replicate` claims a difference: without one (its error rate), and with one (its
power), and after how many further runs of each side on average.

    python -m benchmarks.decisions.sequential [--questions 1000] [--alpha 0.05]

Each question begins with one run of either side in a group that knows nothing else, as hard as it gets: the noise floor
is learned from the replicates of the question itself. Normal luck, a metric of about 1; "once" is the noise that is
assumed before replicates tell. In the last two tables the other side is the champion, which is not rerun; in the last
one the challenger was chosen for being the best of ten equal ones, which no test of the pooled evidence can undo.
"""

import argparse
import random

from memorylab.core import noise
from memorylab.core.noise import SHARE_OF_VALUE as PRIOR
from memorylab.core.sequential import usual_effect, weigh


def question(sd: float, gain: float, most: int, alpha: float, both: bool, best_of: int, luck: random.Random) -> int:
    """One question: after how many further runs the gain was claimed, negative if a loss was, 0 if none was. What was
    claimed before any counts as after one."""
    ours = [min(luck.gauss(1 - gain, sd) for _ in range(best_of))]
    theirs = [luck.gauss(1, sd)]
    for more in range(most + 1):
        if more:
            ours.append(luck.gauss(1 - gain, sd))
            if both:
                theirs.append(luck.gauss(1, sd))
        found = weigh(ours, theirs, noise.floor([ours, theirs], PRIOR), usual_effect(1.0), alpha)
        if found.outcome is not None:
            return max(1, more) * (1 if found.outcome == "better" else -1)
    return 0


def table(title: str, most: int, questions: int, alpha: float, both: bool, best_of: int = 1) -> None:
    print(f"\n{title}, at most {most} further runs")
    print("noise   no difference        1 sd              2 sd              4 sd")
    luck = random.Random(1)
    for share in (0.5, 1.0, 2.0):
        cells = []
        for size in (0, 1, 2, 4):
            sd = share * PRIOR
            # Fewer of those whose share is far from 0 tell as much.
            number = questions if size == 0 else questions // 4
            ends = [question(sd, size * sd, most, alpha, both, best_of, luck) for _ in range(number)]
            claimed = sum(end != 0 if size == 0 else end > 0 for end in ends) / number
            runs = sum(abs(end) or most for end in ends) / number
            cells.append(f"{100 * claimed:5.1f} % ({runs:4.1f} runs)")
        print(f"{share:3g}x  {' '.join(cells)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=1000, help="Questions without a difference in each cell.")
    parser.add_argument("--alpha", type=float, default=0.05)
    given = parser.parse_args()
    for most in (5, 20):
        table("Both sides rerun", most, given.questions, given.alpha, both=True)
    table("Champion not rerun", 20, given.questions, given.alpha, both=False)
    table("Champion not rerun, challenger the best of 10", 20, given.questions, given.alpha, both=False, best_of=10)


if __name__ == "__main__":
    main()
