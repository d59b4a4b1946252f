"""What was found by fuzzing, and by reading the parsers for what takes more time or memory than its input is long."""

import gc
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from memorylab.commands.session import constants
from memorylab.core.summary import Gauge, parse_log
from memorylab.errors import Unreachable
from memorylab.store import archive, files, growth, refs, seen, transport, writer
from memorylab.store.git import locate
from memorylab.views import fresh
from tests import attacks
from tests.conftest import Lab, Templates, is_refusal
from tests.megabyte import CASES

DEEP = b'{"a":' + b"[" * 5_000
SEPARATORS = "\u2028\u0085x"  # git lets a ref be called so, and str.splitlines() ends a line there


@pytest.fixture
def lab(templates: Templates, tmp_path: Path) -> Lab:
    return templates.lab(tmp_path)


def put(lab: Lab, kind: str, content: bytes) -> str:
    """An object that git itself would not make."""
    done = subprocess.run(
        ["git", "hash-object", "-t", kind, "--literally", "-w", "--stdin"], input=content, cwd=lab.path, check=True,
        capture_output=True,
    )  # fmt: skip
    return done.stdout.decode().strip()


def test_a_ref_may_have_a_line_separator_in_its_name(lab: Lab) -> None:
    """Whoever may push to a remote could stop every command of all who fetch from it."""
    lab.experiment("deeper", 1.5)
    for name in (f"{refs.LEDGER}{SEPARATORS}", f"{refs.REMOTES}origin/journal/{SEPARATORS}"):
        lab.git("update-ref", name, "HEAD")
    assert len([name for name in refs.tips(locate(lab.path)) if SEPARATORS in name]) == 2
    assert refs.at(locate(lab.path), [f"{refs.LEDGER}{SEPARATORS}"])
    assert "1 run" in lab.run("status").output
    lab.run("check", "--description", "deeper")
    listed = transport.listing(locate(lab.path), str(lab.path), [f"{refs.NOTES}*"])
    assert f"{refs.LEDGER}{SEPARATORS}" in listed


@pytest.mark.parametrize("damaged", [b"100644 a", b"100644 a\0short", b"\xff a\0" + bytes(20)])
def test_a_tree_that_is_none_is_not_here(lab: Lab, damaged: bytes) -> None:
    oid = put(lab, "tree", damaged)
    assert lab.store.reader.tree(oid) is None
    commit = put(lab, "commit", f"tree {oid}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nx\n".encode())
    lab.git("update-ref", f"{refs.LEDGER}eve", commit)
    lab.experiment("deeper", 1.5)
    assert "1 run" in lab.run("status").output
    assert "eve" in lab.run("verify", rc=None).output


NO_WRITERS = [
    "",
    "-o",
    ".",
    "..",
    ".a",
    "a.",
    "a..b",
    "a/b",
    "a b",
    "a\n",
    "a\x1b",
    "\u202e",
    "\u00e9",
    "~",
    "*",
    "x" * 121,
]


def test_what_is_no_name_is_no_writer_in_an_archive_either(lab: Lab) -> None:
    """It would be part of refs here, and of what git is told to fetch."""
    place, head = lab.store.place, lab.git("rev-parse", "HEAD")
    names = ["a", "a-b_c.d", "x" * 120, *NO_WRITERS[1:]]
    assert [name for name in ["", *names] if refs.is_writer(name)] == names[:3]
    inner = attacks.tree(lab.path / ".git", [("160000", name, head) for name in names])
    top = attacks.tree(lab.path / ".git", [("40000", "journal", inner)])
    assert [name for name, _ in archive.folded(lab.store.objects, top, "journal")] == names[:3]
    assert list(growth.in_archive(place, top)) == [refs.JOURNAL + name for name in names[:3]]


def test_a_remote_says_little_and_is_not_waited_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(transport._failure(f"fatal: {'x' * 9_000}").message) < 320
    assert len(transport._told_by_remote(f"remote: {'x' * 9_000}")) == 300
    monkeypatch.setattr(transport, "_SILENCE", transport._SILENCE / 300)
    lab.git("remote", "add", "origin", ".")
    lab.git("config", "remote.origin.uploadpack", "cat >/dev/null; true")  # until git is ended
    with pytest.raises(Unreachable, match="said nothing for 0 seconds"):
        transport.listing(lab.store.place, "origin", ["*"])


@pytest.mark.long
def test_a_tree_of_a_million_entries_is_not_read(lab: Lab) -> None:
    long = b"100644 " + b"x" * (64 << 20) + b"\0" + bytes(20 if lab.store.place.form.name == "sha1" else 32)
    assert lab.store.reader.tree(attacks.loose(lab.path / ".git", "tree", long)) is None


@pytest.mark.parametrize("name", ["HEAD", "HEAD:train.py", ":train.py", "main", "HEAD^{tree}", "@{-1}", "--all", ""])
def test_what_a_record_calls_an_object_is_its_name_and_no_expression(lab: Lab, name: str) -> None:
    """Which git would understand, and tell of what nobody has shared."""
    lab.commit("one more")
    store = lab.store
    assert store.blob(name) is None and not store.has(name)
    assert list(store.reader.ancestors(name)) == [] and constants(store.reader, "train.py", name) is None


def test_what_is_no_file_or_too_long_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    os.mkfifo(tmp_path / "fifo")
    assert files.read(tmp_path / "a", 3) == b"abc"
    for path, longest in ((tmp_path / "a", 2), (tmp_path / "fifo", 3), (Path("/dev/null"), 3), (tmp_path, 3)):
        with pytest.raises(OSError):
            files.read(path, longest)


@pytest.mark.parametrize("time", ["\u00b2", "9" * 5_000, "999999999999", "-1", ""])
def test_the_time_of_a_commit_may_be_none(lab: Lab, time: str) -> None:
    tree = lab.git("rev-parse", "HEAD^{tree}")
    oid = put(lab, "commit", f"tree {tree}\nauthor a <a> 1 +0000\ncommitter a <a> {time} +0000\n\nx\n".encode())
    assert lab.store.reader.resolve(oid).time == 0


@pytest.mark.parametrize("content", [DEEP, b"\xff", b"[]", b"null", b'{"a": 1}', b""])
def test_what_is_kept_of_a_clone_may_be_damaged(lab: Lab, content: bytes) -> None:
    lab.experiment("deeper", 1.5)
    place = locate(lab.path)
    for path in (*(place.state / name for name in ("seen.json", "display.json")), fresh._file(place)):
        path.write_bytes(content)
    assert seen._load(place) == {} and fresh.load(place) == fresh.State()
    assert "1 run" in lab.run("status").output
    (place.state / "writer.json").write_bytes(content)
    assert writer.current(place.common_dir) is None


def test_settings_may_be_nested_too_deeply(lab: Lab) -> None:
    (lab.path / ".memorylab.toml").write_text("a = " + "[" * 5_000)
    gc.collect()  # what other tests have left has no room to end at the depth of a recursion
    assert is_refusal(lab.run("status", rc=3).stderr)


def test_a_candidate_may_be_nested_too_deeply(lab: Lab) -> None:
    assert is_refusal(lab.run("check", "--stdin", rc=3, stdin=DEEP).stderr)


# -- the pattern of a metric, which a repository that was fetched may have any of


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "((a*)*)*b", "(x+x+)+y", r"(\d+)*!", "(.*.*.*.*.*.*)=$"])
def test_no_pattern_takes_a_power_of_the_length(pattern: str) -> None:
    """Python's own re takes hours for one line. Here the process would be killed after 10 seconds."""
    code = "from memorylab.core.summary import *\n"
    code += f"print(parse_log(('a' * 900 + 'x' * 90 + '7\\n') * 300, Gauge('m', '', {pattern!r})).metrics)"
    assert limited(code) == "{}"


@pytest.mark.parametrize(
    "pattern", [r"(?<=x)(a)", r"(a)(?!b)", r"(a)\1", "(?P<n>a)(?P=n)", "(?>a)(b)", "((a{1000}){1000})"]
)
def test_what_no_linear_engine_knows_is_refused_in_one_sentence(lab: Lab, pattern: str) -> None:
    (lab.path / ".memorylab.toml").write_text(f"metric_pattern = '{pattern}'\n")
    said = lab.run("status", rc=3).stderr
    assert is_refusal(said) and "metric_pattern cannot be used" in said
    assert "Correct it in .memorylab.toml" in said and "no look-around and no back-references" in said


def test_a_lab_without_a_pattern_imports_no_engine(lab: Lab) -> None:
    code = (
        "import sys; from memorylab import settings; from memorylab.store.git import locate; from pathlib import Path\n"
    )
    code += "settings.load(locate(Path.cwd())); print('re2' in sys.modules)"
    assert limited(code, lab.path) == "False"
    (lab.path / ".memorylab.toml").write_text("metric_pattern = 'took ([0-9.]+) s'\n")
    assert limited(code, lab.path) == "True"


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        ("took ([0-9.]+) s", "took 1 s, took 2.5 s", 2.5), ("(?i)LOSS[:=] *([-+.e0-9]+)", "Loss= -1e-3", -1e-3),
        (r"(?P<x>\d+)|y", "7 y", 7), ("(?:a|b) ([0-9]+)$", "\u00e9 b 12", 12), (r"\bn=(\d+)", "min=3 n=4", 4),
    ],
)  # fmt: skip
def test_a_pattern_finds_the_last_number(pattern: str, line: str, found: float) -> None:
    assert parse_log(f"x\n{line}\ny", Gauge("m", "", pattern)).metrics == {"m": found}


# -- time and memory in proportion to the input


def limited(code: str, folder: Path | None = None, seconds: int = 10, megabytes: int = 256) -> str:
    """What a program prints, in a process that may use so much of CPU time and memory."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, preexec_fn=limit, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-1_000:]}"
    return done.stdout.strip()


QUICK = ("headers of tracebacks", "a query of stars")


@pytest.mark.parametrize("what", [pytest.param(x, marks=() if x in QUICK else pytest.mark.long) for x in CASES])
def test_a_megabyte_takes_seconds_and_bounded_memory(what: str) -> None:
    """A quadratic parser would take minutes: the processes are killed after 10 seconds, and above 256 MiB."""
    limited(f"from tests.megabyte import CASES; CASES[{what!r}]()")
