"""Who waits is told for what, on a terminal."""

import os
import pty
import subprocess
import sys

from memorylab import index
from tests.conftest import Lab


def test_what_takes_long_says_how_far_it_has_come(lab: Lab) -> None:
    lab.experiment("raise matrix lr", 1.0)
    (lab.store.state / index.FILE).unlink()
    ours, theirs = pty.openpty()
    slow = "import time; time.monotonic = lambda at=iter(range(0, 1000, 2)): next(at)"
    code = f"{slow}; from memorylab.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "--json"], cwd=lab.path, stderr=theirs, stdout=subprocess.PIPE
    )
    os.close(theirs)
    assert done.returncode == 0 and b"Reading the memory: 100 % (1/1)" in os.read(ours, 4096)
    (lab.store.state / index.FILE).unlink()
    quiet = subprocess.run([sys.executable, "-m", "memorylab", "check"], cwd=lab.path, capture_output=True, check=True)
    assert quiet.stderr == b""
