"""How well does the guard tell a repeated idea from a follow-up and from a new one?

    python -m benchmarks.novelty.evaluate [--held-out | --pairs FILE --ledgers DIR] [--misses N] [--ablate] [--speed]

Each labelled pair is two rows of a ledger. The later one is put to the guard with nothing but the rows before it known.
Without --pairs the samples beside this file are taken: invented ledgers in the styles of many authors, which the rules
were written with, or with --held-out others that no rule was changed after. Labels: same, variant, different;
`opposite` marks a pair that is different because one knob is moved the other way.
"""

import argparse
import contextlib
import csv
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

from msgspec import Struct

from memorylab.core import aliases, base, clean, history, moves, replicates, similarity
from memorylab.core.history import Idea
from memorylab.core.novelty import relate
from memorylab.core.verdict import DEFAULT_THRESHOLD

SAMPLES = Path(__file__).with_name("samples.jsonl")
HELD_OUT = Path(__file__).with_name("held_out.jsonl")
Rows = Sequence[tuple[str, str]]  # description and status


class Pair(Struct):
    """Two rows (numbered from 1), what a person says of them, and what the guard says."""

    ledger: str
    earlier: int
    later: int
    label: str
    opposite: bool
    note: str
    same: float = 0.0
    related: float = 0.0
    why: str = ""


def load_samples(path: Path = SAMPLES) -> tuple[list[Pair], dict[str, Rows]]:
    """One ledger a line: name, rows as [description, status], pairs as [earlier, later, label, opposite, note]."""
    pairs, ledgers = [], {}
    for line in path.read_text("utf-8").splitlines():
        ledger = json.loads(line)
        ledgers[ledger["ledger"]] = [(row[0], row[1]) for row in ledger["rows"]]
        pairs += [Pair(ledger["ledger"], i, j, label, bool(opp), note) for i, j, label, opp, note in ledger["pairs"]]
    return pairs, ledgers


def load_pairs(path: Path, folder: Path) -> tuple[list[Pair], dict[str, Rows]]:
    """JSON lines with ledger, i_row, j_row, label, opposite, why; the ledgers are TSV files in `folder`."""
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    pairs = [Pair(p["ledger"], p["i_row"], p["j_row"], p["label"], bool(p["opposite"]), p["why"]) for p in found]
    ledgers = {}
    for name in {pair.ledger for pair in pairs}:
        lines = [line for line in (folder / name).read_text("utf-8").splitlines() if line.strip()]
        head, *body = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        text, status = head.index("description"), head.index("status")
        # A row with a field too few has its description last all the same.
        ledgers[name] = [(row[min(text, len(row) - 1)], row[status] if len(row) > status else "") for row in body]
    return pairs, ledgers


def judge(pairs: Sequence[Pair], ledgers: dict[str, Rows]) -> None:
    """Fill in what the guard says of each pair."""
    wanted: dict[tuple[str, int], list[Pair]] = {}
    for pair in pairs:
        wanted.setdefault((pair.ledger, pair.later), []).append(pair)
    for (name, later), group in wanted.items():
        rows = ledgers[name]
        history = [(Idea(description), status) for description, status in rows[: later - 1]]
        relations = relate(Idea(rows[later - 1][0]), history)
        for pair in group:
            relation = relations[pair.earlier - 1]
            pair.same, pair.related, pair.why = relation.same, relation.related, relation.why


def average_precision(truth: Sequence[bool], score: Sequence[float]) -> float:
    """The mean of the precision at each true pair, best score first; equal scores are taken together."""
    order = sorted(range(len(score)), key=lambda at: -score[at])
    found, total, at = 0, 0.0, 0
    while at < len(order):
        end = at
        while end < len(order) and score[order[end]] == score[order[at]]:
            end += 1
        gained = sum(truth[k] for k in order[at:end])
        found += gained
        total += gained * found / end
        at = end
    return total / max(1, sum(truth))


def at_threshold(pairs: Sequence[Pair], threshold: float) -> tuple[float, float, float]:
    """Precision, recall and F1 of "the same" at a threshold."""
    hits = sum(pair.same >= threshold for pair in pairs if pair.label == "same")
    precision = hits / max(1, sum(pair.same >= threshold for pair in pairs))
    recall = hits / max(1, sum(pair.label == "same" for pair in pairs))
    return precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0


class Figures(Struct):
    """What is reported of a set of pairs."""

    same: float  # average precision
    f1: float  # at the shipped threshold
    precision: float
    recall: float
    related: float  # average precision of "same or variant"
    opposites: int  # taken for the same
    pairs: int

    def __str__(self) -> str:
        return (
            f"same AP {self.same:.3f}  F1 {self.f1:.3f} (P {self.precision:.3f} R {self.recall:.3f})  "
            f"related AP {self.related:.3f}  opposites taken for the same {self.opposites}  pairs {self.pairs}"
        )


def figures(pairs: Sequence[Pair]) -> Figures:
    precision, recall, f1 = at_threshold(pairs, DEFAULT_THRESHOLD)
    return Figures(
        same=average_precision([p.label == "same" for p in pairs], [p.same for p in pairs]),
        f1=f1,
        precision=precision,
        recall=recall,
        related=average_precision([p.label != "different" for p in pairs], [p.related for p in pairs]),
        opposites=sum(p.same >= DEFAULT_THRESHOLD for p in pairs if p.opposite),
        pairs=len(pairs),
    )


# --- what each part contributes -------------------------------------------------------------------------------------


def _no_values(read: Callable[..., tuple[moves.Move, ...]]) -> Callable[..., tuple[moves.Move, ...]]:
    from msgspec.structs import replace

    def without(*args: object) -> tuple[moves.Move, ...]:
        return tuple(replace(move, old=None, new=None, factor=None) for move in read(*args))

    return without


def _no_direction(read: Callable[..., tuple[moves.Move, ...]]) -> Callable[..., tuple[moves.Move, ...]]:
    from msgspec.structs import replace

    def without(self: base.Base, moves: Sequence[moves.Move]) -> tuple[moves.Move, ...]:
        return tuple(replace(move, direction=0) for move in read(self, moves))

    return without


@contextlib.contextmanager
def _patched(target: object, name: str, value: object) -> Iterator[None]:
    aliases.BUILT_IN.known.clear()
    with mock.patch.object(target, name, value):
        yield
    aliases.BUILT_IN.known.clear()


def _wordless(moves: moves.Move, other: moves.Move, rarity: object) -> float:
    return similarity_of_knobs(moves, other, rarity) if moves.head and other.head else float(moves.terms == other.terms)  # type: ignore[arg-type]


similarity_of_knobs = similarity.knob_likeness

ABLATIONS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "values": lambda: _patched(history, "read", _no_values(history.read)),
    "direction": lambda: _patched(base.Base, "resolve", _no_direction(base.Base.resolve)),
    "base (starting values, kept runs)": lambda: _patched(base.Base, "resolve", lambda self, moves: tuple(moves)),
    "aliases": lambda: _patched(aliases.BUILT_IN, "phrases", {}),
    "cutting off context and results": lambda: _patched(aliases, "CONTEXT", frozenset()),
    "rare-word overlap without a knob": lambda: _patched(similarity, "knob_likeness", _wordless),
    "starting values": lambda: _patched(history, "STARTING_VALUES", {}),
    "replicates": lambda: _patched(replicates.Replicates, "target", lambda self, moves: None),
    "forms of one thing": lambda: _patched(clean, "_FORMS", ()),
    "the explanation of a mechanism": lambda: _patched(similarity, "GLOSSED", 0.0),
    "all words, in a small part": lambda: _patched(similarity, "with_words", lambda likeness, common: likeness),
    "coverage of combinations": lambda: _patched(similarity, "compare", _first_only(similarity.compare)),
}


def _first_only(compare: Callable[..., similarity.Likeness]) -> Callable[..., similarity.Likeness]:
    def first(a: Sequence[moves.Move], b: Sequence[moves.Move], *rest: object) -> similarity.Likeness:
        return compare(a[:1], b[:1], *rest)

    return first


def speed(ledgers: dict[str, Rows], ideas: int = 1_000, rounds: int = 5) -> tuple[float, float]:
    """Median seconds of `relate` against so many past ideas: with none of them read before, and with all."""
    rows = [row for name in sorted(ledgers) for row in ledgers[name]]
    # Each idea is another text, so that no reading is shared.
    texts = [(f"{rows[k % len(rows)][0]} {'again ' * (k // len(rows))}", rows[k % len(rows)][1]) for k in range(ideas)]
    history = [(Idea(text), status) for text, status in texts]
    cold, warm = [], []
    for _ in range(rounds):
        aliases.BUILT_IN.known.clear()
        for times in (cold, warm):
            start = time.perf_counter()
            relate(Idea("raise matrix LR to 0.05 and use SwiGLU"), history)
            times.append(time.perf_counter() - start)
    return statistics.median(cold), statistics.median(warm)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, help="labelled pairs, JSON lines")
    parser.add_argument("--ledgers", type=Path, help="folder of their ledgers")
    parser.add_argument("--held-out", action="store_true", help="the samples that no rule was written with")
    parser.add_argument("--misses", type=int, default=0, help="print the N worst-judged pairs")
    parser.add_argument("--ablate", action="store_true", help="leave out one part after the other")
    parser.add_argument("--by-ledger", action="store_true", help="figures of each ledger")
    parser.add_argument("--speed", action="store_true", help="time relate against 1,000 past ideas")
    args = parser.parse_args()
    if (args.pairs is None) != (args.ledgers is None):
        parser.error("--pairs and --ledgers belong together")
    pairs, ledgers = (
        load_pairs(args.pairs, args.ledgers) if args.pairs else load_samples(HELD_OUT if args.held_out else SAMPLES)
    )
    judge(pairs, ledgers)
    print(figures(pairs))
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        print("  at {:.1f}: P {:.3f} R {:.3f} F1 {:.3f}".format(threshold, *at_threshold(pairs, threshold)))
    if args.by_ledger:
        for name in sorted(ledgers):
            print(f"  {name}: {figures([pair for pair in pairs if pair.ledger == name])}")
    for pair in sorted(pairs, key=lambda p: -abs((p.label == "same") - p.same))[: args.misses]:
        rows = ledgers[pair.ledger]
        label = pair.label + " (opposite)" * pair.opposite
        print(f"\n{label}, same {pair.same:.2f}, related {pair.related:.2f}: {pair.note}")
        print(f"  {pair.ledger} {pair.earlier}: {rows[pair.earlier - 1][0][:200]}")
        print(f"  {pair.ledger} {pair.later}: {rows[pair.later - 1][0][:200]}\n  guard: {pair.why}")
    if args.ablate:
        for name, without in ABLATIONS.items():
            with without():
                judge(pairs, ledgers)
            print(f"without {name}: {figures(pairs)}")
    if args.speed:
        print("relate, 1,000 past ideas: {:.3f} s not read before, {:.3f} s read before".format(*speed(ledgers)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
