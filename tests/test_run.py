"""run: the subject is executed in time or not at all, leaves nothing behind, and what came of it is logged."""

import os
import signal
import sys
from pathlib import Path

import pytest

from memorylab.commands import run as running
from memorylab.commands.session import Session
from memorylab.errors import BadInput
from tests.conftest import Lab

BLOCK = """import os
print('step 00001 (12.5%)')
print('---')
print('val_bpb:          {value}')
print('peak_vram_mb:     1024.0')
print('num_steps:        10')
"""
KILLED = "killed by signal SIGKILL (9), perhaps out of memory"
SIDECAR = "import os\nopen(os.environ['AUTORESEARCH_SUMMARY_PATH'], 'w').write('{content}')\n"
# Blocks for ever, with a child that does too; both say who they are.
BLOCKER = """import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
open("pids", "w").write(f"{os.getpid()} {child.pid}")
print("step 1", flush=True)
open("ready", "w").close()
signal.pause()
"""


def _subject(lab: Lab, content: str, message: str = "try") -> str:
    (lab.path / "train.py").write_text(content)
    lab.git("-c", "core.hooksPath=/dev/null", "commit", "-qam", message)
    return lab.git("rev-parse", "HEAD")


def _gone(pid: int) -> bool:
    """Whether a process has ended (a zombie, whose parent is init, has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _all_gone(lab: Lab) -> bool:
    return all(_gone(int(pid)) for pid in (lab.path / "pids").read_text().split())


def test_kept_then_discarded(lab: Lab) -> None:
    commit = _subject(lab, BLOCK.format(value=1.5), "deeper\n\nFamily: depth")
    result = lab.run("run", rc=0)
    assert result.stdout.startswith(f"keep: val_bpb 1.500000, {commit[:7]} deeper")
    _subject(lab, BLOCK.format(value=1.6), "wider")
    assert lab.run("run", rc=10).stdout.startswith("discard: val_bpb 1.600000")
    one, two = lab.memory.runs
    assert (one.commit, one.status, one.family, one.error) == (commit, "keep", "depth", None)
    assert (one.value("val_bpb"), one.metrics["peak_vram_mb"], one.metrics["num_steps"]) == (1.5, 1024.0, 10)
    assert two.status == "discard"
    log = (lab.path / "run.log").read_bytes()
    assert b"val_bpb:          1.6" in log
    assert lab.store.blob(two.artifacts["run.log"].blob) == log
    assert "train.patch" in two.artifacts


def test_the_sidecar_wins_and_is_never_that_of_an_earlier_run(lab: Lab) -> None:
    _subject(lab, SIDECAR.format(content='{"val_bpb": 1.25, "seed": 7}') + "print('val_bpb:   9.0')\n")
    lab.run("run")
    (run,) = lab.memory.runs
    assert run.value("val_bpb") == 1.25
    assert run.environment is not None
    assert run.environment.seed == 7
    assert "summary.json" in run.artifacts
    _subject(lab, "print('nothing measured')\n")
    lab.run("run", rc=11)
    assert lab.memory.runs[-1].value("val_bpb") is None
    assert "summary.json" not in lab.memory.runs[-1].artifacts


def test_a_broken_sidecar_gives_way_to_the_log(lab: Lab) -> None:
    _subject(lab, SIDECAR.format(content="{") + BLOCK.format(value=1.5))
    result = lab.run("run")
    assert "cannot be read" in result.stderr
    assert lab.memory.runs[0].value("val_bpb") == 1.5


@pytest.mark.parametrize(
    ("content", "summary", "source"),
    [
        ("raise ValueError('no such depth')\n", "ValueError: no such depth", "run.log"),
        ("import torch_is_not_here\n", "ModuleNotFoundError: No module named 'torch_is_not_here'", "run.log"),
        ("def broken(:\n", "SyntaxError: invalid syntax", "run.log"),
        (BLOCK.format(value=1.5) + "raise SystemExit(3)\n", "exit code 3: num_steps:        10", "exit status"),
        (BLOCK.format(value=1.5) + "os.kill(os.getpid(), 9)\n", KILLED, "exit status"),
        ("print('all is well')\n", "It ended without a val_bpb.", "given"),
        ("", "It ended without a val_bpb.", "given"),
        (BLOCK.format(value="nan"), "It ended without a val_bpb.", "given"),
    ],
)  # fmt: skip
def test_crashes(lab: Lab, content: str, summary: str, source: str) -> None:
    _subject(lab, content)
    result = lab.run("run", rc=11)
    (run,) = lab.memory.runs
    assert (run.status, run.metrics["val_bpb"]) == ("crash", None)
    assert run.error is not None
    assert run.error.summary.replace(" ", "") == summary.replace(" ", "")
    assert run.error.source == source
    assert f"error: {run.error.summary}" in result.stdout


# Two shells that wait for ever, and are there within milliseconds.
WAITING = 'mkfifo never; sh -c "{trap}echo a; read x <never" & echo $$ $! >pids; {trap}echo b; read x <never'


@pytest.mark.parametrize("trap", ["", "trap : TERM; trap '' TERM; "], ids=["listening", "deaf"])
def test_a_run_that_takes_too_long_is_ended_with_all_its_children(
    lab: Lab, trap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_GRACE_SECONDS", 0.05 if trap else 60.0)
    lab.run("run", "--time-limit", "0.3", "--", "sh", "-c", WAITING.format(trap=trap), rc=11)
    (run,) = lab.memory.runs
    assert run.error is not None
    assert run.error.summary == "timed out after 0.3 s"
    assert sorted(run.error.tail) == ["a", "b"]
    assert _all_gone(lab)


def test_children_of_a_run_that_ended_are_ended_too(lab: Lab) -> None:
    _subject(lab, BLOCKER.rpartition("signal.pause()")[0] + "print('val_bpb:  1.5')\n")
    lab.run("run")
    assert lab.memory.runs[0].value("val_bpb") == 1.5
    assert _all_gone(lab)


def test_the_shared_time_limit_holds(lab: Lab) -> None:
    lab.git("config", "memorylab.timeLimit", "0.2")
    _subject(lab, BLOCKER)
    lab.run("run", rc=11)
    assert "timed out after 0.2 s" in str(lab.memory.runs[0].error)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_interrupted_it_leaves_no_child_and_logs_nothing(lab: Lab, name: str) -> None:
    """SIGTERM is what `timeout` and agents' harnesses send, SIGHUP what a closed terminal does."""
    os.mkfifo(lab.path / "ready")
    _subject(lab, BLOCKER)
    process = lab.spawn("run")
    (lab.path / "ready").open().close()  # returns once the subject has opened it too
    process.send_signal(getattr(signal, name))
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out, error) == (130, "", "interrupted\n")
    assert _all_gone(lab)
    assert lab.memory.runs == ()


def test_signals_are_as_before_afterwards(lab: Lab) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running.stopped_by_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # nohup
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_uncommitted_subject_is_refused_or_recorded_with_its_diff(lab: Lab) -> None:
    commit = _subject(lab, BLOCK.format(value=1.5))
    (lab.path / "train.py").write_text(BLOCK.format(value=1.4))
    result = lab.run("run", rc=3)
    assert "train.py differs from the commit.\nhint: Commit it first" in result.stderr
    assert not (lab.path / "run.log").exists()
    lab.run("run", "--allow-dirty")
    (run,) = lab.memory.runs
    assert (run.commit, run.value("val_bpb")) == (commit, 1.4)
    assert run.change is not None
    assert run.change.dirty
    patch = lab.store.blob(run.artifacts["train.patch"].blob)
    assert patch is not None
    assert b"+print('val_bpb:          1.4')" in patch


def test_a_command_of_ones_own(lab: Lab) -> None:
    result = lab.run("run", "--", "sh", "-c", 'echo "val_bpb: 1.5"; echo "--json $1: 2"; pwd; cat', "-", "--time-limit")
    assert result.stdout.startswith("keep: ")
    assert (lab.path / "run.log").read_text() == f"val_bpb: 1.5\n--json --time-limit: 2\n{lab.path}\n"  # stdin is empty
    result = lab.run("run", "--", "no-such-program", rc=3)
    assert result.stderr.startswith("error: no-such-program cannot be run: there is no such program.\nhint: Give ")
    assert len(lab.memory.runs) == 1


def test_what_is_said_on_the_command_line_is_kept(lab: Lab) -> None:
    _subject(lab, BLOCK.format(value=1.5))
    said = ["--description", "deeper", "--tags", "a, B", "--family", "depth", "--hypothesis", "helps"]
    value = lab.run("run", *said, "--notes", "first", "--mode", "explore", "--json").stdout
    (run,) = lab.memory.runs
    assert (run.description, run.tags, run.family, run.hypothesis, run.notes) == (
        "deeper", ["a", "b"], "depth", "helps", "first",
    )  # fmt: skip
    assert run.novelty_guard is not None
    assert run.novelty_guard.mode == "explore"
    assert value.count("\n") == 1
    assert f'"run_id":"{run.run_id}"' in value


def test_the_default_command(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)

    def command() -> list[str]:
        return running.default_command(Session(lab.path))

    assert command() == [sys.executable, "train.py"]
    for name in ("python", "uv"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert command() == [sys.executable, "train.py"]
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    assert command() == [str(tmp_path / "python"), "train.py"]
    (lab.path / "uv.lock").write_text("")
    assert command() == ["uv", "run", "train.py"]
    lab.git("config", "memorylab.command", "python -O train.py | tee copy")
    assert command() == ["sh", "-c", "python -O train.py | tee copy"]


def test_a_subject_in_a_subfolder_runs_from_the_top(lab: Lab) -> None:
    (lab.path / "models").mkdir()
    (lab.path / "models" / "train.py").write_text("import os; print(os.getcwd())\n" + BLOCK.format(value=1.5))
    lab.git("add", "models")
    lab.git("-c", "core.hooksPath=/dev/null", "commit", "-qm", "models")
    lab.git("config", "memorylab.subject", "models/train.py")
    Lab(lab.path / "models").run("run")
    assert (lab.path / "run.log").read_text().startswith(f"{lab.path}\n")


def test_a_subject_that_deletes_its_log_has_crashed(lab: Lab) -> None:
    _subject(lab, "import os\nos.remove('run.log')\nprint('val_bpb:  1.5')\n")
    lab.run("run", rc=11)
    assert lab.memory.runs[0].artifacts.keys() == {"decision_packet.json", "decision_packet.md", "train.patch"}


def test_what_cannot_be_run_is_said(lab: Lab, tmp_path: Path) -> None:
    lab.git("config", "memorylab.subject", "other.py")
    assert "There is no other.py to run here." in lab.run("run", rc=3).stderr
    lab.git("clone", "-q", "--bare", ".", "../bare.git")
    with pytest.raises(BadInput, match="bare"):
        running.run(Session(lab.path.parent / "bare.git"), None, (), None, print)  # type: ignore[arg-type]
    for limit in ("0", "-1", "nan", "soon"):
        lab.run("run", "--time-limit", limit, rc=2)


def test_progress_is_what_the_subject_says(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    assert running._percentage(log) == 0.0
    log.write_bytes(b"x" * 5000 + b"step 1 (1.0%)\rstep 2 (47.5%) | loss\n")
    assert running._percentage(log) == 47.5
    log.write_bytes(b"(400%)")
    assert running._percentage(log) == 100.0


def test_the_environment_reaches_the_subject(lab: Lab) -> None:
    _subject(lab, "import os\nprint('val_bpb:  1.5', os.environ['PYTHONUNBUFFERED'], os.getpgid(0) == os.getpid())\n")
    lab.run("run", rc=11)
    assert (lab.path / "run.log").read_text() == "val_bpb:  1.5 1 True\n"


def test_a_replicate_of_the_champion_is_not_reset_away(lab: Lab) -> None:
    """It had to beat itself to be kept, and program.md says to reset what is not."""
    subject = lab.path / "train.py"
    subject.write_text("import os\nDEPTH = 9\nprint('val_bpb:', os.environ.get('RESULT', '1.0'))\n")
    lab.commit("deeper")
    lab.run("run")
    result = lab.run("run", "--mode", "replicate", "--", "env", "RESULT=1.1", sys.executable, "train.py", rc=0)
    replicate = lab.memory.runs[-1]
    assert replicate.status == "keep" and replicate.metrics["val_bpb"] == 1.1
    guard = replicate.novelty_guard
    assert guard is not None and (guard.classification, guard.policy.decision) == ("duplicate_run", "allow")
    # The champion's value is the mean over its runs.
    assert "champion: 1.050000" in result.stdout
