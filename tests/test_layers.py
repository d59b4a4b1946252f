"""Imports point down. The picture is in docs/architecture.md; this is what holds it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import memorylab
from tests.conftest import UNSEEN, Lab

ROOT = Path(memorylab.__file__).parent

# What each room may import of memorylab. A room is the longest prefix that matches.
MAY = {
    "__init__": {"commands", "core"},
    "errors": set(),
    "core": {"core"},
    "lab": {"lab"},
    "store": {"store", "errors"},
    "settings": {"core", "store", "errors"},
    "templates": {"errors"},
    "index": {"store"},
    "readings": {"index", "core"},
    "kept": set(),
    "rewrites": {"core"},
    "intake": {"index", "rewrites", "core"},
    "timeline": {"intake", "kept", "index", "readings", "rewrites", "core"},
    "ledger": {"core", "store", "errors"},
    "board": {"timeline", "core"},
    "turns": {"timeline", "core"},
    "looking": {"turns", "timeline", "rewrites", "core"},
    "recall": {"board", "looking", "turns", "timeline", "rewrites", "index", "core", "store", "errors"},
    "views": {"views", "recall", "settings", "core", "store", "errors"},
    "console": {"core", "store"},
    "commands": {
        "commands",
        "console",
        "looking",
        "views",
        "ledger",
        "index",
        "recall",
        "timeline",
        "settings",
        "templates",
        "core",
        "store",
        "errors",
        "__init__",
    },
    "outputs": {"commands", "core"},
    "terminal": {"core", "store", "errors"},
    "cli": {"cli", "terminal", "console", "commands", "core", "errors", "__init__"},
    "__main__": {"cli"},
}
ONLY_IN = {
    "pygit2": {"store"},
    "click": {"cli", "terminal", "console"},
    "rich": {"console"},
    "torch": {"lab"},
    "sqlite3": {"index", "readings", "kept", "rewrites", "intake", "timeline", "board", "turns", "recall"},
    "subprocess": {"store", "commands", "console", "lab"},
    "jinja2": {"views"},
}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it points"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


FILES = sorted(path for path in ROOT.rglob("*.py") if "_templates" not in path.parts)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_imports_point_down(path: Path) -> None:
    room = _room(path)
    for name in _imports(path):
        top, *rest = name.split(".")
        if top == "memorylab":
            target = rest[0] if rest and rest[0] in MAY else "__init__"
            assert target in MAY[room], f"{room} imports {name}"
        elif top in ONLY_IN:
            assert room in ONLY_IN[top], f"{room} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_a_module_is_one_room(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450


def test_core_is_pure() -> None:
    """No files, no git, no clock in the core."""
    for path in (ROOT / "core").glob("*.py"):
        forbidden = {"os", "pathlib", "time", "subprocess", "sqlite3", "socket", "tempfile", "shutil", "random"}
        assert not {name.split(".")[0] for name in _imports(path)} & forbidden, path


HEAVY = {
    "pygit2",
    "torch",
    "rich",
    "scipy",
    "jinja2",
    "numpy",
    "statistics",
    "memorylab.store.repo",
}
# What shows the modules of a command, and ends as it does.
COMMAND = """
import sys
from memorylab.cli import cli
cli(sys.argv[1:], standalone_mode=False)
print(*sys.modules)
"""


@pytest.mark.parametrize("arguments", [["check", "--description", "raise matrix lr", "--json"], ["check", "--json"]])
def test_a_check_imports_no_more_than_it_needs(lab: Lab, arguments: list[str]) -> None:
    """libgit2 alone takes longer to be imported than a check. Where the index is fresh, nothing of it is needed."""
    lab.experiment("raise matrix lr", 1.0, knob="MATRIX_LR", to=0.06)
    lab.edit("MATRIX_LR", 0.08)
    lab.run("check")
    answer, modules = loaded(lab, *arguments)
    assert '"duplicate_run"' in answer
    assert not (HEAVY | {"memorylab.ledger"}) & modules


def test_the_hook_imports_no_more_than_it_needs(lab: Lab) -> None:
    """It writes, and each commit waits for it."""
    lab.experiment("raise matrix lr", 1.0, knob="MATRIX_LR", to=0.06)
    lab.edit("MATRIX_LR", 0.08)
    lab.run("check")
    lab.git(*UNSEEN, "commit", "-qam", "raise matrix lr")
    answer, modules = loaded(lab, "hook", "post-commit")
    assert "known_success" in answer
    assert not HEAVY & modules
    assert lab.memory.plans[lab.git("rev-parse", "HEAD")].description == "raise matrix lr"


@pytest.mark.parametrize("command", ["log", "report", "status", "history", "show"])
def test_what_is_typed_all_night_does_without_libgit2(lab: Lab, command: str) -> None:
    lab.experiment("raise matrix lr", 1.0, knob="MATRIX_LR", to=0.06)
    lab.edit("MATRIX_LR", 0.08)
    lab.commit("raise matrix lr")
    lab.result(0.9)
    _, modules = loaded(lab, *(["log", "--log", "run.log"] if command == "log" else [command]))
    assert not {"pygit2", "rich"} & modules  # rich is for a terminal alone


def loaded(lab: Lab, *arguments: str) -> tuple[str, set[str]]:
    """What a command says, and the modules that it has imported."""
    done = subprocess.run([sys.executable, "-c", COMMAND, *arguments], cwd=lab.path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *_, modules = done.stdout.splitlines()
    return done.stdout.removesuffix(f"{modules}\n") + done.stderr, set(modules.split())
