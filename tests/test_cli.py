"""The command line as a whole: help, exit codes, errors in one sentence, JSON in one line, wherever it is called."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from memorylab import __version__
from memorylab.cli import cli
from memorylab.commands import inspect
from tests.conftest import Lab

COMMANDS = sorted(cli.commands)


def _spawn(lab: Lab, *arguments: str | bytes, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "memorylab", *arguments]
    return subprocess.run(
        command, cwd=lab.path, text=True, check=False, capture_output=True, env=os.environ | (env or {})
    )


# -- help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_explained(lab: Lab, command: str) -> None:
    short, long = lab.run(command, "-h").stdout, lab.run(command, "--help").stdout
    assert short == long
    assert short.startswith(f"Usage: git memorylab {command} ")
    assert cli.commands[command].help
    for parameter in cli.commands[command].params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in short


def test_help_without_a_command(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    shown = lab.run("--help").stdout
    assert lab.run("-h").stdout == shown
    assert lab.run(rc=2).stderr == shown  # click's own code for a call that lacks a command
    for name, command in cli.commands.items():
        assert (f"\n  {name} " in shown) == (not command.hidden)
    assert lab.run("--version").stdout.strip().endswith(__version__)
    assert "No such command 'nonsense'" in lab.run("nonsense", rc=2).stderr


def test_the_console_script_is_a_git_command(lab: Lab) -> None:
    program = shutil.which("git-memorylab")
    if program is None:
        pytest.skip("git-memorylab is not installed as a console script")
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("Usage: git memorylab [OPTIONS] COMMAND [ARGS]...\n")
    assert "\n  init " in shown
    assert lab.git("memorylab", "status") == lab.run("status").stdout.strip()


# -- where it is called


@pytest.mark.parametrize("command", ["status", "init", "check --description x", "log", "run", "show x", "import x"])
def test_outside_a_repository(tmp_path: Path, command: str) -> None:
    result = Lab(tmp_path).run(*command.split(), rc=3)
    assert result.output == "error: This is not a git repository. Run `git init`, or change into one.\n"


def test_a_sha256_repository(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "new")
    lab.path.mkdir()
    lab.git("init", "-q", "--object-format=sha256")
    for arguments in (["init"], ["status"], ["check", "--description", "x"]):
        result = lab.run(*arguments, rc=3)
        assert result.stderr.startswith("error: This repository cannot be opened: ")
        assert "SHA-256 repositories and reftable are not supported yet." in result.stderr
        assert result.stderr.count("\n") == 1


def test_everywhere_in_a_repository(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    said = lab.run("status").stdout
    other = Lab(lab.path.parent / "other")
    lab.git("worktree", "add", "-q", str(other.path))
    (lab.path / "sub").mkdir()
    assert Lab(lab.path / "sub").run("status").stdout == said
    assert other.run("status").stdout == said
    assert (other.path / "results.tsv").read_bytes() == (lab.path / "results.tsv").read_bytes()
    assert not (lab.path / "sub" / "results.tsv").exists()
    outside = Lab(lab.path.parent)
    monkeypatch.setenv("GIT_DIR", str(lab.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(lab.path))
    assert outside.run("status").stdout == said
    assert not (outside.path / "results.tsv").exists()


# -- errors


def test_a_bug_keeps_its_traceback_in_a_file(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError("really\x1b")

    monkeypatch.setattr(inspect, "status", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = lab.run("status", rc=70)
    (kept,) = tmp_path.glob("git-memorylab-*.traceback")
    assert result.stderr == f"bug: ZeroDivisionError: really\x1b. Please report it with {kept}.\n"
    assert kept.read_text().startswith("Traceback (most recent call last):")


def test_an_interrupt_is_not_an_answer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 would say that the guard blocks."""

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(inspect, "status", interrupted)
    assert lab.run("status", rc=130).output == "interrupted\n"


def test_wrong_options(lab: Lab) -> None:
    for call in ("log --status good", "report --since-hours 0", "show", "restore", "hook x"):
        result = lab.run(*call.split(), rc=2)
        assert result.stdout == ""
        assert "Error: " in result.stderr


def test_stdout_that_is_closed_early(lab: Lab) -> None:
    lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    one = lab.memory.runs[0].run_id
    for arguments in (["status"], ["show", one], ["diff", one, "--json"], ["check", "--description", "x"], ["-h"]):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "memorylab", *arguments]
        process = subprocess.run(command, cwd=lab.path, stdout=writing, stderr=subprocess.PIPE, check=False)
        os.close(writing)
        assert process.stderr == b"", arguments
        assert process.returncode == 141 or arguments == ["-h"]
    shell = f"{sys.executable} -m memorylab status | true"
    assert subprocess.run(["sh", "-c", shell], cwd=lab.path, capture_output=True, check=False).stderr == b""


def test_arguments_that_are_no_text(lab: Lab) -> None:
    done = _spawn(lab, "check", "--json", "--description", b"caf\xe9 \xff")
    assert json.loads(done.stdout)["probe_text"] == "caf\ufffd \ufffd"
    lab.git("commit", "-q", "--allow-empty", "-m", "x")
    lab.result(1.5)
    done = _spawn(lab, "log", "--log", "run.log", "--description", b"caf\xe9", "--family", b"\xff", "--notes", b"\xfe")
    assert done.returncode == 0, done.stderr
    assert lab.memory.runs[0].description == "caf\ufffd"
    done = _spawn(lab, "show", b"\xff")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    done = _spawn(lab, "import", b"caf\xe9.tsv")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)


def test_a_terminal_that_knows_only_ascii(lab: Lab) -> None:
    lab.experiment("größer → tiefer", 1.5, knob="DEPTH", to=9)
    done = _spawn(lab, "status", env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")


# -- JSON


def test_every_command_that_has_json_prints_it_in_one_line(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    (lab.path / "theirs.tsv").write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.9\t1\tkeep\tb\n")
    calls = [["init"]]
    lab.git("config", "core.hooksPath", "/dev/null")
    first = True
    tried = set()
    while calls:
        command, *rest = calls.pop(0)
        result = lab.run(command, "--json", *rest)
        assert result.stdout.endswith("\n"), command
        assert result.stdout.count("\n") == 1, command
        json.loads(result.stdout)
        tried.add(command)
        if first:
            first = False
            lab.edit("DEPTH", 9)
            lab.commit("deeper\nover two lines")
            lab.result(1.5)
            calls = [["check"], ["log", "--log", "run.log"], ["run", "--", "echo", "val_bpb: 1.4"], ["status"],
                     ["knobs"], ["report"], ["import", "theirs.tsv"]]  # fmt: skip
        elif command == "import":
            one = lab.memory.runs[-1].run_id
            calls = [["show", one], ["diff", one], ["restore", one], ["amend", one, "--notes", "x"]]
            lab.git("config", "memorylab.command", "echo val_bpb: 1.4")
            calls += [["replicate", one, "--seeds", "1"]]
            lab.git("init", "-q", "--bare", "../remote.git")
            lab.git("remote", "add", "origin", "../remote.git")
            calls += [["sync"], ["claim", "MATRIX_LR to 0.05"], ["claim"], ["compact"], ["verify"], ["doctor"]]
    known = {name for name, made in cli.commands.items() if any("--json" in option.opts for option in made.params)}
    assert tried | {"demo"} == known, "the demo has a test of its own"
