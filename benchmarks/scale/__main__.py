"""What every command costs, by the number of runs in the ledger; see README.md.

python -m benchmarks.scale --sizes 100 1000 10000 --output docs/performance.md
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.scale import page, sizes
from benchmarks.scale.commands import CASES, sealed


def main() -> None:
    given = _arguments()
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    load = os.getloadavg()[1]  # of the five minutes before
    options = sizes.Options(
        given.repeat, given.timeout, given.writers, _resolved(given.before), _resolved(given.predecessor), given.only,
        end.isoformat(),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="memorylab-scale-") as scratch:
        folder = (given.keep or Path(scratch)).resolve()
        environment = sealed(folder / "home")
        measured: list[sizes.Measured] = []
        given_up: set[tuple[str, str]] = set()
        for runs in sorted(given.sizes):
            base = sizes.generate(runs, options, folder, environment)
            measured.append(sizes.measure(runs, base, options, environment, given_up, _tell))
            # After each size: the next one may take hours.
            picture = given.output.with_suffix(".svg")
            text = page.render(measured, _about(end, load), given.repeat, given.timeout, given.writers, picture.name)
            given.output.write_text(text, encoding="utf-8")
            picture.write_text(page.picture(measured), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000, 100_000, 1_000_000], help="runs")
    parser.add_argument("--repeat", type=int, default=5, help="how often each command is measured")
    parser.add_argument("--timeout", type=float, default=600, help="seconds after which a command is given up")
    parser.add_argument("--writers", type=int, default=1, help="whose ledgers they are; all but one are fetched")
    parser.add_argument("--before", type=Path, metavar="PATH", help="another checkout of this project")
    parser.add_argument("--predecessor", type=Path, metavar="PATH", help="a checkout of the predecessor")
    parser.add_argument("--only", nargs="*", default=[], choices=list(CASES), help="these commands alone")
    parser.add_argument("--output", type=Path, default=sizes.ROOT / "docs" / "performance.md")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where generated labs stay, and are taken from")
    return parser.parse_args()


def _resolved(path: Path | None) -> Path | None:
    return path.resolve() if path else None


def _about(when: datetime, load: float) -> str:
    """On what, when and by which command, and nothing else that names this machine."""
    typed, hidden = [], False
    for word in sys.argv[1:]:
        typed.append("PATH" if hidden else word)
        hidden = word in ("--before", "--predecessor", "--keep", "--output")
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    versions = f"Python {platform.python_version()} and git {git}"
    command = " ".join(["python -m benchmarks.scale", *typed])
    return (
        f"Measured on {when:%Y-%m-%d} on {os.cpu_count()} CPUs (load {load:.1f} in the five minutes before) with "
        f"{versions} by\n\n    {command}\n"
    )


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
