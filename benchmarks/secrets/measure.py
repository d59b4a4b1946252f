"""How many of the planted credentials are masked, and how often something else is?

    python -m benchmarks.secrets.measure [--held | --fresh | --fourth | --fifth | --sixth | --seventh] [--seed 0]
        [--misses N] [--clean MB] [--logs FOLDER] [--patches REPOSITORY]

A credential counts as masked if no eight characters of it that stand together are left. --clean makes so many megabytes
of logs without any (with --fourth, --sixth or --seventh those of that set); --logs reads real ones, --patches what
`git log -p` of a repository says; none of these has credentials, so that whatever is masked is a false alarm. Alarms in the made logs are counted each time they occur.
"""

import argparse
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from benchmarks.secrets import clean, fourth_clean, seventh_clean, sixth_clean
from benchmarks.secrets.fifth import fifth
from benchmarks.secrets.fourth import fourth
from benchmarks.secrets.fresh import fresh
from benchmarks.secrets.held import held
from benchmarks.secrets.planted import Case, tuned
from benchmarks.secrets.seventh import seventh
from benchmarks.secrets.sixth import sixth
from memorylab.core.masking.redact import redact

WINDOW = 8
SETS = {"held": held, "fresh": fresh, "fourth": fourth, "fifth": fifth, "sixth": sixth, "seventh": seventh}
CLEAN = {"fourth": fourth_clean.log, "sixth": sixth_clean.log, "seventh": seventh_clean.log}


def leaks(case: Case, text: str) -> bool:
    """Whether anything of a credential is left in a text."""
    return any(_left(secret, text) for secret in case.secrets)


def _left(secret: str, text: str) -> bool:
    if len(secret) <= WINDOW:
        return secret in text
    return any(secret[at : at + WINDOW] in text for at in range(len(secret) - WINDOW + 1))


def measure(cases: Iterable[Case], misses: int) -> float:
    """Print the share that is masked by kind; the share of all."""
    all_, masked, missed = Counter[str](), Counter[str](), defaultdict(list)
    for case in cases:
        all_[case.kind] += 1
        done = redact(case.text).text
        if leaks(case, done):
            missed[case.kind, case.form].append((case.text, done))
        else:
            masked[case.kind] += 1
    for kind in sorted(all_):
        forms = ", ".join(f"{form} ({len(found)})" for (of, form), found in missed.items() if of == kind)
        print(f"{kind:22} {masked[kind]:5} of {all_[kind]:5}  {100 * masked[kind] / all_[kind]:5.1f} %  {forms}")
    share = masked.total() / all_.total()
    print(f"{'all':22} {masked.total():5} of {all_.total():5}  {100 * share:5.2f} %")
    for (kind, form), found in list(missed.items())[:misses]:
        print(f"  {kind}, {form}: {found[0][0][:300]!r}\n      -> {found[0][1][:300]!r}")
    return share


def alarms(texts: Iterable[str], shown: int = 20) -> tuple[int, float, float]:
    """Print what is masked in texts without credentials: (how many, megabytes, seconds of CPU)."""
    found, size, seconds = Counter[str](), 0, 0.0
    for text in texts:
        began = time.process_time()
        done = redact(text)
        seconds += time.process_time() - began
        size += len(text)
        if done.counts:
            for was, now in zip(text.split("\n"), done.text.split("\n"), strict=True):
                if was != now:
                    found[f"{now.strip()[:160]}   <- {was.strip()[:160]}"] += 1
    for line, number in found.most_common(shown):
        print(f"  {number:6} {line}")
    return found.total(), size / 1e6, seconds


def main(arguments: list[str]) -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in SETS:
        parser.add_argument(f"--{name}", dest="planted", action="store_const", const=name)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--misses", type=int, default=0)
    parser.add_argument("--clean", type=int, default=0, metavar="MB")
    parser.add_argument("--logs", type=Path)
    parser.add_argument("--patches", type=Path)
    asked = parser.parse_args(arguments)
    if asked.clean:
        made = CLEAN.get(asked.planted, clean.log)
        texts: Iterable[str] = (made(asked.seed + n, 1_000_000) for n in range(asked.clean))
    elif asked.logs:
        texts = (path.read_text(errors="surrogateescape") for path in sorted(asked.logs.rglob("*")) if path.is_file())
    elif asked.patches:
        said = subprocess.run(["git", "-C", asked.patches, "log", "-p", "--no-color"], capture_output=True, check=True)
        whole = said.stdout.decode("utf-8", "surrogateescape")
        texts = (whole[at : at + 1_000_000] for at in range(0, len(whole), 1_000_000))
    else:
        planted = SETS.get(asked.planted, tuned)
        measure(planted(asked.seed), asked.misses)
        return
    number, size, seconds = alarms(texts)
    print(
        f"{number} false alarms in {size:.1f} MB: {10 * number / size:.2f} in 10 MB; {1000 * seconds / size:.0f} ms of CPU per MB"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
