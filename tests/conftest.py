"""Tests run on real repositories, sealed from the user's own git: home, configuration, identity and clock zone."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pygit2
import pytest
from click.testing import CliRunner, Result
from pygit2.enums import ConfigLevel

from memorylab.cli import cli
from memorylab.commands import hooks
from memorylab.ledger import Ledger
from memorylab.store import form, writer
from memorylab.store.git import locate
from memorylab.store.pack import Pack
from memorylab.store.repo import Store
from tests import memory
from tests.memory import Memory

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
GITCONFIG = "[user]\n\tname = Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n"
# The forms that all repositories of the tests have: `MEMORYLAB_TEST_OBJECTS=sha256`, `MEMORYLAB_TEST_REFS=reftable`.
_WANTED = {"GIT_DEFAULT_HASH": "MEMORYLAB_TEST_OBJECTS", "GIT_DEFAULT_REF_FORMAT": "MEMORYLAB_TEST_REFS"}
_DEFAULTS = {name: os.environ[wanted] for name, wanted in _WANTED.items() if os.environ.get(wanted)}
os.environ.update(_DEFAULTS)  # for what is made before the first test
FORM = form.FORMS[_DEFAULTS.get("GIT_DEFAULT_HASH", "sha1")]
LEVELS = (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL)
# core.hooksPath says nothing of hooks in git's configuration.
UNSEEN = (
    "-c", f"core.hooksPath={os.devnull}", "-c", "hook.memorylab-post-commit.enabled=false",
    "-c", "hook.memorylab-post-rewrite.enabled=false",
)  # fmt: skip
OUR_HOOK = ("#!/bin/sh\n# >>> git-memorylab >>>\n", "# <<< git-memorylab <<<\n")


def _seal(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    for name in [name for name in os.environ if name.startswith(("GIT_", "AUTORESEARCH_", "XDG_"))]:
        monkeypatch.delenv(name)
    settings = {
        "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": ":", "GIT_PAGER": "cat", "TZ": "UTC", "LC_ALL": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **_DEFAULTS,
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (home / ".gitconfig").write_text(GITCONFIG)
    # libgit2 looked for configuration when the process started; its search path is process-wide.
    for level in LEVELS:
        pygit2.settings.search_path[level] = str(home)


@pytest.fixture(autouse=True)
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's home, git configuration, identity, or the repository that the tests are run from."""
    home = tmp_path / "home"
    _seal(home, monkeypatch)
    return home


class Lab:
    """A repository with a subject, and what a user types in it."""

    starts_hooks = False  # Whether `commit` has git run the hooks, as it does for a user.

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
        """Commit everything; the new commit's id. What the hook that `init` installs would start a process for is done
        in this one, at a tenth of the cost."""
        subject = None if self.starts_hooks else self._subject_of_hooks()
        quiet = () if subject is None else ("-c", f"core.hooksPath={os.devnull}")
        self.git(*quiet, "commit", "-q", "--allow-empty", "-am", message)
        # The question is the hook's own: of any other commit it starts nothing.
        same = ("diff-tree", "-r", "--root", "--no-commit-id", "--name-only", "HEAD", "--", f":(top,literal){subject}")
        if subject is not None and self.git(*same):
            self.run("hook", "post-commit")
        return self.git("rev-parse", "HEAD")

    def _subject_of_hooks(self) -> str | None:
        """What the hooks are told the subject is; None if they are not those of `init`, or not alone."""
        where = self.git("rev-parse", "--path-format=absolute", "--git-common-dir", "--git-path", "hooks").splitlines()
        common, folder = Path(where[0]), Path(where[1])
        settings = common / "memorylab" / "hooks" / "settings"
        found = sorted(path.name for path in folder.glob("*") if path.suffix != ".sample")
        if folder != common / "hooks" or found != sorted(hooks.NAMES) or not settings.exists():
            return None
        texts = [(folder / name).read_text() for name in hooks.NAMES]
        subject, program = settings.read_text().splitlines()
        is_ours = all(text.startswith(OUR_HOOK[0]) and text.endswith(OUR_HOOK[1]) for text in texts)
        return subject if is_ours and program == hooks.program() else None

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

    def write(self, make: Callable[[Pack], str]) -> str:
        """Have git keep what is made in a pack."""
        pack = Pack(self.store.place)
        made = make(pack)
        pack.write()
        return made

    def write_raw(self, kind: str, content: bytes) -> str:
        """Have git keep an object that is none."""
        command = ["git", "hash-object", "-w", "-t", kind, "--literally", "--stdin"]
        done = subprocess.run(command, cwd=self.path, input=content, capture_output=True, check=True)
        return done.stdout.decode().strip()

    @property
    def memory(self) -> Memory:
        return memory.read(self.store)

    @property
    def ledger(self) -> Ledger:
        return Ledger(locate(self.path))


def is_refusal(said: str) -> bool:
    """Whether this is all that an error says: one sentence and, if there is something to be done, one hint; or one
    line of JSON."""
    first, *rest = said.splitlines()
    if first.startswith('{"error":'):
        return not rest
    return first.startswith("error: ") and len(rest) <= 1 and all(line.startswith("hint: ") for line in rest)


def rename(lab: Lab, name: str = "") -> None:
    """Give a copy in which nothing was remembered yet the id that its own `init` would have made."""
    writer.save(lab.path / ".git", writer.mint(name))


class Templates:
    """Repositories that are made once, by what every test would make them by, for the tests to have copies of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def copy(self, name: str, make: Callable[[Path], object], to: Path, **renamed: str) -> None:
        """Put the repositories that `make` makes in a folder into another, where they are at home then. It is called
        by the first who asks for the name; `renamed` are those that are called otherwise here."""
        source = self.folder / name
        if not source.exists():
            self._make(source, make)
        moved = {f"{source}/{was}": f"{to}/{now}" for was, now in renamed.items()} | {str(source): str(to)}
        for path in source.iterdir():
            target = to / renamed.get(path.name, path.name)
            if path.is_dir():
                _copy(path, target, moved)
            else:
                shutil.copy2(path, target)

    def lab(self, folder: Path, name: str = "lab", init: bool = True) -> Lab:
        """A repository with a subject."""
        made = Lab(folder / name)
        if init:
            self.copy("ready", lambda folder: self.lab(folder, init=False).run("init"), folder, lab=name)
            rename(made)
        else:
            self.copy("plain", _make_plain, folder, lab=name)
        return made

    def told(self, name: str, tell: Callable[[Lab], object], folder: Path) -> Lab:
        """A repository in which something has been done since `init`."""
        self.copy(name, lambda folder: tell(self.lab(folder)), folder)
        return Lab(folder / "lab")

    def _make(self, source: Path, make: Callable[[Path], object]) -> None:
        found = {level: pygit2.settings.search_path[level] for level in LEVELS}
        with pytest.MonkeyPatch.context() as monkeypatch:
            _seal(self.folder / f"home of {source.name}", monkeypatch)
            source.mkdir()
            try:
                make(source)
            except BaseException:
                shutil.rmtree(source)  # nobody is to find a part of it
                raise
        for level, path in found.items():
            pygit2.settings.search_path[level] = path


def _copy(source: Path, target: Path, moved: dict[str, str]) -> None:
    shutil.copytree(source, target, symlinks=True)
    common = target / ".git" if (target / ".git").exists() else target
    text = (common / "config").read_text()
    for was, now in moved.items():
        text = text.replace(was, now)
    (common / "config").write_text(text)
    if common != target:
        Lab(target).git("update-index", "-q", "--refresh")  # which has the files' inodes
    # A copy that is not told that it is where it was goes by another name as soon as it writes.
    identity = common / "memorylab" / "writer.json"
    if identity.exists():
        writer.save(common, json.loads(identity.read_bytes())["writer"])


class Hub(Lab):
    """A bare remote with one branch, which holds the baseline of `make_lab`."""

    def __init__(self, templates: Templates, path: Path) -> None:
        super().__init__(path)
        self.templates = templates
        templates.copy("hub", self._make, path.parent, hub=path.name)
        self.first = self.git("for-each-ref")

    def join(self, name: str, *options: str, init: bool = True) -> Lab:
        """A clone beside it, in which `init` was run: a copy, as long as there is nothing here to be fetched."""
        lab = Lab(self.path.parent / name)
        sealed = Path(os.environ["GIT_CONFIG_GLOBAL"]).read_text() == GITCONFIG
        if options or not sealed or self.git("for-each-ref") != self.first:
            self.git("clone", "-q", "--template=", *options, str(self.path), str(lab.path))
            if init:
                lab.run("init", "--writer", name)
        elif init:
            self.templates.copy("joined", self._make_joined, self.path.parent, hub=self.path.name, lab=name)
            rename(lab, name)
        else:
            self.templates.copy("cloned", self._make_cloned, self.path.parent, hub=self.path.name, lab=name)
        return lab

    def _make(self, folder: Path) -> None:
        self.templates.lab(folder, init=False).git("clone", "-q", "--template=", "--bare", ".", str(folder / "hub"))
        (folder / "hub" / "hooks").mkdir()
        shutil.rmtree(folder / "lab")

    def _make_cloned(self, folder: Path) -> None:
        self.templates.copy("hub", self._make, folder)
        self.git("clone", "-q", "--template=", str(folder / "hub"), str(folder / "lab"))
        shutil.rmtree(folder / "hub")

    def _make_joined(self, folder: Path) -> None:
        self.templates.copy("hub", self._make, folder)
        self.templates.copy("cloned", self._make_cloned, folder)
        Lab(folder / "lab").run("init", "--writer", "somebody")
        shutil.rmtree(folder / "hub")


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Of one worker, so that no two wait for each other."""
    return Templates(tmp_path_factory.mktemp("templates"))


def _make_plain(folder: Path) -> None:
    lab = Lab(folder / "lab")
    lab.path.mkdir()
    lab.git("init", "-q")
    (lab.path / "train.py").write_text(TRAIN)
    lab.git("add", "train.py")
    lab.git("commit", "-q", "-m", "baseline")


@pytest.fixture
def make_lab(tmp_path: Path, templates: Templates) -> Callable[..., Lab]:
    """Make further repositories."""
    return partial(templates.lab, tmp_path)


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Iterator[Lab]:
    """A repository in which `init` was run."""
    made = make_lab()
    yield made
    shutil.rmtree(made.path, ignore_errors=True)
