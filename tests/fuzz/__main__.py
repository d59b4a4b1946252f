"""Run the targets under atheris, each in a process of its own, and say what came of it."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.targets import TARGETS

MEGABYTES = 256
_DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/\S+.*rss: (\d+)Mb")
_BEGUN = re.compile(r"#\d+\s+INITED\s+cov: (\d+) ft: \d+ (?:corp: (\d+)/)?")
_LAST = re.compile(r"#(\d+)\s")


class Found(NamedTuple):
    """What became of a target. `problem` is empty, or what libFuzzer said and where the input lies."""

    name: str
    executions: int
    begun: tuple[int, int]  # edges and inputs of the seeds
    ended: tuple[int, int]
    megabytes: int
    slowest: float
    problem: str


def fuzz(name: str, folder: Path, executions: int, seconds: int, seed: int) -> Found:
    """Run one target, for so many executions, or seconds where these end sooner (0: no end)."""
    out = folder / name
    out.mkdir(parents=True, exist_ok=True)
    options = [f"-runs={executions}", f"-rss_limit_mb={MEGABYTES}", "-print_final_stats=0", f"-seed={seed}"]
    options += [f"-max_total_time={seconds}"] * bool(seconds)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child", name, str(out), *options], capture_output=True, check=False,
        cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONHASHSEED": "0"},
    )  # fmt: skip
    said = done.stderr.decode("utf-8", "replace") + done.stdout.decode("utf-8", "replace")
    (out / "log").write_text(said, encoding="utf-8")
    begun, last, ended = _BEGUN.search(said), _LAST.findall(said), _DONE.search(said)
    slowest = out / "slowest.txt"
    return Found(
        name, int(ended[1]) if ended else int(last[-1]) if last else 0,
        (int(begun[1]), int(begun[2] or 0)) if begun else (0, 0),
        (int(ended[2]), int(ended[4])) if ended else (0, 0), int(ended[5]) if ended else 0,
        float(slowest.read_text()) if slowest.exists() else 0.0, _problem(said, done.returncode),
    )  # fmt: skip


def _problem(said: str, code: int) -> str:
    if not code:
        return ""
    telling = [line for line in said.splitlines() if line.startswith(("ERROR:", "==", "SUMMARY", "Test unit", " Test"))]
    raised = said.partition("Uncaught Python exception")[2].strip()
    left = [line for line in said.splitlines() if "Test unit written to" in line]
    return "\n".join([*(raised.splitlines()[-25:] if raised else telling or said.splitlines()[-15:]), *left])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--executions", type=int, default=20_000, help="of each target")
    parser.add_argument("--seconds", type=int, default=0, help="at most, for each target")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="instead of all")
    parser.add_argument("--folder", type=Path, help="where corpora and findings are kept, else nowhere")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if find_spec("atheris") is None:
        print("atheris is not installed: nothing was fuzzed. `pip install atheris`", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(given.jobs) as pool:
        folder = given.folder or Path(temporary)
        work = [
            pool.submit(fuzz, name, folder.resolve(), given.executions, given.seconds, given.seed)
            for name in given.target or TARGETS
        ]
        print(f"{'target':<18} {'executions':>11} {'edges':>12} {'inputs':>12} {'MiB':>4} {'slowest s':>9}", flush=True)
        found = []
        for one in work:
            result = one.result()
            found.append(result)
            edges, inputs = (f"{a}->{b}" for a, b in zip(result.begun, result.ended, strict=True))
            print(
                f"{result.name:<18} {result.executions:>11,} {edges:>12} {inputs:>12} {result.megabytes:>4} "
                f"{result.slowest:>9.3f} {'FOUND' if result.problem else ''}",
                flush=True,
            )
            if result.problem:
                print(result.problem, flush=True)
    bad = [one.name for one in found if one.problem]
    total = sum(one.executions for one in found)
    print(f"{total:,} executions of {len(found)} targets, {len(bad)} with a finding: {', '.join(bad) or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
