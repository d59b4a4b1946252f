"""What fuzzing runs holds on its seeds and on damaged ones; fuzzing itself finds what is wrong."""

import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz import __main__ as runner
from tests.fuzz.targets import TARGETS

DAMAGES = 40
PIECES = [
    b"\xff",
    b"\0",
    b"\n",
    b"[" * 3000,
    b"9" * 5000,
    "\u2028\u00b2\u0663".encode(),
    b"\xed\xa0\x80",
    b"\r\n",
    b"1e999",
]


def damaged(chance: random.Random, data: bytes) -> bytes:
    """With something cut out, put in or turned over."""
    at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:at] + chance.choice([b"", data[at:end] * 2, bytes([chance.randrange(256)]), *PIECES]) + data[end:]


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_asserted_of_a_parser_holds_of_its_seeds_and_of_damaged_ones(name: str) -> None:
    target, chance = TARGETS[name], random.Random(1)
    for seed in [*target.seeds, b"", b"\xff"]:
        target.run(seed)
    for _ in range(DAMAGES):
        target.run(damaged(chance, damaged(chance, chance.choice(target.seeds))))


@pytest.mark.long
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """A parser that raises, one that hangs: both are found in a few executions, and the input is kept."""
    for name, body, said in (("raises", "1 / 0", "ZeroDivisionError"), ("hangs", "while True: pass", "TooLong")):
        broken = (
            f"import sys; sys.argv = ['x', 'cell', {str(tmp_path / name)!r}, '-runs=50']\nimport tests.fuzz.child as c"
        )
        code = f"{broken}\ndef run(data):\n  if len(data) > 3:\n    {body}\n"
        code += "c.targets.TARGETS['cell'] = c.targets.TARGETS['cell']._replace(run=run)\nc.main()"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, cwd=Path(__file__).parents[2], check=False
        )
        assert done.returncode and said.encode() in done.stderr + done.stdout
        assert list((tmp_path / name).glob("crash-*"))
    found = runner.fuzz("cell", tmp_path, 500, 0, 1)
    assert (found.executions, found.problem) == (500, "") and found.ended[0] >= found.begun[0] > 0


def test_without_atheris_it_says_that_nothing_was_fuzzed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["fuzz", "--target", "cell"])
    assert runner.main() == 2
    said = capsys.readouterr()
    assert "nothing was fuzzed" in said.err and not said.out
