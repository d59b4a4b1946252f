"""Many clones that log and share at once: is every record in every clone, was any push rejected, and how long is it
against a bare `git push` of the same refs, in the same run?

    python -m benchmarks.swarm.clones --clones 30 --rounds 5
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from memorylab.commands import log
from memorylab.commands.session import Session
from memorylab.store import refs

SUBJECT = "DEPTH = 8\nMATRIX_LR = 0.04\n\nprint('training')\n"
RESULT = "---\nval_bpb:          {value}\ntraining_seconds: 300.1\npeak_vram_mb:     45060.2\n"


def sealed(home: Path) -> None:
    """Nobody's git configuration but the benchmark's own."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    (home / ".gitconfig").write_text("[user]\n\tname = Bench\n\temail = bench@example.org\n[gc]\n\tauto = 0\n")
    os.environ |= {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def git(where: Path, *arguments: str, input: str | None = None) -> str:
    """What git prints on stdout."""
    done = subprocess.run(["git", *arguments], cwd=where, input=input, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def at_once(places: Sequence[Path], *command: str) -> tuple[float, list[str]]:
    """Run a command in all places at once: (wall seconds, what each printed). Raises RuntimeError if one fails."""
    began = time.perf_counter()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, cwd=place, **pipes) for place in places]  # type: ignore[call-overload]
    said = [process.communicate() for process in started]
    for process, (_, err) in zip(started, said, strict=True):
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: {err}")
    return time.perf_counter() - began, [out for out, _ in said]


def make(folder: Path, clones: int) -> list[Path]:
    """A base with a subject, two bare remotes, and clones that remember."""
    base = folder / "base"
    base.mkdir()
    git(base, "init", "-q", "-b", "main")
    (base / "train.py").write_text(SUBJECT)
    git(base, "add", "train.py")
    git(base, "commit", "-q", "-m", "baseline")
    for name in ("shared", "plain"):
        git(folder, "clone", "-q", "--bare", str(base), f"{name}.git")
    places = []
    for n in range(clones):
        place = folder / f"clone{n}"
        git(folder, "clone", "-q", str(folder / "shared.git"), str(place))
        git(place, "remote", "add", "plain", str(folder / "plain.git"))
        git(place, "config", "memorylab.remote", "origin")
        places.append(place)
    at_once(places, "git", "memorylab", "init")
    return places


def record(place: Path, number: int) -> None:
    """One experiment: a commit and its run, as `git memorylab log` stores them."""
    (place / "train.py").write_text(SUBJECT.replace("0.04", f"0.{number:04}"))
    git(place, "commit", "-q", "--no-verify", "-am", f"MATRIX_LR 0.{number:04}")
    result = place / "run.log"
    result.write_text(RESULT.format(value=1 + number / 10_000))
    session = Session(place, datetime.now(UTC).replace(microsecond=0))
    log.log(session, log.Request(description=f"MATRIX_LR 0.{number:04}", status="discard", log=result))


def measure(clones: int, rounds: int) -> dict[str, object]:
    """Figures of one run."""
    folder = Path(tempfile.mkdtemp(prefix="memorylab-swarm-"))
    try:
        sealed(folder)
        places = make(folder, clones)
        own = [f"{pattern}:{pattern}" for pattern in refs.SHARED]
        seconds = {"push": 0.0, "push and fetch": 0.0, "sync": 0.0}
        tries: list[int] = []
        for turn in range(rounds):
            for n, place in enumerate(places):
                record(place, turn * clones + n)
            seconds["push"] += (pushed := at_once(places, "git", "push", "-q", "--atomic", "plain", *own)[0])
            seconds["push and fetch"] += pushed + at_once(places, "git", "fetch", "-q", "plain")[0]
            took, said = at_once(places, "git", "memorylab", "sync", "--json")
            seconds["sync"] += took
            tries += [json.loads(line)["attempts"] for line in said]
        at_once(places, "git", "memorylab", "sync")
        at_once(places, "git", "memorylab", "status")
        views = {(place / "results" / "memorylab" / "experiments.jsonl").read_bytes() for place in places}
        held = {len(view.splitlines()) for view in views}
        return {
            "clones": clones, "rounds": rounds, "records": clones * rounds, "records in each clone": sorted(held),
            "views that differ": len(views) - 1, "syncs": len(tries), "attempts": sum(tries),
            "seconds": {name: round(took, 2) for name, took in seconds.items()},
            "sync / push": round(seconds["sync"] / seconds["push"], 2),
            "sync / push and fetch": round(seconds["sync"] / seconds["push and fetch"], 2),
        }  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clones", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(json.dumps(measure(given.clones, given.rounds), indent=2))
