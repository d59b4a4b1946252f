"""Tests run on real repositories, sealed from the user's own git: home, configuration, identity and clock zone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2
import pytest
from click.testing import CliRunner, Result
from pygit2.enums import ConfigLevel

from memorylab import memory
from memorylab.cli import cli
from memorylab.ledger import Ledger
from memorylab.memory import Memory
from memorylab.store.git import locate
from memorylab.store.repo import Store

TRAIN = "DEPTH = 8\nMATRIX_LR = 0.04\nWARMDOWN_RATIO = 0.5\n\nprint('training')\n"
LOG = """step 00001 (1.0%) | loss: 9.0\rstep 00953 (100.0%) | loss: 2.9
---
val_bpb:          {value}
training_seconds: 300.1
total_seconds:    325.9
peak_vram_mb:     45060.2
mfu_percent:      39.80
total_tokens_M:   499.6
num_steps:        953
num_params_M:     50.3
depth:            8
"""


@pytest.fixture(autouse=True)
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's home, git configuration, identity, or the repository that the tests are run from."""
    home = tmp_path / "home"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith(("GIT_", "AUTORESEARCH_", "XDG_"))]:
        monkeypatch.delenv(name)
    settings = {
        "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": ":", "GIT_PAGER": "cat", "TZ": "UTC", "LC_ALL": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n"
    )
    # libgit2 looked for configuration when the process started; its search path is process-wide.
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = str(home)
    return home


class Lab:
    """A repository with a subject, and what a user types in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *arguments: str, check: bool = True, env: dict[str, str] | None = None) -> str:
        """Run git; what it printed on stdout."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, capture_output=True, text=True, errors="replace", check=False,
            env=os.environ | (env or {}),
        )  # fmt: skip
        assert not check or done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def run(self, *arguments: str, rc: int | None = 0, stdin: str | bytes | None = None) -> Result:
        """Run git-memorylab in this process."""
        before = Path.cwd()
        os.chdir(self.path)
        try:
            result = CliRunner().invoke(cli, list(arguments), stdin, prog_name="git memorylab", catch_exceptions=False)
        finally:
            os.chdir(before)
        assert rc is None or result.exit_code == rc, f"exit code {result.exit_code}: {result.output}"
        return result

    def spawn(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        """Start git-memorylab as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "memorylab", *arguments], cwd=self.path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # type: ignore[call-overload, no-any-return]  # fmt: skip

    def edit(self, knob: str, value: object) -> None:
        """Set a knob of the subject."""
        subject = self.path / "train.py"
        lines = subject.read_text().splitlines()
        subject.write_text("".join(f"{knob} = {value}\n" if x.startswith(f"{knob} =") else f"{x}\n" for x in lines))

    def commit(self, message: str = "try something") -> str:
        """Commit everything; the new commit's id."""
        self.git("commit", "-q", "--allow-empty", "-am", message)
        return self.git("rev-parse", "HEAD")

    def result(self, value: float | str) -> Path:
        """A run.log in upstream's format."""
        path = self.path / "run.log"
        path.write_text(LOG.format(value=value))
        return path

    def experiment(self, message: str, value: float, *options: str, knob: str = "", to: object = None) -> str:
        """Edit, commit and log one experiment; its commit."""
        if knob:
            self.edit(knob, to)
        commit = self.commit(message)
        self.result(value)
        self.run("log", "--log", "run.log", *options)
        return commit

    @property
    def store(self) -> Store:
        return Store(locate(self.path))

    @property
    def memory(self) -> Memory:
        return memory.read(self.store)

    @property
    def ledger(self) -> Ledger:
        return Ledger(locate(self.path))


@pytest.fixture
def make_lab(tmp_path: Path) -> Callable[..., Lab]:
    """Make further repositories."""

    def make(name: str = "lab", init: bool = True) -> Lab:
        path = tmp_path / name
        path.mkdir()
        lab = Lab(path)
        lab.git("init", "-q")
        (path / "train.py").write_text(TRAIN)
        lab.git("add", "train.py")
        lab.git("commit", "-q", "-m", "baseline")
        if init:
            lab.run("init")
        return lab

    return make


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Iterator[Lab]:
    """A repository in which `init` was run."""
    made = make_lab()
    yield made
    shutil.rmtree(made.path, ignore_errors=True)
