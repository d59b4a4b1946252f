"""Who waits is told for what, on a terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from memorylab import index
from tests import attacks
from tests.conftest import Hub, Lab, Templates

# A clock that goes two seconds between any two looks at it.
SLOW = "import time; time.monotonic = lambda at=iter(range(0, 1000000, 2)): next(at)"
STOPPED = "import time; time.monotonic = lambda: 0"
RUN = "from memorylab.cli import main; main()"
TABLE = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabcdef0\t1.0\t1.0\tkeep\tmore\n"


def _told(lab: Lab, *arguments: str, clock: str = SLOW, rc: int = 0) -> str:
    """What a terminal is told beside a command's answer."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", f"{clock}; {RUN}", *arguments]
    done = subprocess.run(command, cwd=lab.path, stderr=theirs, stdout=subprocess.PIPE, check=False)
    os.write(theirs, b"end")
    assert done.returncode == rc and (done.stdout or rc)
    return os.read(ours, 4096).decode()


@pytest.fixture
def one(lab: Lab) -> Lab:
    """A lab whose index and views are to be made anew."""
    lab.experiment("raise matrix lr", 1.0)
    (lab.store.state / index.FILE).unlink()
    (lab.path / ".git" / "memorylab-views.json").unlink()
    return lab


def test_what_takes_long_says_how_far_it_has_come(one: Lab) -> None:
    told = _told(one, "status")
    assert "Reading the memory: 100 % (1/1), done.\r\n" in told
    assert "Writing the views: 100 % (1/1), done.\r\n" in told


def test_so_does_the_page(one: Lab) -> None:
    assert "Writing the page: 100 % (1/1), done.\r\n" in _told(one, "report", "--html")


def test_so_does_an_import(one: Lab) -> None:
    (one.path / "more.tsv").write_text(TABLE)
    assert "Importing: 100 % (1/1), done.\r\n" in _told(one, "import", "more.tsv")


def test_nobody_is_told_before_a_second_has_passed_or_elsewhere_than_on_a_terminal(one: Lab) -> None:
    quiet = subprocess.run([sys.executable, "-m", "memorylab", "status"], cwd=one.path, capture_output=True, check=True)
    assert quiet.stderr == b""
    (one.store.state / index.FILE).unlink()
    assert _told(one, "status", clock=STOPPED) == "end"


@pytest.mark.parametrize("clock", [SLOW, STOPPED])
def test_what_a_remote_says_does_nothing_to_a_terminal(templates: Templates, tmp_path: Path, clock: str) -> None:
    hub = Hub(templates, tmp_path / "hub")
    ann = hub.join("ann")
    ann.experiment("raise matrix lr", 1.0)
    said = f"fatal: {attacks.CONTROL}{attacks.HIDDEN} at https://bob:Tr0ub4dor@example.org/ refused"
    (tmp_path / "said").write_text(f"{said}\n".replace("\0", ""))
    hook = hub.path / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\ncat '{tmp_path}/said' >&2\nexit 1\n")
    hook.chmod(0o755)
    told = _told(ann, "sync", clock=clock, rc=3)
    assert "owned" in told and "refused" in told and "Tr0ub4dor" not in told
    assert not {c for c in told if not c.isprintable() and c not in "\r\n"}
