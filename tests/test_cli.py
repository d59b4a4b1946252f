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

from memorylab import __version__, templates
from memorylab.cli import cli
from memorylab.commands import status
from tests.conftest import Lab, is_refusal

COMMANDS = sorted(cli.commands)
DOCS = Path(__file__).parent.parent / "docs"


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
    assert shown.startswith("Usage: git memorylab [OPTIONS] [COMMAND] [ARGS]...\n")
    assert "\n  init " in shown
    assert lab.git("memorylab", "status") == lab.run("status").stdout.strip()


# -- where it is called


@pytest.mark.parametrize("command", ["status", "init", "check --description x", "log", "run", "show x", "import x"])
def test_outside_a_repository(tmp_path: Path, command: str) -> None:
    result = Lab(tmp_path).run(*command.split(), rc=3)
    assert result.output == "error: This is not a git repository.\nhint: Run `git init`, or change into one.\n"


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

    monkeypatch.setattr(status, "status", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = lab.run("status", rc=70)
    (kept,) = tmp_path.glob("git-memorylab-*.traceback")
    assert result.stderr == f"bug: ZeroDivisionError: really\ufffd. Please report it with {kept}.\n"
    assert kept.read_text().startswith("Traceback (most recent call last):")


def test_an_interrupt_is_not_an_answer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 would say that the guard blocks."""

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "status", interrupted)
    assert lab.run("status", rc=130).output == "interrupted\n"


def test_wrong_options(lab: Lab) -> None:
    for call in ("log --status good", "report --since-hours 0", "search", "restore", "hook x"):
        result = lab.run(*call.split(), rc=2)
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")


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
    assert done.returncode == 3 and is_refusal(done.stderr)
    done = _spawn(lab, "import", b"caf\xe9.tsv")
    assert done.returncode == 3 and is_refusal(done.stderr)


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
        if command == "doctor":
            lab.git("config", "--unset", "core.hooksPath")
            lab.run("init")
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
                     ["knobs"], ["report"], ["history"], ["search", "deeper"], ["import", "theirs.tsv"]]  # fmt: skip
        elif command == "import":
            one = lab.memory.runs[-1].run_id
            calls = [["show", one], ["diff", one], ["restore", one], ["amend", one, "--notes", "x"],
                     ["brief"], ["mute"], ["blame", one], ["stack", one, "--onto", "HEAD~1"]]  # fmt: skip
            lab.git("config", "memorylab.command", "echo val_bpb: 1.4")
            calls += [["replicate", one, "--seeds", "1"]]
            lab.git("init", "-q", "--bare", "../remote.git")
            lab.git("remote", "add", "origin", "../remote.git")
            calls += [["sync"], ["claim", "MATRIX_LR to 0.05"], ["claim"], ["compact"], ["verify"], ["doctor"]]
    known = {name for name, made in cli.commands.items() if any("--json" in option.opts for option in made.params)}
    assert tried | {"demo", "skill"} == known, "these have tests of their own"


# -- among git's commands


def test_hints_are_gits_advice_and_can_be_turned_off(lab: Lab) -> None:
    said = "error: No run is called 'x'.\n"
    hint = "hint: `git memorylab status` names the latest ones.\n"
    assert lab.run("show", "x", rc=3).stderr == said + hint
    assert _spawn(lab, "show", "x", env={"GIT_ADVICE": "0"}).stderr == said
    assert _spawn(lab, "show", "x", env={"GIT_ADVICE": "1"}).stderr == said + hint
    lab.git("config", "advice.memorylab", "yes")
    assert lab.run("show", "x", rc=3).stderr == said + hint
    lab.git("config", "advice.memorylab", "off")
    assert lab.run("show", "x", rc=3).stderr == said
    assert lab.run("check", "--nonsense", rc=2).stderr == (
        "error: No such option '--nonsense'.\nusage: git memorylab check [OPTIONS]\n"
    )
    # For a machine it is there all the same.
    assert json.loads(lab.run("show", "x", "--json", rc=3).stderr)["error"]["hint"] in hint


def test_a_wrong_call_is_told_how_it_is_right(lab: Lab) -> None:
    for call, usage in (("check word", "git memorylab check"), ("x", "git memorylab"), ("diff", "git memorylab diff")):
        error, used, hint = lab.run(*call.split(), rc=2).stderr.splitlines()
        assert error.startswith("error: ") and used.startswith(f"usage: {usage} [OPTIONS]")
        assert hint == f"hint: `{usage} -h` explains it."


def test_without_git_there_is_a_hint_too(lab: Lab) -> None:
    done = _spawn(lab, "status", env={"PATH": "/nowhere"})
    assert (done.returncode, done.stderr) == (
        3, "error: git is not installed, or this folder is gone.\nhint: Install git 2.39 or later.\n",
    )  # fmt: skip


@pytest.fixture
def man(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `man` that is found before any other, and says what it is to show."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "man").write_text('#!/bin/sh\necho "showing $1"\ncat "$1"\n')
    (folder / "man").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder / "man"


def test_help_opens_the_man_page(lab: Lab, man: Path) -> None:
    shown = _spawn(lab, "help").stdout
    assert shown.startswith("showing ") and shown.partition("\n")[2] == (DOCS / "git-memorylab.1").read_text()
    shown = _spawn(lab, "help", "check").stdout
    head, title, *lines = shown.splitlines()
    assert head.endswith("/git-memorylab.1") and title.startswith('.TH "GIT\\-MEMORYLAB" "1"')
    assert lines[:2] == [".SH COMMAND", ".SS \\fBgit memorylab check\\fR [OPTIONS]"]
    assert "--fail-on-similar" in shown.replace("\\-", "-") and "git memorylab claim\\fR" not in shown


@pytest.mark.long
def test_help_without_a_man_page_is_the_help(lab: Lab, man: Path) -> None:
    for script in ("#!/bin/sh\nexit 16\n", None):
        if script is None:
            man.unlink()
        else:
            man.write_text(script)
        env = None if script else {"PATH": str(man.parent)}
        for arguments in ([], ["check"], ["export"]):
            done = _spawn(lab, "help", *arguments, env=env)
            assert done.stdout == _spawn(lab, *arguments, "--help").stdout
            assert (done.returncode, done.stderr) == (0, "")
    assert "No such command 'nonsense'" in lab.run("help", "nonsense", rc=2).stderr


def test_the_real_man_shows_it(lab: Lab) -> None:
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("man is not installed")
    shown = _spawn(lab, "help", "replicate", env={"MANPAGER": "cat", "MANWIDTH": "80"})
    assert shown.returncode == 0 and "git memorylab replicate [OPTIONS] RUN" in shown.stdout


def test_the_skill_is_made_of_the_agents_instructions(tmp_path: Path, lab: Lab) -> None:
    shown = lab.run("skill").stdout
    begin, front, body = shown.split("---\n", 2)
    assert begin == "" and body.strip() == templates.path("program.md").read_text().strip()
    name, description = (line.partition(": ") for line in front.splitlines())
    assert (name[0], name[2], description[0]) == ("name", "git-memorylab", "description")
    assert 0 < len(json.loads(description[2])) <= 1024  # what agents take
    path = lab.path / ".claude" / "skills" / "git-memorylab" / "SKILL.md"
    assert lab.run("skill", "--output", str(path)).stdout == f"wrote {path}\n"
    assert path.read_text() == shown
    value = json.loads(lab.run("skill", "--json").stdout)
    assert (value["text"], value["name"], value["written"]) == (shown, "git-memorylab", None)
    (lab.path / "file").touch()
    assert "cannot be written" in lab.run("skill", "--output", "file/SKILL.md", rc=3).stderr
    assert Lab(tmp_path).run("skill").stdout == shown  # outside of a repository too
