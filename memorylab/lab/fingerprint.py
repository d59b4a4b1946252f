"""A name for everything that makes two scores comparable."""

import hashlib
from pathlib import Path


def evaluator(corpus_sha256: str, folder: Path | None = None) -> str:
    """16 hex digits over the corpus with its cuts and over the source of this package.

    Equal means that clock, metric and text were the same. The budget is not in it: it
    stands beside it in the summary. Line endings and the place of the package do not count.
    """
    folder = Path(__file__).parent if folder is None else folder
    digest = hashlib.sha256(corpus_sha256.encode("ascii"))
    for file in sorted(folder.glob("*.py"), key=lambda file: file.name):
        source = file.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"\n{file.name} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()[:16]
