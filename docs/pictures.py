"""Make what the README shows: the demo as it runs in a terminal (demo.cast, and demo.svg from it), and the page of a
generated ledger (page.png).

    python docs/pictures.py

It wants asciinema 2 (PyPI), svg-term-cli (npm), chromium and ImageMagick on the PATH, and takes two minutes.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
COLUMNS, ROWS = 100, 28
LONGEST = 1.0  # seconds that nothing may happen: who waits for a training is told so by the bar
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking")


def cast(path: Path, folder: Path) -> None:
    """Record the demo in a terminal, its pauses shortened."""
    lab = folder / "demo"
    command = f"stty cols {COLUMNS} rows {ROWS}; exec {sys.executable} -m memorylab demo --budget 6 --dir {lab}"
    environment = os.environ | {"LOGNAME": "laptop", "TERM": "xterm-256color", "SHELL": "/bin/sh"}
    recorder = ["asciinema", "rec", "-q", "--overwrite", "--cols", str(COLUMNS), "--rows", str(ROWS), "-c", command]
    subprocess.run([*recorder, str(path)], check=True, env=environment, stdin=subprocess.DEVNULL)
    head, *events = [json.loads(line) for line in path.read_text().splitlines()]
    now = before = 0.0
    lines = [json.dumps({"version": 2, "width": head["width"], "height": head["height"]})]
    for at, kind, text in events:
        now, before = now + min(LONGEST, at - before), at
        lines.append(json.dumps([round(now, 2), kind, text.replace(str(lab), "/tmp/demo")], ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n")


def page(path: Path, folder: Path) -> None:
    """The first screen of the page of ninety generated runs."""
    end = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"  # the night is over now
    ledger = [sys.executable, "-m", "benchmarks.scale.generate", str(folder), "--runs", "90", "--end", end]
    subprocess.run(ledger, check=True)
    html = folder / "page.html"
    report = [sys.executable, "-m", "memorylab", "report", "--since-hours", "6", "--html", "--output", str(html)]
    subprocess.run(report, check=True, cwd=folder / "lab", env=os.environ | {"PYTHONPATH": str(HERE.parent)})
    shot = [f"--screenshot={path}", "--window-size=1280,960", f"--user-data-dir={folder / 'profile'}", html.as_uri()]
    subprocess.run(["chromium", *QUIET, *shot], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["convert", str(path), "-colors", "64", "-define", "png:compression-level=9", str(path)], check=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="memorylab-pictures-") as scratch:
        cast(HERE / "demo.cast", Path(scratch))
        words = ["--in", str(HERE / "demo.cast"), "--out", str(HERE / "demo.svg"), "--window", "--no-optimize"]
        subprocess.run(["svg-term", *words], check=True)
        page(HERE / "page.png", Path(scratch) / "ledger")


if __name__ == "__main__":
    main()
