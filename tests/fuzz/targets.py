"""What is parsed, one function for each parser. Each takes any bytes and asserts what has to hold of the result; what
it raises besides is a crash, unless it is documented: then it is caught here, and nowhere else."""

import io
import json
import math
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import msgspec

try:
    from mcp.server.mcpserver.exceptions import ToolError

    from memorylab.commands import mcp
except ImportError:  # an extra
    mcp = None

from memorylab import settings
from memorylab.commands import blame, candidates, imports, replicate
from memorylab.core import (
    cells,
    change,
    claims,
    clean,
    history,
    marks,
    merge,
    message,
    novelty,
    query,
    reading,
    record,
    similarity,
    summary,
    tabular,
    text,
    tokens,
)
from memorylab.core.record import Claim, Run, Unreadable
from memorylab.errors import BadInput, MemoryLabError
from memorylab.lab import corpus
from memorylab.lab.errors import SettingError
from memorylab.lab.settings import read_settings
from memorylab.store import git, growth, objects, reader, refs, seen, transaction, transport, writer
from memorylab.store.form import FORMS
from memorylab.store.git import Place
from memorylab.views import fresh
from memorylab.views.page import render

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OID = "1234567890abcdef1234567890abcdef12345678"


class Target(NamedTuple):
    """A parser: what runs it, what to begin with, the words of its language, and how long an input may be."""

    run: Callable[[bytes], None]
    seeds: list[bytes]
    words: list[str]
    longest: int = 4096


def said(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def halves(data: bytes) -> tuple[bytes, bytes]:
    """Two inputs of one, parted at the first 0xff, which is no text."""
    one, _, two = data.partition(b"\xff")
    return one, two


def assert_plain(shown: str) -> None:
    """Nothing in it moves a cursor, turns a line around, hides, or ends the line."""
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown), ascii(shown)


# -- records


RUN = Run(
    writer="ann", seq=1, run_id="20260301T000000Z-1234567-0123456789abcdef", timestamp_utc="2026-03-01T00:00:00Z",
    branch="main", commit=OID, parent_commit=None, family="lr", status="keep", description="raise matrix lr to 0.06",
    hypothesis="faster", tags=["a"], notes="", metrics={"val_bpb": 1.5, "depth": 8}, error=None, artifacts={},
    novelty_guard=None, decision_packet=None, change=change.read_change("DEPTH = 8", "DEPTH = 9", "train.py"),
    environment=None,
)  # fmt: skip


def one_record(data: bytes) -> None:
    found = record.decode(data)
    if isinstance(found, Unreadable):
        assert found.raw == data and found.reason
        return
    try:
        written = record.encode(found)
    except ValueError:
        return  # too long, written out
    assert record.decode(written) == found and record.encode(found) == written and b"\n" not in written
    assert record.same_but_for_writer(found, msgspec.structs.replace(found, writer="other", seq=9))
    if isinstance(found, Run):
        brief = msgspec.structs.asdict(record.decode_briefly(written))
        assert brief == msgspec.structs.asdict(found) | {"novelty_guard": None}
        assert found.value("val_bpb") is None or math.isfinite(found.value("val_bpb") or 0.0)


def claims_board(data: bytes) -> None:
    lines = data.split(b"\n")
    found = [one for one in map(record.decode, lines) if isinstance(one, Claim)]
    standing = claims.standing(found, NOW)
    assert standing == claims.standing(reversed(found), NOW)
    assert len({claim.id for claim in standing}) == len(standing)
    for claim in standing:
        claims.holder(claim)


CLAIM = Claim(
    writer="ann", seq=2, id="c-1", timestamp_utc="2026-03-01T00:00:00Z", commit=OID, description="halve the batch",
    expires_utc="2026-03-01T01:00:00Z",
)  # fmt: skip
RECORDS = [record.encode(one) for one in (RUN, CLAIM, record.Rewrite(
    writer="bob", seq=3, id="r-1", timestamp_utc="2026-03-01T00:00:00.5Z", commit=OID, old_commit=OID, command="rebase",
), record.Amend(
    writer="bob", seq=4, id="a-1", timestamp_utc="2026-03-01T00:00:00Z", commit=OID, run_id="x", tags=["t"],
))]  # fmt: skip


# -- what a run leaves behind


def check_summary(found: summary.Summary) -> None:
    assert len(found.metrics) <= summary.MAX_METRICS and len(found.problems) <= 21
    for name, value in found.metrics.items():
        assert name == text.inline(name) and len(name) <= summary.MAX_NAME
        assert value is None or math.isfinite(value)
    for problem in found.problems:
        assert_plain(problem)
    if found.environment is not None:
        msgspec.convert(msgspec.to_builtins(found.environment), record.Environment)
    record.to_json(found)


def sidecar(data: bytes) -> None:
    key, content = halves(data)
    for gauge in (summary.UPSTREAM, summary.Gauge("val_bpb", said(key))):
        try:
            found = summary.parse_sidecar(content, gauge)
        except ValueError as problem:
            assert type(problem) is ValueError and str(problem).startswith("the summary is ")
            continue
        check_summary(found)
        check_summary(summary.metrics_of(found, summary.parse_log(said(key))))
        summary.crash_metrics(found.metrics)


def run_log(data: bytes) -> None:
    pattern, content = map(said, halves(data))
    check_summary(summary.parse_log(content))
    if not settings._wrong_pattern(pattern):
        check_summary(summary.parse_log(content, summary.Gauge("loss", "", pattern)))
    error = summary.crash_error(content, returncode=len(pattern) - 20)
    assert len(error.summary) <= 2_000 and len(error.tail) <= summary.TAIL_LINES
    for line in (error.summary, *error.tail):
        assert_plain(line)
    summary.is_memory_error(error.summary)
    limit = len(pattern) * 8
    kept = summary.collapse_progress(data, limit)
    assert len(kept) <= limit + 100


# -- tables of other loops


def check_rows(rows: list[tabular.Row], rejected: list[tabular.Rejected]) -> None:
    for key, row in tabular.keyed(rows):
        run = imports._record(row, imports._run_id(row, key), OID, False, None, "", "val_bpb")
        record.encode(run)  # the wrong kind of value would raise
        for shown in (row.commit, row.description, row.notes, row.family, *row.tags):
            assert_plain(shown)
    for bad in rejected:
        assert_plain(bad.reason)
        assert_plain(bad.text)


def results_tsv(data: bytes) -> None:
    data = imports._as_utf8(data)
    rows, rejected, headers = tabular.partition_tsv(data)
    lines = [at for at, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1) if said(line).strip()]
    assert sorted([*(row.line for row in rows), *(bad.line for bad in rejected), *headers]) == lines
    check_rows(rows, rejected)


def experiments_jsonl(data: bytes) -> None:
    rows, rejected = tabular.read_jsonl(data)
    check_rows(rows, rejected)


def one_cell(data: bytes) -> None:
    name, value = map(said, halves(data))
    for found in (cells.plain(value), cells.measure(name, value), summary.number(value)):
        assert found is None or math.isfinite(found) and not isinstance(found, bool)
    cells.status(value)
    if stamp := cells.timestamp(value, is_utc=bool(name)):
        msgspec.convert(stamp, record.Timestamp)
    cells.reads_as_number(value)


# -- ideas


def idea(data: bytes) -> None:
    one, other = map(said, halves(data))
    reading.BUILT_IN.known.clear()
    moves = reading.read(one)
    assert all(isinstance(move, reading.Move) for move in moves) and len(moves) <= 3 * reading.MAX_MOVES
    reading.BUILT_IN.known.clear()
    assert reading.read(one) == moves
    assert len(reading.read_settings(one)) <= reading.MAX_MOVES
    clean.label_of(one)
    clean.with_parameters(one)
    first, second = history.Idea(one, tags=("x",)), history.Idea(other)
    relations = novelty.relate(second, [(first, "keep"), (second, "discard")])
    assert all(0 <= part <= 1 for relation in relations for part in (relation.same, relation.related))
    assert not text.inline(other).strip() or relations[1].kind == "same" or not relations[1].same
    past = history.read_history([(first, "keep")], ["run 1"])
    sought = marks.of_idea(second, past.state.read(second), past.state.terms, past.state.words)
    assert all(name.isalnum() and most > 0 for name, most in sought)
    assert all(name.isalnum() for name in marks.of_run(first, past.traces[0], True))
    similarity.words_of(one)


def words(data: bytes) -> None:
    one, other = map(said, halves(data))
    for token in tokens.tokenize(one):
        assert token.kind in ("word", "value", "times", "arrow", "mark") and token.text
        assert not isinstance(token.value, float) or math.isfinite(token.value)
    found = tokens.number(one)
    assert found is None or math.isfinite(found) and tokens.equal(found, found)
    try:
        vocabulary = tokens.extended.__wrapped__(((one, other),))
    except ValueError:
        return
    assert vocabulary.longest >= reading.BUILT_IN.longest
    tokens.tokenize(one, vocabulary)


# -- code


def subject(data: bytes, path: str) -> None:
    old, new = map(said, halves(data))
    found = change.read_change(old, new, path)
    record.encode(msgspec.structs.replace(RUN, change=found))
    assert len(found.knobs) <= change.MAX_KNOBS and len(change.describe(found)) < 20_000
    same = change.read_change(new, new, path)
    assert (same.fingerprint, same.knobs, same.statements) == (None, {}, 0)
    assert change.read_change(old, new, path) == found
    change.read_change(None, new, path)
    change.constants(new, path)
    for name, knob in list(found.knobs.items())[:3]:
        reading.read_constant(name, knob)


def python(data: bytes) -> None:
    subject(data, "train.py")


def toml(data: bytes) -> None:
    subject(data, "train.toml")


def json_subject(data: bytes) -> None:
    subject(data, "train.json")


def merged(data: bytes) -> None:
    size = data[0] % 16 + 1 if data else 7
    found = merge.resolved(data[1:], size)
    assert found is None or merge.resolved(data[1:], size) == found
    if found is not None and b"<" * size not in data:
        assert found == data[1:]


# -- questions


def question(data: bytes) -> None:
    try:
        parts = query.parse(said(data))
    except query.NotAQuery as problem:
        assert problem.message.endswith(".") and problem.hint
        assert_plain(problem.message)
        return
    assert query.parse(query.render(parts)) == parts, query.render(parts)
    query.matcher(parts, "val_bpb", lambda date: "2026-03-01T00:00:00Z")(RUN)
    query.bound("since", said(data))


# -- text


def plain_text(data: bytes) -> None:
    given = data.decode("utf-8", "surrogateescape" if len(data) % 2 else "replace")
    shown = text.inline(given)
    assert_plain(shown)
    assert text.inline(shown) == shown == shown.strip()
    for several in (text.block, text.verbatim):
        lines = several(given)
        assert several(lines) == lines
        for line in lines.split("\n"):
            assert_plain(line.replace("\t", " "))
    cell = text.cell(given)
    assert_plain(cell)
    escaped = cell.replace("\\\\", "")
    assert all(f"\\{mark}" in escaped or mark not in escaped for mark in "`*[]<|")
    assert (
        "\n" not in cell and escaped.count("<") == escaped.count("\\<") and escaped.count("|") == escaped.count("\\|")
    )
    code = text.code(given)
    assert code == "-" or (code.count("`") == 2 and "|" not in code)
    assert len(text.shorten(shown, 20)) <= 20
    text.short_id(given)
    found = text.tags(given)
    assert text.tags(",".join(found)) == found
    text.utf8(given).encode()
    embedded = render.embedded(msgspec.json.encode([text.utf8(given)]))
    assert not set("<>&\u2028\u2029") & set(embedded) and json.loads(embedded) == [text.utf8(given)]
    if (number := summary.number(shown)) is not None:
        for form in (text.number(number), text.number(number, sign="+"), text.figure(number), text.rough(number)):
            assert_plain(form)


def commit_message(data: bytes) -> None:
    about, trailers = message.read(said(data))
    assert_plain(about)
    for name, value in trailers.items():
        assert name == name.lower() and value
        assert_plain(value)
    assert transaction.sequence(said(data)) >= 0


# -- what git answers: it is trusted, what it tells of is not


class _Asked:
    """`git cat-file --batch`, with an answer to each of some questions."""

    def __init__(self, *answers: tuple[str, bytes]) -> None:
        self.stdin = io.BytesIO()
        said = (f"{OID} {kind} {len(content)}\n".encode() + content + b"\n" for kind, content in answers)
        self.stdout = io.BytesIO(b"".join(said))

    def wait(self) -> int:
        return 0


def asked(*answers: tuple[str, bytes]) -> reader.Reader:
    found = reader.Reader(place())
    found._process = _Asked(*answers)
    return found


@cache
def place() -> Place:
    """A folder of this process's own, in memory where there is such."""
    shared = Path("/dev/shm")
    top = Path(tempfile.mkdtemp(prefix="memorylab-fuzz-", dir=shared if shared.is_dir() else None))
    import atexit

    atexit.register(shutil.rmtree, top, ignore_errors=True)
    (top / ".git" / "memorylab").mkdir(parents=True)
    return Place(top / ".git", top / ".git", top, FORMS["sha1"])


def git_objects(data: bytes) -> None:
    with expected():
        found = asked(("commit", data)).resolve("HEAD")
        assert found.time >= 0 and all(isinstance(parent, str) for parent in found.parents)
    with expected():
        tree = asked(("tree", data)).tree("HEAD")
        assert tree is None or all(map(place().form.is_id, (oid for _, oid in tree[1].values())))
    assert asked(("blob", data)).blob(OID) == data
    with expected():
        asked(("tag", data), ("commit", data)).resolve("v1")
    for form in FORMS.values():
        try:
            entries = objects.entries_of(data, form)
        except ValueError:
            continue
        assert all(form.is_id(oid) for _, oid in entries.values())


@contextmanager
def expected() -> Iterator[None]:
    try:
        yield
    except MemoryLabError as problem:
        assert problem.message


@contextmanager
def git_says(*answers: bytes) -> Iterator[None]:
    """Every git command prints these, one after another, the last one again and again."""
    left = list(answers)

    def run(*_: object, **__: object) -> bytes:
        return left.pop(0) if len(left) > 1 else left[0]

    with mock.patch.object(git, "run", run):
        yield


def git_listings(data: bytes) -> None:
    # What a file name, a ref name or an author's name can put there: no line ends, no NUL.
    one, two = halves(data)
    name = one.replace(b"\0", b"").replace(b"\n", b"")
    with git_says(f"{OID} refs/notes/memorylab/".encode() + name.replace(b"\r", b"").replace(b" ", b"") + b"\n"):
        tips = refs.tips(place())
        for kind in ("journal", "ledger", "decisions"):
            chains, _ = refs.chains(tips, kind)
            assert all(refs.is_writer(writer) for writer, _ in chains)
    with git_says(f":100644 100644 {OID} {OID} M".encode() + b"\0" + name + b"\0"):
        found = growth.differing(place(), None, OID)
        assert found is not None and all(len(oid) in (40, 64) for side in found for oid in side)
    header = f"{OID} 1 1 1\nauthor ".encode() + name + b"\nsummary " + name + b"\nfilename " + name + b"\n\t"
    with git_says(header + two.replace(b"\n", b"") + b"\n"):
        session = mock.Mock(place=place())
        session.settings.subject = "train.py"
        (line,) = blame._git_blame(session, OID)
        assert (line.commit, line.number) == (OID, 1)
    with git_says(b"memorylab.threshold\n" + two.replace(b"\0", b"") + b"\0memorylab.sign\0"):
        assert len(git.config(place(), "x")) == 2
    assert "<" not in git._clean(said(one)) and "\n" not in git._clean(said(one))
    for line in said(one).splitlines():
        transport._answer(line)
    failed = transport._failure(said(two))
    assert len(failed.message) < 400
    assert len(transport._told_by_remote(said(two))) <= 300


def shared_settings(data: bytes) -> None:
    toml, config = halves(data)
    (place().top / ".memorylab.toml").write_bytes(toml)
    with git_says(b"".join(b"memorylab." + line + b"\0" for line in config.split(b"\0") if line)), expected():
        found = settings.load(place())
        assert 0 <= found.threshold <= 1 and found.time_limit > 0
        _ = found.rules, found.gauge, found.vocabulary
        msgspec.convert(msgspec.to_builtins(found), settings.Settings)


def state_files(data: bytes) -> None:
    here = place()
    for name in ("seen.json", "writer.json", "display.json", "rerun.json"):
        (here.state / name).write_bytes(data)
    (here.git_dir / "memorylab-views.json").write_bytes(data)
    assert all(isinstance(tip, str) for tip in seen._load(here).values())
    seen._latest(seen._load(here))
    known = writer.current(here.common_dir)
    assert known is None or refs.is_writer(known)
    writer.former(here.common_dir)
    from memorylab.store import display

    display._united(mock.Mock(state=here.state), OID)
    fresh.load(here)
    replicate._read(here.state / "rerun.json")


# -- what agents send


def proposals(data: bytes) -> None:
    try:
        found = candidates._read(data.split(b"\n"))
    except BadInput as problem:
        assert_plain(problem.message)
        return
    assert all(text.inline(one.description) for _, one in found)


def tool_answer(data: bytes) -> None:
    """What the MCP server makes of what its command prints, and of arguments."""
    if mcp is None:
        return
    lines = said(data).splitlines()
    assert isinstance(mcp._error(lines, "check", 3), str)
    assert all(isinstance(note, str) for note in mcp._notes(lines))
    given: list[str] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        given.extend(words)
        return subprocess.CompletedProcess(words, 0, b"{}", data)

    one, other = map(said, halves(data))
    with mock.patch.object(subprocess, "run", run):
        try:
            mcp.call("check", {"description": one, "mode": other}, other)
        except ToolError:
            return
    assert given[-2:] == ["--", other] and f"--description={one}" in given or not one


def lab_input(data: bytes) -> None:
    one, other = map(said, halves(data))
    found = corpus.cut(data)
    assert found.train + found.val + found.test == data and found.sha256
    try:
        read_settings({"AUTORESEARCH_SEED": one, "AUTORESEARCH_TIME_BUDGET": other, "AUTORESEARCH_TOKENS": other})
    except SettingError:
        return


_DEEP = b'{"a":' + b"[" * 2000  # deeper than any parser of JSON goes
_IDEAS = [
    "raise matrix lr 0.04 -> 0.06", "halve the batch (2**19 -> 2**18)", "exp12: EMA (decay 0.999), depth 8x2",
    "[LR] wd sweep 0.1/0.2/0.3, point 2: 0.2 is better", "baseline: DEPTH=8 ASPECT_RATIO=64; rerun of #12",
    "replace relu^2 with SwiGLU(mlp=3) on all layers, 1e-5", "because it OOMs, we use a cosine warmdown, +0.001",
]  # fmt: skip
_WORDS = [
    "lr", "->", "=>", " to ", " from ", " by ", "half", "2**19", "1e-5", "0.06", "x2", "512x512", "(0.9, 0.95)", "%",
    "baseline", "rerun", "seed", "depth", "batch", "warmdown", "remove", "replace", "with", ": ", "; ", " -- ", "exp12",
    "SSSL", "\u2192", "\u00b2", "1/4", "[", "]", "(", ")", "was", "default", "optimal",
]  # fmt: skip
_TSV = (
    b"commit\tval_bpb\tmemory_gb\tstatus\tdescription\n1234567\t1.234567\t44.0\tkeep\tbaseline\n"
    b"abcdef1\t0.000000\t0.0\tcrash\tdouble width (OOM)\n\nid\tstatus\tloss\tdesc\n1\tdiscarded\t3,141.5\t12 GB\n"
)
_LOG = (
    b"took ([0-9.]+) s\xffstep 1\rstep 2\ntook 1.5 s\n---\nval_bpb:          0.997900\npeak_vram_mb:     45060.2\n"
    b'seed: 42\nTraceback (most recent call last):\n  File "train.py", line 1\nValueError: no\nRuntimeError:\n  x\n'
)
_PYTHON = (
    b'import math\nDEPTH = 8\nLR = 4e-2\nA, B = 1, 2\nX: int = 2**15\n\n\ndef f(x, y=1):\n    "doc"\n    if x > 1:\n'
    b"        return f'{x!r:>{y}}'\n    for i in range(3):\n        pass\n    else:\n        x -= 1\n    match x:\n"
    b"        case 1:\n            y = -1\n    try:\n        g()\n    except* E as e:\n        raise\n"
)

TARGETS: dict[str, Target] = {
    "record": Target(one_record, [*RECORDS, _DEEP], [
        '"kind":"run"', '"metrics":{', '"v":1', "null", "1e999", "-0.0", "9007199254740993", "\\ud800", "\\u0000", "[[",
    ]),
    "claims": Target(claims_board, [RECORDS[1], RECORDS[1] + b"\n" + RECORDS[1].replace(b"c-1", b"c-2")], [
        '"claim_id"', '"outcome":"withdrawn"', "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "24:00:00", "\n",
    ]),
    "sidecar": Target(sidecar, [
        b'a.b\xff{"val_bpb": 1.5, "a": {"b": "3e-4"}, "seed": 42, "threads": 1.0, "torch_version": "2"}',
        b'l.0\xff{"l": [1, NaN, -Infinity], "depth": 8.0, "budget": 1e400}', b"\xff" + _DEEP,
    ], ["NaN", "Infinity", '"\\ud800"', "1e400", '"seed"', "[[[[", "null", "true"]),
    "run_log": Target(run_log, [_LOG, b"(\\d+)\xffval_bpb: nan\n"], [
        "---", "val_bpb: ", "\r", "Traceback (most recent call last):", "+ Exception Group ", "MemoryError", "(a+)+",
        "SyntaxError: x", "([0-9.]+)", "(?P<n>", "{2,}", "Killed",
    ]),
    "results_tsv": Target(results_tsv, [_TSV, _TSV.decode().encode("utf-16"), _TSV.replace(b"\n", b"\r")], [
        "\t", "status", "description", "val_bpb", "memory_mb", "crash", "1,234,567.8", "N/A", "timestamp_utc", "run_id",
    ]),
    "experiments_jsonl": Target(experiments_jsonl, [
        b'{"commit":"1234567","status":"kept","description":"deeper","metrics":{"val_bpb":1.5,"x":"12 GB"},"tags":["a"]'
        b'}\n{"kind":"run","commit":"a","status":"crash","description":"","error":{"summary":"OOM","tail":["x"]}}',
        _DEEP,
    ], ['"timestamp_utc":"2026-01-01T00:00:00+01:00"', "100000000000000000000000", "NaN", "\\ud800", '"run_id":"a.b"']),
    "cell": Target(one_cell, [b"memory_gb\xff44.0 GB", b"x\xff2026-03-01 12:00", b"mfu\xff39.8%"], [
        "1,234,567.8", "GiB", "ms", "%", "nan", "-inf", "2026-W01-1", "T24:00", "+23:59", "\u0662",
    ], 300),
    "idea": Target(idea, [one.encode() + b"\xff" + two.encode() for one, two in zip(_IDEAS, _IDEAS[1:], strict=False)],
                   _WORDS, 1000),
    "words": Target(words, [one.encode() for one in _IDEAS] + [b"peak lr\xffmatrix lr"], _WORDS, 1000),
    "python": Target(python, [_PYTHON, _PYTHON + b"\xff" + _PYTHON.replace(b"8", b"9")], [
        "lambda:", "f'{", "}'", "**", "<<", "0xfffffffffffffffffffffffffffffffff", "async ", "yield ", ":=",
        "\\N{DIGIT ONE}",
        "class ", "\t", "    ", "global ", "1e400", "1j", "@",
    ]),
    "toml": Target(toml, [b"a = 1\n[b]\nc = [1, 2]\n\xff[[d]]\ne = 1979-05-27T07:32:00Z\n"], [
        "inf", "nan", "0xff", "'''", '"""', "{a = 1}", "[[", "07:32:00", "1979-05-27", "a.b.c = 1", "\\U00000041",
    ]),
    "json": Target(json_subject, [_DEEP, b'{"a": 1, "b": {"c": [1, {"d": null}]}}\xff{"a": 2.0}'], [
        "NaN", "1e999", '"\\ud800"', "[[[[", '{"":', "true",
    ]),
    "merge": Target(merged, [b"\6<<<<<<< a\nx = 1\n||||||| b\nx = 0\n=======\nx = 0\n>>>>>>> c\ny\n"], [
        "<<<<<<<", "|||||||", "=======", ">>>>>>>", "\r\n",
    ]),
    "query": Target(question, [
        b'raise lr -"weight decay" status:crash metric<2.5 -x>=1e3', b'family:"" knob:*LR* since:2026-11-01 \\" a"b',
    ], ["status:", "metric", "<=", '"', "\\", "-", "*", "tag:", "until:yesterday", "action:promote",
        "class:novel", "1e5"]),
    "text": Target(plain_text, ["a\u202eb \x1b[31m| <b> `x` *y* _z_ ~~ & \\ 1.5".encode(), b"T1, t 2,,\xff"], [
        "\u202e", "\u200b", "\x1b", "\\", "|", "<", "`", "_", "~~", "&lt;", "\u2028", "\u0085", "\r\n",
        "</script", "<!--",
    ]),
    "message": Target(commit_message, [b"Raise lr\n\nbody\n\nTags: a, b\nHypothesis: x\nSeq: 12\n"], [
        "\n\n", "Seq: ", "Tags: ", "\r\n", "\u00b2", "\u0663", ": ", "\t",
    ]),
    "git_objects": Target(git_objects, [
        f"tree {OID}\nparent {OID}\nauthor A <a> 1 +0000\ncommitter A <a> 1700000000 +0000\n\nmessage\n".encode(),
        b"100644 record.json\0" + bytes(range(20)) + b"40000 ab\0" + bytes(20),
        f"object {OID}\ntype commit\ntag v1\n\n".encode(),
    ], ["committer ", "parent ", "\u00b2", "40000 ", "100644 ", "160000 x"]),
    "git_listings": Target(git_listings, [
        b"ledger/ann\xffx = 1", b"ledger/../x \xc2\xb2\xffremote: denied\nfatal: permission denied",
        b"!\tx:refs/a\t[r] (no)",
    ], ["ledger/", "journal/", "decisions/", "archive/", "\u00b2", "\u2028", "\r", "\t", "remote: ", "(fetch first)"]),
    "settings": Target(shared_settings, [
        b"metric = \"loss\"\nmetric_pattern = 'took ([0-9.]+) s'\nthreshold = 0.4\n\xfftimelimit\n5\0sign\nyes",
        b"a = " + b"[" * 2000 + b"\xffsign\n1",
        b"direction = \"maximize\"\naliases = {\"peak lr\" = \"matrix lr\"}\n\xffremote\norigin\0metric\nx",
    ], [
        "subject", "metric_key", "mode", "time_limit", "artifact_limit", "noise", "promote", "claim_minutes", "nan",
        "inf", "[[", "1e999", "999999999999999999999999999999", "(a+)+", "autosync", "a.b",
    ]),
    "state_files": Target(state_files, [
        _DEEP,
        f'{{"refs/a": "{OID}", "~refs/b": 1}}'.encode(), b'["ann-1", "/x", 1, 2]',
        b'{"writer": "ann", "path": "/x", "device": 1, "inode": 2, "former": "", "theirs": ""}',
        f'{{"commit": "{OID}", "sources": [["ann", "{OID}"]]}}'.encode(), msgspec.json.encode(fresh.State()),
    ], ["[[[[", '{"a":', "NaN", "\\ud800", "null", "1e999", "99999999999999999999"]),
    "candidates": Target(proposals, [b'{"description": "raise lr", "tags": ["a"]}\n"halve the batch"\n', _DEEP], [
        "[[[[", '"hypothesis":', '"id":', "\\ud800", "\\u0000", "null",
    ]),
    "mcp": Target(tool_answer, [b'{"note": "x"}\n{"error": {"message": "m", "hint": "h"}}', b"--help\xff-x", _DEEP], [
        '"note"', '"error"', "--", "[[[[", "\\u0000",
    ]),
    "lab": Target(lab_input, [b"42\xff30.5", b"text of some lines\n"], ["1_000", "nan", "inf", "1e999", "-1"]),
}  # fmt: skip
