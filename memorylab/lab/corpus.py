"""The text of a run and its three parts: train, val, and test, which stays sealed."""

import hashlib
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memorylab.lab import shakespeare
from memorylab.lab.errors import SettingError

# A single text is cut in this proportion, in order: the end is held out, not a sample of the
# whole, for a sample would have its neighbours in the training text.
TRAIN_SHARE, VAL_SHARE = 0.90, 0.05

# Enough for any budget a small machine has, and bounds the memory of a run.
MAX_TRAIN_BYTES = 256 * 2**20
MAX_HELD_OUT_BYTES = 16 * 2**20

# Below this a score is the luck of a few lines.
MIN_PART_BYTES = 8 * 2**10

TEXT_SUFFIXES = (".txt", ".text", ".md")


@dataclass(frozen=True)
class Corpus:
    """Bytes of the three parts. `train` is what a model may learn from; nothing else is."""

    train: bytes
    val: bytes
    test: bytes

    @property
    def sha256(self) -> str:
        """Hash over the parts and their lengths, so that moving a cut changes it."""
        digest = hashlib.sha256()
        for part in (self.train, self.val, self.test):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest.hexdigest()


def load_corpus(path: Path | str | None = None) -> Corpus:
    """The Corpus at `path`, or the plays of Shakespeare when it is None.

    A text file, or a folder of text files joined in order of their relative path, is cut
    90/5/5. Of two or more parquet shards (column `text`, as upstream's) the last by name is
    held out, half for each; upstream's pinned validation shard is its last.
    Raises SettingError, which says what to do, for anything else.
    """
    if path is None:
        return Corpus(*shakespeare.load())
    path = Path(path)
    if not path.exists():
        raise SettingError(f"AUTORESEARCH_CORPUS={path} does not exist; set it to a text file or a folder of them")
    try:
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if files and files[0].suffix == ".parquet":
            corpus = _from_parquet(files)
        else:
            corpus = cut(b"\n".join(_read_text(file) for file in _text_files(path)))
    except OSError as error:
        message = f"AUTORESEARCH_CORPUS={path} cannot be read ({error.strerror or error}); check its permissions"
        raise SettingError(message) from None
    shortest = min(len(corpus.train), len(corpus.val), len(corpus.test))
    if shortest < MIN_PART_BYTES:
        raise SettingError(
            f"AUTORESEARCH_CORPUS={path} leaves {shortest} bytes for one of train, val and test, each of which "
            f"needs {MIN_PART_BYTES}; use a text of {MIN_PART_BYTES * 20 // 1000 + 1} kB or more"
        )
    return corpus


def cut(text: bytes) -> Corpus:
    """One text as a Corpus: its first 90 % to train on, 5 % for val, the last 5 % for test."""
    a = int(len(text) * TRAIN_SHARE)
    b = int(len(text) * (TRAIN_SHARE + VAL_SHARE))
    return Corpus(text[:a][:MAX_TRAIN_BYTES], text[a:b][:MAX_HELD_OUT_BYTES], text[b:][:MAX_HELD_OUT_BYTES])


def _text_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = [file for file in path.rglob("*") if file.suffix.lower() in TEXT_SUFFIXES and file.is_file()]
    if not files:
        kinds = ", ".join(TEXT_SUFFIXES)
        raise SettingError(f"AUTORESEARCH_CORPUS={path} holds no {kinds} or .parquet file; put the text there")
    return sorted(files, key=lambda file: file.relative_to(path).as_posix())


def _read_text(file: Path) -> bytes:
    data = file.read_bytes()
    if b"\0" in data[:4096]:
        raise SettingError(f"{file} is not a text file (it holds NUL bytes); set AUTORESEARCH_CORPUS to plain text")
    # A checkout on Windows must be the same corpus.
    return data.replace(b"\r\n", b"\n")


def _from_parquet(files: Sequence[Path]) -> Corpus:
    if len(files) == 1:
        return cut(_parquet_text(files, MAX_TRAIN_BYTES))
    train = _parquet_text(files[:-1], MAX_TRAIN_BYTES)
    held_out = _parquet_text(files[-1:], 2 * MAX_HELD_OUT_BYTES)
    half = len(held_out) // 2
    return Corpus(train, held_out[:half], held_out[half:])


def _parquet_text(files: Sequence[Path], limit: int) -> bytes:
    """The documents of `files`, a blank line after each, up to `limit` bytes."""
    try:
        pyarrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        message = "AUTORESEARCH_CORPUS names parquet shards, which need pyarrow: pip install pyarrow, or use text files"
        raise SettingError(message) from None
    parts: list[bytes] = []
    size = 0
    for file in files:
        try:
            shard = parquet.ParquetFile(file)
            if "text" not in shard.schema_arrow.names:
                raise SettingError(f"{file} has no column named 'text'; use shards laid out as upstream's")
            for batch in shard.iter_batches(batch_size=1024, columns=["text"]):
                documents = "".join(f"{text}\n\n" for text in batch.column(0).to_pylist() if text)
                parts.append(documents.encode("utf-8", "replace"))
                size += len(parts[-1])
                if size >= limit:
                    return b"".join(parts)[:limit]
        except pyarrow.ArrowInvalid as error:
            raise SettingError(f"{file} is not a readable parquet file ({error}); fetch it again") from None
    return b"".join(parts)
