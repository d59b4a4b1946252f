"""Completion in real shells, on a terminal, with their own completion of git: a line is typed, TAB pressed, and the
line is read back."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memorylab.cli import cli
from memorylab.commands import suggest
from memorylab.commands.completion import SCRIPTS
from tests.conftest import Lab, Templates

BASH = Path("/usr/share/bash-completion")
WAIT = 30.0  # seconds, for a shell that hangs

# What starts a shell, sources what users have, and lets ^G say what the line is now. The line is emptied by that.
STARTED = {
    "bash": f"""
PS1= PS2=
. {BASH}/bash_completion
. {BASH}/completions/git
LOAD
_say() {{ printf 'LINE<%s>\\n' "$READLINE_LINE"; READLINE_LINE=; READLINE_POINT=0; }}
bind 'set bell-style none'
bind 'set enable-bracketed-paste off'
bind -x '"\\C-g": _say'
echo REA''DY
""",
    "zsh": """
PS1= PS2= RPS1=
unsetopt prompt_sp prompt_cr zle_bracketed_paste 2>/dev/null
unset zle_bracketed_paste
setopt no_beep no_auto_menu
[ -z "$INSTALLED" ] || fpath=("$INSTALLED" $fpath)
autoload -Uz compinit; compinit -u -D
LOAD
_say() { print -r -- "LINE<$BUFFER>"; BUFFER= }
zle -N _say; bindkey '^G' _say
echo REA''DY
""",
}
DOCS = Path(__file__).parent.parent / "docs" / "completion"


class Terminal:
    """A shell on a terminal."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env=os.environ | {"TERM": "dumb", "HISTFILE": "/dev/null", "INPUTRC": "/dev/null"} | env,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def type(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def read(self, end: str) -> str:
        """What the shell writes until it writes `end`."""
        until = time.monotonic() + WAIT
        while end not in self.seen:
            ready, _, _ = select.select([self.ours], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"waited for {end!r}, saw {self.seen!r}"
            self.seen += os.read(self.ours, 4096).decode("utf-8", "replace")
        found, _, self.seen = self.seen.partition(end)
        return found

    def completed(self, line: str) -> str:
        """The line after TAB."""
        self.type(f"{line}\t\x07")
        self.read("LINE<")
        return self.read(">")

    def close(self) -> None:
        os.close(self.ours)
        self.process.kill()
        self.process.wait()


def _tell(lab: Lab) -> None:
    lab.experiment("raise matrix lr", 1.0, knob="MATRIX_LR", to=0.06)
    lab.git("branch", "night-shift")
    lab.git("remote", "add", "upstream", "../nowhere")


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    return templates.told("completed", _tell, tmp_path)


def start(shell: str, folder: Path, installed: bool = False) -> Terminal:
    """A shell that has evaluated the script, or finds it as it is installed."""
    if shutil.which(shell) is None or (shell == "bash" and not (BASH / "completions" / "git").exists()):
        pytest.skip(f"{shell} or its completion of git is not installed")
    if installed and shell == "bash" and not (BASH / "bash_completion").exists():
        pytest.skip("bash-completion, which finds what is installed, is not installed")
    if shutil.which("git-memorylab") is None:
        pytest.skip("git-memorylab is not installed as a console script")
    options = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}[shell]
    share = folder.parent / "share"
    if installed:
        put = share / "bash-completion" / "completions"
        put.mkdir(parents=True)
        shutil.copy(DOCS / "git-memorylab", put)
        (share / "zsh").mkdir()
        shutil.copy(DOCS / "_git-memorylab", share / "zsh")
    env = {"XDG_DATA_DIRS": str(share), "INSTALLED": str(share / "zsh")} if installed else {"INSTALLED": ""}
    load = "" if installed else f'eval "$(git memorylab completion {shell})"'
    (folder.parent / "started").write_text(STARTED[shell].replace("LOAD", load))
    terminal = Terminal([shell, *options], folder, env)
    terminal.type(f" . {folder.parent / 'started'}\n")
    terminal.read("READY")
    return terminal


@pytest.fixture(params=["bash", "zsh"])
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def terminal(shell: str, told: Lab) -> Iterator[Terminal]:
    made = start(shell, told.path)
    yield made
    made.close()


@pytest.mark.long
def test_git_completes_it(terminal: Terminal, told: Lab) -> None:
    run = told.memory.runs[0]
    for typed, completed in (
        ("git memorylab ski", "git memorylab skill "),
        ("git memorylab check --fail", "git memorylab check --fail-on-similar "),
        ("git memorylab check --mode expli", "git memorylab check --mode expli"),  # there is none
        ("git memorylab check --mode explor", "git memorylab check --mode explore "),
        ("git memorylab show 2", f"git memorylab show {run.run_id} "),
        (f"git memorylab show {run.commit[:4]}", f"git memorylab show {run.commit[:7]} "),
        ("git memorylab replicate --against 2", f"git memorylab replicate --against {run.run_id} "),
        ("git memorylab knobs MA", "git memorylab knobs MATRIX_LR "),
        ("git memorylab log --commit nig", "git memorylab log --commit night-shift "),
        ("git memorylab sync ups", "git memorylab sync upstream "),
        ("git memorylab help compa", "git memorylab help compact "),
        (f"git -C {told.path} memorylab stat", f"git -C {told.path} memorylab status "),
        ("git memorylab hoo", "git memorylab hoo"),  # which only git calls
    ):
        assert terminal.completed(typed) == completed
    # bash leaves it open whether a file name is all.
    assert terminal.completed("git memorylab log --summary trai").rstrip() == "git memorylab log --summary train.py"


def test_the_value_of_an_option_that_is_joined_to_it(terminal: Terminal) -> None:
    assert terminal.completed("git memorylab check --mode=explor").rstrip() == "git memorylab check --mode=explore"


def test_another_repository_is_asked_where_the_line_names_one(shell: str, told: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "else where"
    folder.mkdir()
    terminal = start(shell, folder)
    run = told.memory.runs[0].run_id
    assert terminal.completed("git -C ../lab memorylab show 2") == f"git -C ../lab memorylab show {run} "
    terminal.close()


def test_what_is_completed_elsewhere_says_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    terminal = start("bash", folder)
    assert terminal.completed("git memorylab show 2") == "git memorylab show 2"
    assert terminal.completed("git memorylab ski") == "git memorylab skill "
    terminal.close()


def test_an_installed_script_is_found(shell: str, told: Lab) -> None:
    terminal = start(shell, told.path, installed=True)
    assert terminal.completed("git memoryl") == "git memorylab "
    assert terminal.completed("git memorylab ski") == "git memorylab skill "
    assert terminal.completed("git memorylab knobs MA") == "git memorylab knobs MATRIX_LR "
    terminal.close()


# -- what is offered


def _complete(lab: Lab, *words: str, env: dict[str, str] | None = None) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "memorylab"], cwd=lab.path, text=True, capture_output=True, check=True,
        env=os.environ | {
            "_GIT_MEMORYLAB_COMPLETE": "bash_complete", "COMP_WORDS": "\n".join(["memorylab", *words]),
            "COMP_CWORD": str(len(words)), **(env or {}),
        },
    )  # fmt: skip
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_every_command_that_is_not_hidden(lab: Lab) -> None:
    assert _complete(lab, "") == sorted(name for name, made in cli.commands.items() if not made.hidden)
    assert _complete(lab, "help", "") == _complete(lab, "")


def test_it_only_reads(told: Lab) -> None:
    run = told.memory.runs[0]
    before = told.store.tips()
    shutil.rmtree(told.path / "results")
    assert _complete(told, "show", "") == [run.run_id]
    assert _complete(told, "knobs", "") == ["DEPTH", "MATRIX_LR", "WARMDOWN_RATIO"]
    assert told.store.tips() == before and not (told.path / "results").exists()
    # To read the ledger anew would take too long.
    for path in told.store.state.glob("index.sqlite*"):
        path.unlink()
    assert _complete(told, "show", "") == []
    assert not list(told.store.state.glob("index.sqlite*"))


def test_claims_of_this_working_tree(lab: Lab) -> None:
    assert _complete(lab, "claim", "--withdraw", "") == []
    lab.run("claim", "MATRIX_LR to 0.05")
    (claim,) = _complete(lab, "claim", "--withdraw", "")
    assert "withdrawn" in lab.run("claim", "--withdraw", claim).stdout


def test_what_a_shell_would_expand_is_not_offered(lab: Lab) -> None:
    for name in ("$(touch${IFS}owned)", "a`b`", "x;y"):
        lab.git("branch", name)
    lab.git("branch", "fine/branch-1.2")
    assert _complete(lab, "log", "--commit", "") == ["HEAD", "fine/branch-1.2", "main"]


def test_descriptions_are_made_safe(make_lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = make_lab()
    lab.experiment("raise\x1b]0;owned\x07 it: \u202egnp", 1.0)
    monkeypatch.chdir(lab.path)
    ((_, said),) = suggest.suggestions("run", "")
    assert said == "keep: raise\ufffd]0;owned\ufffd it: \ufffdgnp"


def test_the_scripts_are_printed(lab: Lab) -> None:
    for shell, script in SCRIPTS.items():
        assert lab.run("completion", shell).stdout == script
    lab.run("completion", "tcsh", rc=2)
