"""demo: the whole loop on the embedded corpus, in a scratch repository, with the commands that a user would type."""

import shlex
from pathlib import Path
from typing import TextIO

import msgspec

from memorylab.commands.scratch import CRASHED, DISCARDED, KEPT, Scratch

_BLOCKED = 1


class Intervention(msgspec.Struct, frozen=True):
    """One idea of the script: what is said of it, and which knob it sets."""

    idea: str
    knob: str
    value: str
    hypothesis: str
    family: str


# The script of the night: one that helps, one that hurts, the same again in other words, one that diverges.
SCRIPT = (
    Intervention("DEPTH 2 -> 1", "DEPTH", "1", "More steps beat more layers at this budget", "size"),
    Intervention("WARMDOWN_RATIO 0.5 -> 0", "WARMDOWN_RATIO", "0.0", "A high learning rate to the end", "schedule"),
    Intervention("no cooldown: set the warmdown ratio to zero", "WARMDOWN_RATIO", "0.0", "Simpler", "schedule"),
    Intervention("raise UNEMBEDDING_LR to 2.0", "UNEMBEDDING_LR", "2.0", "The output learns too slowly", "rate"),
)


def demo(budget: float, tokens: int | None, folder: Path | None, out: TextIO) -> Path:
    """Run the script, `budget` CPU seconds of training per run or `tokens` bytes, and tell of it; the folder it was in.

    Raises BadInput for a folder that is not empty.
    """
    lab = Scratch(budget, tokens, folder, out)
    lab.begin()
    for intervention in SCRIPT:
        _try_out(lab, intervention)
    lab.report()
    lab.say("Look around:")
    for command in (
        f"cd {shlex.quote(str(lab.where))}",
        "git log                                   packets under the commits that were kept",
        "git log --all --oneline --graph           and the journal, which pins those that were not",
        "git memorylab report --open               the page of the night, in a browser",
        "git memorylab history --graph             every run, kept or not",
        "git memorylab brief                       what an agent reads that goes on from here",
        "git memorylab knobs                       what was tried of each knob",
        "git memorylab blame                       which run introduced each line of the champion",
        "git memorylab diff RUN                    what a discarded run had changed",
        "git memorylab check --description '...'   has this been tried?",
    ):
        lab.echo(f"  {command}")
    return lab.where


def _try_out(lab: Scratch, intervention: Intervention) -> None:
    """Check, edit, commit, run, keep or reset: one turn of the loop."""
    lab.say(f"Idea: {intervention.idea}")
    described = shlex.quote(intervention.idea)
    if lab.type(f"git memorylab check --fail-on-similar --description {described}", codes=(0, _BLOCKED)):
        lab.echo("Tried before: skipped.")
        return
    lab.edit(intervention.knob, intervention.value)
    lab.commit(intervention.idea, intervention.family, intervention.hypothesis)
    if lab.type("git memorylab run", codes=(KEPT, DISCARDED, CRASHED)) != KEPT:
        lab.type("git reset -q --hard HEAD~1")
