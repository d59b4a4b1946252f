"""A megabyte, or what else the longest input is, of what a parser could take more than its length of: run by
tests/test_parsers.py, each in a process of limited time and memory."""

from collections.abc import Callable
from typing import Any

from memorylab.core import change, clean, merge, message, query, reading, record, similarity, summary, tabular, text

_HEADERS = "".join(f"{n}Traceback (most recent call last):\n" for n in range(25_000))
_COLUMNS = b"commit\tstatus\tdescription\n"
_ROW = b'{"commit":"","status":"keep","description":"","metrics":{'
_SIGNS = "_~\\ ,\u202e|" * 50_000


def _numbers(form: bytes, most: int) -> bytes:
    return b",".join(form % (n, n) for n in range(most))


CASES: dict[str, Callable[[], Any]] = {
    "headers of tracebacks": lambda: summary.crash_error(_HEADERS),
    "a log that is one line": lambda: (summary.parse_log("a: " * 350_000), summary.crash_error("a: " * 350_000)),
    "carriage returns": lambda: summary.collapse_progress(b"\r" * 1_000_000 + b"x\r" * 10, 100),
    "a query that is a number": lambda: query.parse("a=" + "1" * 100_000 + "e1"),
    "a query with a number that is none": lambda: _refused("a<" + "1" * 100_000 + "x"),
    "a query of many parts": lambda: query.parse("a " * 60_000),
    "a query of stars": lambda: query.pattern("*a" * 5_000 + "*b")("a" * 20_000),
    "a query of quotes": lambda: query.parse('"' + "\\\\" * 60_000 + '"'),
    "a description": lambda: (reading.read("lr " * 350_000), similarity.words_of("lr " * 350_000)),
    "a label": lambda: clean.label_of("[" * 1_000_000),
    "signs": lambda: [form(_SIGNS) for form in (text.cell, text.block, text.tags, text.code)],
    "a message": lambda: (message.read("\n " * 500_000), message.read("a\n\n" + "a: b\n" * 200_000)),
    "a table": lambda: tabular.read_tsv(_COLUMNS + b"1\tkeep\tx\n" * 50_000),
    "a table of one row": lambda: tabular.read_tsv(_COLUMNS + b"\t" * 1_000_000),
    "an object of many metrics": lambda: tabular.read_jsonl(_ROW + _numbers(b'"%d":%d', 60_000) + b"}}"),
    "a record": lambda: (record.decode(b"[" * 1_000_000), record.decode(b"9" * 1_000_000)),
    "a summary": lambda: summary.parse_sidecar(b"{" + _numbers(b'"%d":-%d', 60_000) + b"}"),
    "a merge": lambda: merge.resolved(b"<\n|\n=\n>\n" * 100_000, 1),
    "a subject of lines": lambda: _changed("a\n" * 500_000, "b\n" * 500_000),
    "a subject of one line": lambda: _changed("a;" * 500_000, "b;" * 500_000),
    # What stands before each of many statements or values may be long itself.
    "a subject of deep blocks": lambda: _turned(_nested(80)),
    "a subject with one long name": lambda: _data(_numbers(b'"%d":%d', 4_000).decode()),
}


def _refused(asked: str) -> None:
    try:
        query.parse(asked)
    except query.NotAQuery:
        return
    raise AssertionError("it is no query")


def _changed(old: str, new: str) -> None:
    assert change.read_change(old, new, "train.py").fingerprint


def _turned(text: str) -> None:
    # Where memory does not suffice it is compared by its lines, which have no constants.
    assert change.read_change("DEPTH = 1\n" + text, "DEPTH = 2\n" + text, "train.py").knobs.keys() == {"DEPTH"}


def _data(values: str) -> None:
    text = f'{{"{"a" * 50_000}":{{{values}}}}}'
    assert change.read_change(text, text.replace("1", "2"), "train.json").fingerprint


def _nested(depth: int) -> str:
    blocks = "".join(f"{' ' * at}class {'a' * 70}{at}:\n" for at in range(depth))
    return blocks + " " * depth + "a;" * ((change.MAX_SOURCE - len(blocks)) // 2 - depth - 10)
