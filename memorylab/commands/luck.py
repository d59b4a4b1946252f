"""demo --luck: a lucky seed is not taken for progress, and a real gain is, with real training.

The subject starts without its warmdown. One change does nothing and is run until a seed comes out lower than the
champion, as happens to whoever reruns until it works; it is logged, replicated and given up. The other puts the
warmdown back.
"""

import json
from pathlib import Path
from typing import Any, TextIO

from memorylab.commands.scratch import CRASHED, DISCARDED, KEPT, Scratch

_SEEDS = range(101, 113)  # to be lucky with
_JOBS = 2


def luck(budget: float, tokens: int | None, folder: Path | None, out: TextIO) -> Path:
    """Run the script, `budget` CPU seconds of training per run or `tokens` bytes, and tell of it; the folder it was in.

    Raises BadInput for a folder that is not empty.
    """
    lab = Scratch(budget, tokens, folder, out)
    lab.begin({"WARMDOWN_RATIO": "0.0"})
    base = _commit(lab)
    lab.say("How much is luck? The same program with two other seeds.")
    lab.type(f"git memorylab replicate HEAD --seeds 2 --jobs {_JOBS}", codes=(KEPT, DISCARDED))
    champion = json.loads(lab.ask("git memorylab status --json"))["registry"]["champion"]["value"]

    lab.say("A change that does nothing, and a seed that makes it look good.")
    lab.edit("ROPE_BASE", "10001.0")
    lab.commit("ROPE_BASE 10000 -> 10001", "positions", "a slightly slower rotation helps")
    claimed = _lucky(lab, champion)
    if claimed is None:
        lab.echo(f"Of {len(_SEEDS)} seeds none was lower than {champion:.6f}: no luck tonight.")
    else:
        lab.type("git memorylab log --summary summary.json --log run.log", codes=(KEPT,))
        lab.echo(f"Upstream's loop would have kept it: {claimed:.6f} is lower than {champion:.6f}.")
        lab.say("Ask for more evidence, with both programs in turn.")
        lab.type(f"git memorylab replicate HEAD --against {base} --seeds 4 --jobs {_JOBS}", codes=(KEPT, DISCARDED))
    lab.type(f"git reset -q --hard {base}")

    lab.say("A real gain: the warmdown is put back.")
    lab.edit("WARMDOWN_RATIO", "0.5")
    lab.commit("WARMDOWN_RATIO 0 -> 0.5", "schedule", "the learning rate must come down at the end")
    lab.type("git memorylab run", codes=(KEPT, DISCARDED, CRASHED))
    if _champion(lab) != _commit(lab):
        lab.say("Within the noise so far: more evidence.")
        command = f"git memorylab replicate HEAD --against {base} --seeds 5 --jobs {_JOBS}"
        lab.type(command, codes=(KEPT, DISCARDED, CRASHED))
    lab.report()
    return lab.where


def _lucky(lab: Scratch, champion: float) -> float | None:
    """Train with one seed after another until the result is lower than the champion's; that result, None without."""
    summary = lab.where / "summary.json"
    for seed in _SEEDS:
        variables = {"AUTORESEARCH_SEED": str(seed), "AUTORESEARCH_SUMMARY_PATH": str(summary)}
        lab.echo(f"$ AUTORESEARCH_SEED={seed} AUTORESEARCH_SUMMARY_PATH=summary.json python train.py > run.log")
        (lab.where / "run.log").write_text(lab.ask("python train.py", **variables))
        found: dict[str, Any] = json.loads(summary.read_text()) if summary.exists() else {}
        value = found.get("val_bpb")
        lab.echo(f"val_bpb: {value}")
        if isinstance(value, float) and value < champion:
            return value
    return None


def _champion(lab: Scratch) -> str:
    return str(json.loads(lab.ask("git memorylab status --json"))["registry"]["champion"]["commit"])


def _commit(lab: Scratch) -> str:
    return lab.ask("git rev-parse HEAD")
