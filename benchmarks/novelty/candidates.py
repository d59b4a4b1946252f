"""Does an idea that is compared with a few candidates get the verdict that it gets from the whole ledger?

    python -m benchmarks.novelty.candidates FOLDER [--ideas 500] [--seed 0]

FOLDER holds ledgers (TSV). All of them one after the other are one long history. Ideas drawn from it are judged against
all that came before them, and against the candidates under their marks (core/marks.py).
"""

import random
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from msgspec.structs import replace

from benchmarks.novelty.stale import runs_of
from memorylab.core import evidence, marks
from memorylab.core.evidence import Past
from memorylab.core.history import History, idea_of
from memorylab.core.record import Run, Verdict
from memorylab.core.verdict import judge


class Narrow:
    """A past with the marks of all its runs."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self._under: dict[str, list[int]] = defaultdict(list)
        for at, (run, trace) in enumerate(zip(past.runs, past.history.traces, strict=True)):
            for mark in marks.of_run(idea_of(run), trace, run.status == "keep"):
                self._under[mark].append(at)

    def of(self, run: Run) -> Past:
        """What is left of it to compare an idea with."""
        state, history = self.past.history.state, self.past.history
        sought = marks.of_idea(idea_of(run), state.read(idea_of(run)), state.terms, state.words)
        chosen = marks.candidates(sought, lambda mark, most: self._under.get(mark, [])[-most:])
        kept = History(
            chosen, [history.ideas[at] for at in chosen], [history.names[at] for at in chosen],
            [history.traces[at] for at in chosen], state,
        )  # fmt: skip
        return replace(
            self.past, runs=[self.past.runs[at] for at in chosen], history=kept,
            best=[self.past.best[at] for at in chosen], kept=[self.past.kept[at] for at in chosen],
        )  # fmt: skip


def differences(one: Verdict, other: Verdict) -> list[str]:
    """In what two verdicts differ."""
    tops = [verdict.top_matches[0].run_id if verdict.top_matches else "" for verdict in (one, other)]
    scores = [verdict.top_matches[0].score if verdict.top_matches else 0.0 for verdict in (one, other)]
    return [
        name
        for name, differs in {
            "classification": one.classification != other.classification,
            "decision": one.policy.decision != other.policy.decision,
            "top match": tops[0] != tops[1],
            "top score": abs(scores[0] - scores[1]) > 1e-9,
            "top three": [m.run_id for m in one.top_matches] != [m.run_id for m in other.top_matches],
            "known": one.known != other.known,
            "why": one.why != other.why,
        }.items()
        if differs
    ]


def main(arguments: Sequence[str]) -> int:
    parser = ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ideas", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0)
    given = parser.parse_args(arguments)
    runs = [replace(run, run_id=f"{path.stem}-{run.run_id}") for path in sorted(given.folder.glob("*.tsv"))
            for run in runs_of(path)]  # fmt: skip
    chance = random.Random(given.seed)
    at = len(runs) * 2 // 3
    past = evidence.past(runs[:at], "val_bpb")
    narrow = Narrow(past)
    counts: dict[str, int] = defaultdict(int)
    sizes, spent = [], [0.0, 0.0]
    asked = chance.sample(runs, min(given.ideas, len(runs)))
    for run in asked:
        begun = perf_counter()
        few = narrow.of(run)
        found = judge(idea_of(run), few, "exploit")
        middle = perf_counter()
        whole = judge(idea_of(run), past, "exploit")
        spent[0] += middle - begun
        spent[1] += perf_counter() - middle
        sizes.append(len(few.runs))
        differing = differences(whole, found)
        for name in differing:
            counts[name] += 1
        if {"classification", "top match"} & set(differing) and given.show:
            given.show -= 1
            print(run.description, differing, whole.top_matches[:1], found.top_matches[:1], sep="\n   ")
    sizes.sort()
    print(f"{len(asked)} ideas against {at:,} runs; candidates: median {sizes[len(sizes) // 2]}, most {sizes[-1]}")
    for name in ("classification", "decision", "top match", "top score", "top three", "known", "why"):
        print(f"{name}: the same for {100 * (1 - counts[name] / len(asked)):.1f} %")
    print(f"{1000 * spent[0] / len(asked):.1f} ms an idea against {1000 * spent[1] / len(asked):.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
