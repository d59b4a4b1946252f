import sys
import types

import pytest

from memorylab.lab import SettingError, corpus, load_corpus

LONG = bytes(range(32, 127)) * 4000


def test_one_text_is_cut_in_order_and_loses_nothing():
    parts = corpus.cut(LONG)
    assert parts.train + parts.val + parts.test == LONG
    assert len(parts.val) == pytest.approx(len(LONG) * 0.05, abs=2)


def test_hash_sees_where_the_cuts_are():
    assert corpus.Corpus(b"ab", b"c", b"d").sha256 != corpus.Corpus(b"a", b"bc", b"d").sha256


def test_text_file_is_the_same_with_other_line_endings(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"some line\n" * 40_000)
    (tmp_path / "b.txt").write_bytes(b"some line\r\n" * 40_000)
    assert load_corpus(tmp_path / "a.txt").sha256 == load_corpus(tmp_path / "b.txt").sha256


def test_folder_is_joined_in_order_of_path(tmp_path):
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "1.md").write_bytes(b"last" * 50_000)
    (tmp_path / "b.txt").write_bytes(b"first" * 50_000)
    (tmp_path / "picture.png").write_bytes(b"\0\1")
    parts = load_corpus(tmp_path)
    assert parts.train.startswith(b"first") and parts.test.endswith(b"last")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no .txt, .text, .md or .parquet file"),
        (lambda path: path.write_bytes(b"PK\0\0" * 99_999), "is not a text file"),
        (lambda path: path.write_bytes(b"short"), "use a text of 164 kB or more"),
    ],
)
def test_bad_corpus_is_one_sentence_with_what_to_do(tmp_path, make, message):
    make(tmp_path / "corpus")
    with pytest.raises(SettingError, match=message) as caught:
        load_corpus(tmp_path / "corpus")
    assert "\n" not in str(caught.value)


def test_shards_without_pyarrow_say_so(tmp_path, monkeypatch):
    (tmp_path / "shard_00000.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(SettingError, match="pip install pyarrow"):
        load_corpus(tmp_path)


@pytest.fixture
def shards(tmp_path, monkeypatch):
    """A stand-in for pyarrow whose shard holds 10,000 documents saying its file's name."""

    class Shard:
        columns = ["text"]

        def __init__(self, file):
            self.name = file.name
            self.schema_arrow = types.SimpleNamespace(names=self.columns)

        def iter_batches(self, batch_size, columns):
            column = types.SimpleNamespace(to_pylist=lambda: [f"\u00e9 {self.name}", None] * 500)
            return [types.SimpleNamespace(column=lambda index: column)] * 20

    parquet = types.SimpleNamespace(ParquetFile=Shard)
    pyarrow = types.SimpleNamespace(parquet=parquet, ArrowInvalid=ValueError)
    monkeypatch.setitem(sys.modules, "pyarrow", pyarrow)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", parquet)
    for index in (0, 1, 6542):
        (tmp_path / f"shard_{index:05d}.parquet").write_bytes(b"PAR1")
    return Shard


def test_last_shard_is_held_out(shards, tmp_path):
    parts = load_corpus(tmp_path)
    assert parts.train.startswith("\u00e9 shard_00000.parquet\n\n".encode())
    assert b"shard_06542" not in parts.train
    assert set((parts.val + parts.test).decode().split()) == {"\u00e9", "shard_06542.parquet"}


def test_a_lone_shard_is_cut(shards, tmp_path):
    parts = load_corpus(tmp_path / "shard_00001.parquet")
    assert len(parts.train) == pytest.approx(18 * len(parts.val), rel=0.01)


def test_large_shards_are_read_up_to_the_limit(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "MAX_TRAIN_BYTES", 50_000)
    assert len(load_corpus(tmp_path).train) == 50_000


def test_shard_without_text_is_refused(shards, tmp_path):
    shards.columns = ["content"]
    with pytest.raises(SettingError, match="no column named 'text'"):
        load_corpus(tmp_path)
