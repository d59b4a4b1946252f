"""A text is read once: what it was read as is kept, and is the same as if it were read anew."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab import index, readings
from memorylab.core import reading
from memorylab.core.aliases import BUILT_IN, Vocabulary
from memorylab.core.moves import Move
from tests.conftest import Lab
from tests.memory import entries

WORDS = (
    "raise lower set matrix embedding lr depth 12 0.05 2x to from -> + halve drop SwiGLU (0.1 -> 0.2) warmdown cosine"
)
TEXTS = [
    "raise matrix lr to 0.06",
    "halve the batch",
    "rerun of exp 12",
    "baseline",
    "",
    "window pattern SSSL",
    "2e400 lr",
]


def vocabulary() -> Vocabulary:
    """The built-in words, with nothing read yet."""
    return Vocabulary(BUILT_IN.phrases)


def kept(state: Path) -> dict[str, tuple[Move, ...]]:
    """What another command of the clone would not have to read."""
    with readings.remembered(state, found := vocabulary()):
        texts = [*TEXTS, "raise ema", "drop ema", "peak lr 0.1"]
        return {text: moves for text in texts if (moves := found.known.get(text)) is not None}


def read_all(state: Path, words: Vocabulary) -> list[tuple[Move, ...]]:
    with readings.remembered(state, words):
        return [reading.read(text, words) for text in TEXTS]


@given(st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join) | st.text(max_size=60))
def test_what_is_kept_is_what_was_read(text: str) -> None:
    moves = reading.read(text)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(moves), type=tuple[Move, ...]) == moves


def test_a_text_is_read_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    state = lab.store.state
    first = read_all(state, vocabulary())
    assert kept(state) == dict(zip(TEXTS, first, strict=True))

    def fail(*_: object) -> None:
        raise AssertionError("it was read again")

    monkeypatch.setattr(reading, "_read", fail)
    assert read_all(state, vocabulary()) == first


def test_commands_keep_what_they_read(lab: Lab) -> None:
    row = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.0\t1\tkeep\traise ema\n"
    (lab.path / "rows.tsv").write_text(row)
    for arguments in (["import", "rows.tsv"], ["check", "--description", "drop ema"]):
        subprocess.run([sys.executable, "-m", "memorylab", *arguments], cwd=lab.path, check=True)
    assert kept(lab.store.state) == {"raise ema": reading.read("raise ema")}


def test_other_words_read_otherwise(lab: Lab) -> None:
    state = lab.store.state
    read_all(state, vocabulary())
    more = Vocabulary(BUILT_IN.phrases | {("peak", "lr"): ("matrix", "lr")})
    with readings.remembered(state, more):
        assert more.known == {}
        assert reading.read("peak lr 0.1", more) == reading.read("matrix lr 0.1")
    assert kept(state) == {}  # of the readings with other words nothing is left to pile up


def test_changed_code_reads_anew(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = lab.store.state
    read_all(state, vocabulary())
    changed = tmp_path / "reading.py"
    changed.write_bytes(Path(reading.__file__).read_bytes() + b"# changed\n")
    monkeypatch.setattr(reading, "__file__", str(changed))
    assert kept(state) == {}


@pytest.mark.parametrize("content", [b"", b"no database\n" * 500])
def test_without_the_index_all_is_read_anew(lab: Lab, content: bytes) -> None:
    state, expected = lab.store.state, [reading.read(text) for text in TEXTS]
    entries(lab.store)
    (state / index.FILE).write_bytes(content)
    assert read_all(state, vocabulary()) == expected


def test_what_is_kept_and_makes_no_sense_is_passed_by(lab: Lab) -> None:
    state = lab.store.state
    first = read_all(state, vocabulary())
    with sqlite3.connect(state / index.FILE) as database:
        database.execute("UPDATE readings SET moves = x'c1'")
    assert read_all(state, vocabulary()) == first


def test_nobody_waits_for_another_writer_to_keep_a_reading(lab: Lab) -> None:
    state = lab.store.state
    entries(lab.store)
    with sqlite3.connect(state / index.FILE, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert read_all(state, vocabulary()) == [reading.read(text) for text in TEXTS]
        other.execute("ROLLBACK")
    other.close()
    assert kept(state) == {}


def test_where_nobody_asked_for_a_memory_nothing_is_left(tmp_path: Path) -> None:
    read_all(tmp_path / "none", vocabulary())
    assert not (tmp_path / "none").exists()


def test_a_text_that_is_no_unicode_is_read_all_the_same(lab: Lab) -> None:
    words = vocabulary()
    with readings.remembered(lab.store.state, words):
        reading.read("lr \udce9 0.1", words)
    assert read_all(lab.store.state, vocabulary()) == [reading.read(text) for text in TEXTS]
