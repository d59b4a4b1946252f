"""Neighbouring lines that two sides changed are no conflict; one line that both changed is one."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memorylab.core.merge import resolved

SIZE = 64


def _conflict(ours: bytes, base: bytes, theirs: bytes) -> bytes:
    """As git writes one."""
    marks = [mark * SIZE for mark in (b"<", b"|", b"=", b">")]
    return b"".join((marks[0], b" a\n", ours, marks[1], b" b\n", base, marks[2], b"\n", theirs, marks[3], b" c\n"))


@pytest.mark.parametrize(
    ("ours", "base", "theirs", "expected"),
    [
        (b"A = 2\nB = 1\n", b"A = 1\nB = 1\n", b"A = 1\nB = 2\n", b"A = 2\nB = 2\n"),
        (b"A = 2\n", b"A = 1\n", b"A = 3\n", None),
        (b"A = 2\nB = 1\n", b"A = 1\nB = 1\n", b"A = 3\nB = 2\n", None),
        (b"A = 2\nB = 1\n", b"A = 1\nB = 1\n", b"A = 2\nB = 2\n", b"A = 2\nB = 2\n"),
        (b"A = 2\n", b"A = 1\nB = 1\n", b"A = 1\nB = 2\n", None),
        (b"", b"A = 1\n", b"A = 2\n", None),
        (b"\n=======\n", b"\n\n", b"x\n\n", b"x\n=======\n"),
    ],
)
def test_one_conflict(ours: bytes, base: bytes, theirs: bytes, expected: bytes | None) -> None:
    whole = b"before\n" + _conflict(ours, base, theirs) + b"after"
    assert resolved(whole, SIZE) == (None if expected is None else b"before\n" + expected + b"after")


def test_all_conflicts_or_none() -> None:
    good, bad = _conflict(b"x\n", b"y\n", b"y\n"), _conflict(b"x\n", b"y\n", b"z\n")
    assert resolved(good + b"-\n" + good, SIZE) == b"x\n-\nx\n"
    assert resolved(good + bad, SIZE) is None
    assert resolved(good.removesuffix(b">" * SIZE + b" c\n"), SIZE) is None
    assert resolved(b"no conflict\n", SIZE) == b"no conflict\n"


_TURNS = st.lists(st.sampled_from("-aAbB"), min_size=1, max_size=8)


@settings(deadline=None, max_examples=30)  # it starts git
@given(_TURNS)
def test_as_git_writes_it(tmp_path_factory: pytest.TempPathFactory, turns: list[str]) -> None:
    """Each side changes some of the lines to 1 or 2: what git leaves is resolved unless a line was changed by both."""
    folder: Path = tmp_path_factory.mktemp("merge")
    lines = {
        "ours": [{"a": "1", "A": "2"}.get(turn, "0") for turn in turns],
        "base": ["0"] * len(turns),
        "theirs": [{"b": "1", "B": "2"}.get(turn, "0") for turn in turns],
    }
    for name, values in lines.items():
        (folder / name).write_text("".join(f"K{at} = {value}\n" for at, value in enumerate(values)))
    command = ["git", "merge-file", "-p", "-q", "--diff3", f"--marker-size={SIZE}", "ours", "base", "theirs"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    values = [{"-": "0", "a": "1", "A": "2", "b": "1", "B": "2"}[turn] for turn in turns]
    expected = "".join(f"K{at} = {value}\n" for at, value in enumerate(values)).encode()
    assert resolved(done.stdout, SIZE) == expected
