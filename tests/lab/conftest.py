"""A corpus small enough to build in a test, and a way to run train.py on it."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAIN = ROOT / "train.py"

# A model so small that a run costs little more than torch's import.
SMALL = {"DEPTH": 1, "DIM": 16, "HEAD_DIM": 8, "NGRAM_ROWS": 64, "BATCH_SIZE": 4, "SEQ_LEN": 32}


@pytest.fixture(scope="session")
def sample_text(tmp_path_factory):
    """A text file of 200 kB of made-up words, always the same."""
    rng = random.Random(0)
    words = ["".join(rng.choices("etaoinshr", k=rng.randint(2, 7))) for _ in range(200)]
    path = tmp_path_factory.mktemp("corpus") / "sample.txt"
    path.write_text("\n".join(" ".join(rng.choices(words, k=9)) for _ in range(5000))[:200_000], newline="\n")
    return path


@pytest.fixture(scope="session")
def run_train(sample_text, tmp_path_factory):
    """run_train(tokens, edits, **env): (finished process, summary as a dict or None)."""
    pytest.importorskip("torch", reason="train.py needs torch")

    def run(tokens=2560, edits=(), **env):
        folder = tmp_path_factory.mktemp("run")
        source = TRAIN.read_text(encoding="utf-8")
        for name, value in SMALL.items():
            source, count = re.subn(rf"(?m)^{name} = \S+", f"{name} = {value}", source)
            assert count == 1, f"train.py has no knob {name}"
        for old, new in edits:
            assert old in source
            source = source.replace(old, new)
        script = folder / "train.py"
        script.write_text(source, encoding="utf-8")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AUTORESEARCH_")}
        clean |= {
            "PYTHONPATH": str(ROOT),
            "CUDA_VISIBLE_DEVICES": "",
            "AUTORESEARCH_CORPUS": str(sample_text),
            "AUTORESEARCH_TOKENS": str(tokens),
            "AUTORESEARCH_SUMMARY_PATH": str(folder / "summary.json"),
        }
        clean |= {f"AUTORESEARCH_{key}": str(value) for key, value in env.items()}
        done = subprocess.run([sys.executable, script], cwd=folder, env=clean, capture_output=True, text=True)
        summary = Path(clean["AUTORESEARCH_SUMMARY_PATH"])
        return done, json.loads(summary.read_text()) if summary.exists() else None

    return run
