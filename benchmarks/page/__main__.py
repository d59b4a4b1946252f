"""How large the page is, how long it takes to be written, and how long to be opened; see README.md.

python -m benchmarks.page --sizes 60 1000 10000
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
# When the last script has drawn everything, and when that was on the screen.
DRAWN = "Number(document.documentElement.dataset.drawn)"
SHOWN = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 1000, 10_000], help="runs")
    parser.add_argument("--repeat", type=int, default=5, help="how often each is measured")
    parser.add_argument("--browser", default="/usr/bin/chromium", help="a Chromium")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where generated labs stay, and are taken from")
    given = parser.parse_args()
    print("| runs | size | written in | drawn after | shown after |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory(prefix="memorylab-page-") as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.browser, headless=True, args=list(QUIET))
        for runs in given.sizes:
            folder = (given.keep or Path(scratch)).resolve() / f"lab-{runs}"
            if not folder.exists():
                command = [sys.executable, "-m", "benchmarks.scale.generate", str(folder), "--runs", str(runs)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            path = folder.parent / f"page-{runs}.html"
            written = [_write(folder / "lab", path) for _ in range(given.repeat + 1)][1:]  # the first reads the ledger
            opened = [_open(browser, path) for _ in range(given.repeat)]
            drawn, shown = (statistics.median(times) for times in zip(*opened, strict=True))
            size, took = path.stat().st_size / 1e6, statistics.median(written)
            print(
                f"| {runs:,} | {size:.1f} MB | {took:.1f} s | {drawn / 1000:.2f} s | {shown / 1000:.2f} s |", flush=True
            )
        browser.close()


def _write(lab: Path, path: Path) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "memorylab", "report", "--html", "--output", str(path)]
    root = str(Path(__file__).resolve().parents[2])
    subprocess.run(command, cwd=lab, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": root})
    return time.perf_counter() - began


def _open(browser, path: Path) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(path.as_uri())
    found = page.evaluate(DRAWN), page.evaluate(SHOWN)
    page.close()
    return found


if __name__ == "__main__":
    main()
