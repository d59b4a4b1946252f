"""Whole processes, measured: wall and CPU seconds, peak memory. No import but of the standard library: until a child is
the program that it is to be, its peak memory is that of this process."""

import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Sample(NamedTuple):
    """What one process took, with all that it waited for: seconds, seconds, MiB."""

    wall: float
    cpu: float
    peak: float

    def less(self, other: "Sample") -> "Sample":
        """The seconds that this took more than another process."""
        return Sample(self.wall - other.wall, self.cpu - other.cpu, self.peak)


class Beyond(Exception):
    """A process took longer than it was given."""


class Failed(Exception):
    """A process ended with an error, or what is measured is not there."""


def run(command: Sequence[str], place: Path, environment: dict[str, str], timeout: float) -> Sample:
    """Measure a process. Raises Beyond after `timeout` seconds, Failed if it does not end with 0."""
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
            start_new_session=True,
        )  # fmt: skip
        killed = threading.Event()

        def kill() -> None:
            killed.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if killed.is_set():
            raise Beyond
        if process.returncode:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
            raise Failed(f"exit code {process.returncode}" + (f", {lines[-1][:200]}" if lines else ""))
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class Figure(NamedTuple):
    """The medians of several samples, and how many they are; or, without any, why there is none."""

    sample: Sample | None
    times: int = 0
    why: str = ""


def in_turn(
    works: Mapping[str, Callable[[], Sample]], times: int, timeout: float, patience: float
) -> dict[str, Figure]:
    """Measure several things in turn, so that all meet the same noise: each so many times, fewer once all of them
    together have taken `patience` seconds. What fails or takes over `timeout` seconds once is not tried again."""
    found: dict[str, list[Sample]] = {name: [] for name in works}
    failed: dict[str, Figure] = {}
    began = time.perf_counter()
    for turn in range(times):
        if turn and time.perf_counter() - began > patience:
            break
        for name, work in works.items():
            if name in failed:
                continue
            try:
                found[name].append(work())
            except Beyond:
                failed[name] = Figure(None, why=f"> {timeout:g} s")
            except Failed as problem:
                failed[name] = Figure(None, why=f"failed: {problem}")
    return {name: failed.get(name) or median(samples) for name, samples in found.items()}


def median(samples: Sequence[Sample]) -> Figure:
    """The median of each quantity."""
    return Figure(Sample(*map(statistics.median, zip(*samples, strict=True))), len(samples))
