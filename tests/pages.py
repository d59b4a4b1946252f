"""The commands of a page of documentation, and what the page says that they print.

    python -m tests.pages docs/tutorial.md

puts what its commands print now under those of its `console` blocks.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from memorylab.store import writer
from tests.conftest import Lab

ROOT = Path(__file__).parent.parent

PROGRAMS = frozenset(
    ("git", "git-memorylab", "pip", "python", "python3", "pytest", "jupyter", "uv", "cd", "cp", "mv", "rm", "ls", "cat",
     "sed", "mkdir", "printf", "echo", "ssh", "docker", "sh", "gh", "curl", "claude")
)  # fmt: skip
ENDS = frozenset((0, 1, 10, 11))  # a verdict or a run is no failure of the command

LONGEST = 60  # seconds; what takes longer is not for a test

_FENCE = re.compile(r" *(```+|~~~+) *(\w*)")
_SPAN = re.compile(r"`((?:git (?:memorylab|reset|commit)|AUTORESEARCH_\w+=\S+ python) [^`]+)`")
_MASKS = (
    (r"\d{8}T\d{6}Z-[0-9a-f]{7}-[0-9a-f]{16}", "RUN"),
    (r"\bimported-[0-9a-z]{1,7}-[0-9a-f]{16}", "RUN"),
    (r"\b[0-9a-f]{7}-[0-9a-f]{4}\b", "RUN"),
    (r"\d{8}T\d{6}Z", "TIME"),
    (r"\b([a-z]+)-[0-9a-f]{8}\b", r"\1-WRITER"),
    (r"\b[0-9a-f]{7,64}\b", "COMMIT"),
    (r"\b\d+[smhd] ago", "AGE"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?", "TIME"),
)


class Command(NamedTuple):
    """A command as it is typed, the number of its line, and the lines that it prints, None where none are said."""

    line: int
    text: str
    prints: list[str] | None


def commands(text: str, spans: bool = False) -> list[Command]:
    """The commands of a page in their order: after `$ ` in console blocks, as lines of other fenced or indented ones,
    and, if wanted, within sentences."""
    found: list[Command] = []
    fence, language = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1] == fence):
            fence, language = ("", "") if fence else (mark[1], mark[2])
        elif language == "console":
            if line.startswith("$ "):
                found.append(Command(number, line[2:], []))
            elif line.startswith("> "):
                found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line[2:]}")
            else:
                prints = found[-1].prints
                assert prints is not None, f"line {number} is the output of nothing"
                prints.append(line)
        elif (fence and language in ("", "sh")) or (not fence and line.startswith("    ")):
            words = line.split()
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words.pop(0)
            if words and words[0] in PROGRAMS and "[OPTIONS]" not in words:  # which a synopsis has
                found.append(Command(number, line.strip(), None))
        elif spans and not fence:
            found += [Command(number, span, None) for span in _SPAN.findall(line)]
    return found


def masked(text: str) -> str:
    """What a command prints, without what is another each time."""
    for pattern, instead in _MASKS:
        text = re.sub(pattern, instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def _entry(lab: Lab) -> str:
    """The latest entry of the journal that has a patch."""
    (ref,) = lab.git("for-each-ref", "--format=%(refname)", "refs/memorylab/journal").splitlines()
    chain = lab.git("rev-list", "--first-parent", ref).splitlines()
    return next(entry for entry in chain if "train.patch" in lab.git("ls-tree", "--name-only", entry).splitlines())


class Reader:
    """Somebody who types what a page says, in the folder where the page has brought him."""

    def __init__(self, where: Path, places: dict[str, str]) -> None:
        self.where = where
        self.places = places  # what the page's placeholders stand for
        self._edits = 0

    def types(self, text: str) -> tuple[int, str]:
        """Type a command: its exit code, and what it prints."""
        text = self._filled(text)
        words = shlex.split(text, comments=True)
        if words[:3] == ["git", "memorylab", "log"] and Lab(self.where).git("status", "--porcelain", "-uno"):
            Lab(self.where).git("commit", "-qam", "a smaller step")  # which the page has in words
        if words[:3] == ["git", "memorylab", "log"] and not {"--log", "--summary"} & set(words):
            self._train()
        if words[:2] == ["git", "commit"] and any(word.startswith("-") and "a" in word for word in words[2:]):
            self._edit(text)
        is_ours = words[:2] == ["git", "memorylab"] and not {"|", "&&", ">", ";", "<", "diff"} & set(words)
        if is_ours:
            stdin = '"raise DEPTH to 10"\n' if "--stdin" in words else None
            done = Lab(self.where).run(*words[2:], rc=None, stdin=stdin)
            return done.exit_code, done.output
        with tempfile.NamedTemporaryFile("r") as folder:
            script = f"{text}\ncode=$?; pwd >'{folder.name}'; exit $code"
            shell = subprocess.run(
                ["bash", "-c", script], cwd=self.where, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                check=False, stdin=subprocess.DEVNULL, timeout=LONGEST,
            )  # fmt: skip
            self.where = Path(folder.read().strip() or self.where)
        return shell.returncode, shell.stdout

    def _filled(self, text: str) -> str:
        lab = Lab(self.where)
        stand_for: dict[str, Callable[[], str]] = {
            "RUN": lambda: lab.memory.runs[-1].run_id,
            "OTHER": lambda: lab.memory.runs[0].run_id,
            "COMMIT": lambda: lab.git("rev-parse", "HEAD"),
            "CLAIM": lambda: lab.memory.claims[-1].id,
            "<writer>": lambda: str(writer.current(lab.path / ".git")),
            "<entry>": lambda: _entry(lab),
        }
        for name, value in stand_for.items():
            pattern = name if name.startswith("<") else rf"(?<![\w\"'-]){name}(?![\w\"'=-])"
            if re.search(pattern, text):
                text = re.sub(pattern, value().replace("\\", r"\\"), text)
        for name, place in self.places.items():
            text = text.replace(name, place)
        return text

    def _train(self) -> None:
        """The training that the page leaves to its reader, with a seed that nobody has had."""
        with (self.where / "run.log").open("w") as log:
            seed = {"AUTORESEARCH_SEED": "4711"}
            subprocess.run([sys.executable, "train.py"], cwd=self.where, stdout=log, check=True, env=os.environ | seed)

    def _edit(self, text: str) -> None:
        """The edit of the subject that the page leaves to its reader: the knob and the value that the commit names."""
        lab = Lab(self.where)
        if lab.git("status", "--porcelain", "--untracked-files=no"):
            return
        self._edits += 1
        named = re.search(r"\b([A-Z]+_[A-Z]+|DEPTH)\b.*?([0-9.]+)[\"']", text)
        knob, value = (named[1], named[2]) if named else ("WEIGHT_DECAY", f"0.2{self._edits}")
        lab.edit(knob, value)


def rewritten(text: str, answers: Iterator[str]) -> str:
    """A page with the outputs of its console blocks made anew, from what each of its commands printed."""
    lines: list[str] = []
    fence, language = "", ""
    answer: list[str] | None = None  # of the command above
    for line in text.splitlines():
        mark = _FENCE.match(line)
        is_edge = mark is not None and (not fence or mark[1] == fence)
        if answer is not None:
            if not (is_edge or line.startswith("$ ")):
                if line.startswith("> "):
                    lines.append(line)
                continue
            lines += answer
            answer = None
        if mark and is_edge:
            fence, language = ("", "") if fence else (mark[1], mark[2])
        lines.append(line)
        if language == "console" and line.startswith("$ "):
            answer = next(answers).rstrip().splitlines()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    os.chdir(ROOT)
    from tests import test_docs_run

    sys.exit(test_docs_run.rewrite([Path(name) for name in sys.argv[1:]]))
