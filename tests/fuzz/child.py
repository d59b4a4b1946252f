"""One target under atheris: `python -m tests.fuzz.child TARGET FOLDER [libFuzzer's options]`.

Its folder holds the corpus, what was found, and the slowest input. The limit of an execution is in CPU time, so that
a busy machine finds no hangs; libFuzzer's own, in wall time, is for what no signal interrupts.
"""

import hashlib
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import atheris

with atheris.instrument_imports(include=["memorylab"]):
    from tests.fuzz import targets

SECONDS = 1.0


class TooLong(Exception):
    """An execution took more than its second."""


def _stop(signum: int, frame: FrameType | None) -> None:
    raise TooLong(f"more than {SECONDS:g} s of CPU time")


def _escaped(word: str) -> str:
    """As libFuzzer reads the words of a dictionary."""
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


def main() -> None:
    name, folder, *options = sys.argv[1:]
    target, out = targets.TARGETS[name], Path(folder)
    corpus = out / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for at, seed in enumerate(target.seeds):
        (corpus / f"seed-{at}").write_bytes(seed)
    words = out / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    signal.signal(signal.SIGVTALRM, _stop)
    slowest = 0.0

    def one(data: bytes) -> None:
        nonlocal slowest
        start = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            target.run(data)
        except Exception:
            # libFuzzer keeps it too, unless it is slow to come to that.
            (out / f"crash-{hashlib.sha1(data, usedforsecurity=False).hexdigest()}").write_bytes(data)
            raise
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        took = time.process_time() - start
        if took > 1.2 * slowest:
            slowest = took
            (out / "slowest").write_bytes(data)
            (out / "slowest.txt").write_text(f"{took:.4f}")

    limits = [
        "-timeout=120",
        f"-max_len={target.longest}",
        f"-dict={words}",
        f"-artifact_prefix={out}/",
        "-len_control=20",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *limits, *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
