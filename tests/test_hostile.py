"""Whatever arrives by fetch, import, log or configuration stays data in every output, file and table, and in bounds."""

import ast
import csv
import io
import json
import os
import re
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from markdown_it import MarkdownIt

import memorylab
from memorylab.commands import suggest
from memorylab.core.record import encode
from memorylab.core.tabular import read_tsv
from memorylab.core.text import cell, code, escaped, file_names, inline, quoted, unquoted
from memorylab.ledger import check_line
from memorylab.store import growth, refs
from memorylab.views import table
from tests import attacks
from tests.conftest import Hub, Lab, Templates
from tests.core.conftest import build

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PACKET = attacks.CONTROL + attacks.HIDDEN + attacks.LINES
WORD = PACKET.replace("\0", "")  # no argument has one


def unsafe(text: str) -> set[str]:
    """The characters of a text that do something to a terminal, or that nobody sees."""
    return {c for c in text if not c.isprintable() and c not in "\n\t"}


def attack(lab: Lab) -> None:
    """Write everything of the corpus as somebody's ledger, by his own hand."""
    head, git_dir = lab.git("rev-parse", "HEAD"), lab.path / ".git"
    blob = attacks.loose(git_dir, "blob", b"abc")
    with lab.ledger.writing(NOW) as transaction:
        for record in (*attacks.runs(blob), *attacks.others(PACKET)):
            line = check_line(msgspec.structs.replace(record, writer=transaction.writer, seq=transaction.next_sequence))
            packet = transaction.create_blob(PACKET.encode())
            transaction.add(head, line, {"decision_packet.md": packet, "a.log": blob}, "a title\x1b[31m")
        for line in attacks.GARBAGE:
            transaction.add(head, line, {}, "garbage")


@pytest.fixture
def attacked(templates: Templates, tmp_path: Path) -> Lab:
    """A clone that has synced with a remote on which somebody hostile writes."""

    def tell(folder: Path) -> None:
        hub = Hub(templates, folder / "hub")
        ours, theirs = hub.join("ann"), hub.join("mallory")
        ours.experiment("raise matrix lr", 1.2, knob="MATRIX_LR", to=0.05)
        ours.git("push", "-q", "origin", "HEAD:main")
        attack(theirs)
        for lab in (theirs, ours):
            lab.run("sync")
        ours.run("report")

    templates.copy("attacked", tell, tmp_path)
    return Lab(tmp_path / "ann")


LOOKS = [
    ["status"], ["report"], ["history"], ["history", "--graph"], ["search", "owned"], ["search", "evil"], ["knobs"],
    ["knobs", "DEPTH"], ["brief"], ["claim"], ["verify"], ["doctor"], ["mute"], ["check", "--description", "owned"],
    ["check", "--description", WORD], ["check"], ["blame", "HEAD"], ["sync"],
    *(["show", f"h{number}"] for number in (0, 1, 2, 30, 58, 59)), *(["diff", f"h{number}"] for number in (0, 30)),
    ["stack", "h0", "--dry-run"], ["restore", "h24"], ["amend", "h0", "--family", WORD], ["replicate", "h30"],
    ["show", WORD], ["knobs", WORD], ["search", WORD], ["sync", WORD], ["log", "--commit", WORD],
    ["claim", WORD], ["mute", WORD], ["compact", WORD], ["import", WORD], ["export", "--format", WORD],
    [WORD],
]  # fmt: skip


@pytest.mark.long
def test_nothing_reaches_a_terminal_raw(attacked: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """In words and as JSON: every command answers or refuses, and none is a bug."""
    for words in LOOKS:
        for more in ([], ["--json"]):
            done = attacked.run(*words, *more, rc=None)
            assert done.exit_code != 70, (words, done.output)
            assert not unsafe(done.stdout) and not unsafe(done.stderr), (words, more, unsafe(done.output))
            if more and done.exit_code == 0 and "--format" not in words:
                assert json.loads(done.stdout) is not None
    monkeypatch.chdir(attacked.path)
    for kind in ("run", "knob", "claim", "remote", "revision", "writer"):
        for word, said in suggest.suggestions(kind, ""):
            assert not unsafe(word + said) and re.fullmatch(r"[\w./@+-]+", word)
    assert not (attacked.path / "owned").exists()


@pytest.mark.long
def test_git_log_shows_packets_of_others_cleaned(attacked: Lab) -> None:
    shown = attacked.git("log", "--all")
    assert "owned" in shown
    assert not unsafe(attacked.git("log", "HEAD"))


def test_a_packet_of_megabytes_is_cut_in_git_log(lab: Lab) -> None:
    head, git_dir = lab.experiment("deeper", 1.2, knob="DEPTH", to=9), lab.path / ".git"
    long = attacks.loose(git_dir, "blob", b"long " * (3 << 20))
    entered(lab, refs.DECISIONS, attacks.commit(git_dir, attacks.tree(git_dir, [("100644", head, long)])))
    lab.run("status")
    assert (1 << 20) - 10_000 < len(lab.git("log", "-1")) < (1 << 20) + 10_000


def test_the_files_are_clean_and_in_their_place(attacked: Lab) -> None:
    folder = attacked.path / "results" / "memorylab"
    texts = [
        attacked.path / "results.tsv",
        *folder.glob("*"),
        *folder.glob("reports/*"),
        *folder.glob("runs/*/record.json"),
    ]
    assert len(texts) > 40
    for path in texts:
        if path.is_file():
            assert not unsafe(path.read_text()), path
    rows = (attacked.path / "results.tsv").read_text().splitlines()
    assert (
        len(rows)
        == 1 + attacked.memory.runs.__len__()
        == len((folder / "experiments.jsonl").read_text().splitlines()) + 1
    )
    assert {row.count("\t") for row in rows} == {4}
    kept = sorted(path.name for path in (folder / "runs" / "h58").iterdir())
    assert [name.lower() for name in kept] in (["record.json", "run.log"], ["run.log", "record.json"])
    outside = {path.name for path in attacked.path.parent.iterdir()}
    assert outside <= {"ann", "hub", "mallory", "home"} and not Path("/tmp/escaped").exists()
    assert not [path for path in attacked.path.rglob("*") if path.name in ("owned", "escaped")]


def test_what_is_filed_is_what_was_recorded(attacked: Lab) -> None:
    """Escaped or not, JSON says what it said."""
    lines = (attacked.path / "results" / "memorylab" / "experiments.jsonl").read_text().splitlines()
    recorded = {run.run_id: json.loads(encode(run)) for run in attacked.memory.runs}
    assert {one["run_id"]: one for one in map(json.loads, lines)} == recorded
    assert attacked.run("export").stdout.splitlines() == lines


class _Tabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE


def test_spreadsheets_see_no_formula(attacked: Lab) -> None:
    for form, dialect in (("csv", csv.excel), ("tsv", _Tabs)):
        said = attacked.run("export", "--format", form).stdout
        assert not unsafe(said.replace("\r\n", "\n"))
        first, *rows = csv.reader(io.StringIO(said, newline=""), dialect)
        assert len(rows) == len(attacked.memory.runs)
        for row in rows:
            for name, found in zip(first, row, strict=True):
                assert not found.startswith(("=", "+", "@", "\t", "\r")), (name, found)
                assert not found.startswith("-") or re.fullmatch(r"-[0-9.e-]+", found)


def _table(text: str) -> bytes:
    """results.tsv of one run."""
    return (table.header("val_bpb") + table.row(build("r", 1.0, description=text), "val_bpb")).encode()


@pytest.mark.parametrize("text", [*attacks.FORMULAS, "a", "", "'", "'a", "''", "-0.1", "'-0.1", "a=1"])
def test_a_table_is_imported_as_it_was_said(text: str) -> None:
    text = " ".join(text.split())
    assert unquoted(quoted(text)) == text
    rows, rejected = read_tsv(_table(text))
    assert [row.description for row in rows] == [text] and not rejected


@pytest.mark.parametrize("text", ['"a', "$x$ and $y$", "$$$"])
def test_a_table_that_upstreams_notebook_reads_is_imported(text: str) -> None:
    assert len(read_tsv(_table(text))[0]) == 1
    said = _table(text).decode()
    assert '\t"' not in said  # which its parser would read up to the next one
    assert len(re.findall(r"(?<!\\)\$", said)) < 2  # between which it would see mathematics


def _shape(markdown: str) -> list[str]:
    """What a renderer makes of Markdown, without its words."""
    parsed = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(markdown)
    found = []
    for token in parsed:
        found.append(token.type)
        found += [one.type for one in token.children or () if one.type not in ("text", "text_special")]
    return found


@pytest.mark.parametrize("text", [*attacks.TEXTS, *attacks.STARTS, attacks.CONTROL + attacks.HIDDEN])
@pytest.mark.parametrize("place", ["{}", "- {}", "| a | {} |\n|---|---|\n| {} | b |", "Said: {} [x], `y`."])
def test_a_cell_is_words_and_nothing_else(text: str, place: str) -> None:
    said = cell(text) or "x"
    assert _shape(place.replace("{}", said)) == _shape(place.replace("{}", "x"))
    assert not re.search(r"(?<!\\)://", said)


@pytest.mark.parametrize("text", [*attacks.TEXTS, *attacks.STARTS, attacks.CONTROL + attacks.HIDDEN])
def test_a_cell_says_what_was_said(text: str) -> None:
    parsed = MarkdownIt("commonmark").parse(f"x {cell(text)}")
    assert "".join(one.content for token in parsed for one in token.children or ()) == f"x {inline(text)}".rstrip()


@pytest.mark.parametrize("text", ["a`b", "`", "``a", "a|b", "a`<b>|", attacks.MARKDOWN, attacks.SHELL])
def test_a_code_span_has_no_end_in_its_text(text: str) -> None:
    row = f"| a | b |\n|---|---|\n| {code(text)} | c |"
    assert _shape(row) == _shape(row.replace(code(text), "`x`"))


def test_the_report_has_no_link_image_or_html_of_others(attacked: Lab) -> None:
    text = (attacked.path / "results" / "memorylab" / "reports" / "latest.md").read_text()
    assert "evil" in text
    shape = _shape(text)
    assert not {"image", "html_inline", "html_block"} & set(shape)
    assert not re.search(r"(?<!\\)://", re.sub(r"`[^`]*`", "", text))


@pytest.mark.long
def test_the_page_runs_nothing_of_others(attacked: Lab) -> None:
    attacked.run("report", "--html")
    page = (attacked.path / "results" / "memorylab" / "reports" / "latest.html").read_text()
    assert "<img src=x" not in page and "<script>alert" not in page
    assert not unsafe(page)


@pytest.mark.parametrize("name", attacks.NAMES)
def test_a_name_of_a_file_leads_nowhere(name: str) -> None:
    for safe in file_names([name]):
        assert safe == Path(safe).name and not unsafe(safe) and not re.match(r"(?i)(con|nul|aux|com1)(\.|$)", safe)
        assert not safe.startswith((".", "-", "~", " ")) and not safe.endswith((".", " ")) and len(safe) < 255
    assert file_names(["run.log", "RUN.LOG", "Run.log", "ﬁle", "file"]) == ["run.log", "ﬁle"]


@pytest.mark.parametrize("text", [*attacks.TEXTS, "plain", "é", "\ud800"])
def test_json_that_is_escaped_says_the_same(text: str) -> None:
    said = json.dumps({text: text}, ensure_ascii=False)
    assert json.loads(escaped(said)) == json.loads(said)
    assert escaped(said).isprintable()


def test_remotes_may_be_called_as_our_own_folders_are() -> None:
    for remote in ("o", "o/p", "a/notes/b", "a/journal/b", "x/journal", "journal", "notes/ledger", "x/journal/archive"):
        for prefix in (refs.LEDGER, refs.DECISIONS, refs.JOURNAL, refs.ARCHIVED_NOTES, refs.ARCHIVED_JOURNALS):
            for writer in ("w", "notes", "archive.b"):
                assert refs.local_name(refs.fetched_as(remote, prefix + writer)) == prefix + writer


@pytest.mark.long
def test_such_a_remote_is_shared_with(templates: Templates, tmp_path: Path) -> None:
    hub = Hub(templates, tmp_path / "hub")
    ann, bob = hub.join("ann"), hub.join("bob")
    ann.git("remote", "rename", "origin", "team/notes/x/journal/y")
    ann.experiment("deeper", 1.0, knob="DEPTH", to=9)
    bob.experiment("wider", 1.1, knob="DEPTH", to=10)
    for lab in (ann, bob, ann):
        lab.run("sync")
    assert "wider" in ann.run("history").stdout and "deeper" in bob.run("history").stdout
    assert "nothing new" in ann.run("sync").stdout


# -- settings, links, and what is asked of git


@pytest.mark.long
@pytest.mark.parametrize(
    "line",
    [
        'subject = "../victim.py"', 'subject = "/etc/passwd"', 'subject = "train.py\\n/tmp/evil"',
        'subject = ".git/config"', 'subject = "a/../../b"', 'subject = "\\u001b[31m"', 'metric = "a\\tb"',
        'metric = "a\\nb"', 'metric = "\\u202e"', '"\\u001b[31m" = 1', 'mode = "\\u001b[31m"',
        'aliases = {"\\u001b" = "\\u202e"}', 'mute = ["*"]', 'remote = "x"', "threshold = nan", "artifact_limit = 1",
        'metric_pattern = "("', "time_limit = -1", "a = " + "[" * 5000,
    ],
)  # fmt: skip
def test_a_setting_that_came_with_a_branch_is_refused_or_harmless(lab: Lab, line: str) -> None:
    (lab.path / ".memorylab.toml").write_text(f"{line}\n")
    for words in (["status"], ["init"], ["status", "--json"]):
        done = lab.run(*words, rc=None)
        assert done.exit_code in (0, 3) and not unsafe(done.output), (words, done.output)
    if line.startswith(("subject", "metric", "mute", "remote")):
        assert done.exit_code == 3
    assert lab.path.joinpath(".git/memorylab/hooks/settings").read_text().splitlines()[0] == "train.py"


def test_a_setting_may_be_as_small_and_an_option_as_large_as_numbers_are(lab: Lab) -> None:
    lab.experiment("deeper", 1.2, knob="DEPTH", to=9)
    (lab.path / ".memorylab.toml").write_text("noise = 1e-320\n")
    assert "deeper" in lab.run("status").stdout
    assert "deeper" in lab.run("history", "-n", "9" * 30).stdout


def test_views_are_not_written_through_a_link_that_came_with_a_commit(lab: Lab, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    lab.run("status")
    subprocess.run(["rm", "-r", str(lab.path / "results")], check=True)
    (lab.path / "results").symlink_to(victim)
    lab.git("add", "-f", "results")
    lab.git("commit", "-qm", "a lure")
    said = lab.run("status").stderr
    assert "results is a link that came with a commit" in said
    lab.result(1.0)
    lab.run("log", "--log", "run.log", "--description", "x")
    assert not list(victim.iterdir())
    # One that the user has made himself is his own business.
    lab.git("rm", "-q", "--cached", "results")
    lab.git("commit", "-qm", "no lure")
    lab.run("status")
    assert (victim / "memorylab" / "experiments.jsonl").exists()


@pytest.mark.long
@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("results/memorylab/runs", "../.."), ("results/memorylab/runs", "../../.git"), ("results", "."),
        ("results/memorylab", "../.git"), ("results/memorylab/reports", "../../src"), ("results", "results"),
    ],
)  # fmt: skip
def test_no_view_is_written_or_cleared_away_through_a_link_within_the_repository(
    lab: Lab, link: str, target: str
) -> None:  # fmt: skip
    """Which has .git in it, and what the user has not committed."""
    (lab.path / "src").mkdir()
    (lab.path / "src" / "uncommitted").touch()
    lured(lab, link, target)
    lab.experiment("a lure", 1.0)
    there = files(lab)
    for words in (["status"], ["report"], ["log", "--status", "crash", "--error", "x", "--report"], ["init"]):
        assert f"{link} is a link that came with a commit" in lab.run(*words).output
        assert files(lab) == there
    said = lab.run("report", "--html", rc=3).stderr
    assert f"{link} is a link that came with a commit" in said and files(lab) == there
    lab.run("init", "--uninstall")
    assert (lab.path / "src" / "uncommitted").exists() and "a lure" in lab.git("log", "-1")


def lured(lab: Lab, link: str, target: str) -> None:
    """Have a commit put a symbolic link where something else was."""
    path = lab.path / link
    subprocess.run(["rm", "-rf", str(path)], check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    lab.git("add", "-f", link)
    lab.git("commit", "-qm", "a lure")


def files(lab: Lab) -> list[Path]:
    """What is in the working tree and in git's own folder, but for what git and the memory are kept in."""
    return sorted(path for pattern in ("*", "src/*", ".git/*") for path in lab.path.glob(pattern))


def test_the_page_is_not_written_through_a_link(lab: Lab, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    lured(lab, "results/memorylab/reports/latest.html", str(victim))
    lab.run("report", "--html")
    assert victim.read_text() == "mine"
    assert "<html" in (lab.path / "results/memorylab/reports/latest.html").read_text()


@pytest.mark.long
@pytest.mark.parametrize("target", ["/dev/zero", "/dev/full", "record.json", "."])
def test_what_stands_where_a_run_belongs_is_replaced(lab: Lab, target: str) -> None:
    """A commit may have put anything there."""
    lab.experiment("deeper", 1.0, knob="DEPTH", to=9)
    (run,) = lab.memory.runs
    runs = lab.path / "results" / "memorylab" / "runs"
    lured(lab, f"results/memorylab/runs/{run.run_id}/record.json", target)
    (runs / f".{run.run_id}.gone").write_text("a file, not a folder")
    (runs / os.fsdecode(b"\xff")).mkdir()
    for name in ("memorylab-views.json", "memorylab/index.sqlite"):
        (lab.path / ".git" / name).unlink()
    assert bounded(lab, "status").count("deeper") == 2
    assert (runs / run.run_id / "record.json").read_bytes().startswith(b'{"artifacts":')
    lured(lab, f"results/memorylab/runs/{run.run_id}", "..")
    assert "could not be written" not in bounded(lab, "status")
    assert (runs / run.run_id / "record.json").is_file() and not (runs / run.run_id).is_symlink()


def test_a_table_that_a_link_leads_to_is_not_shared(lab: Lab, tmp_path: Path) -> None:
    """It may be another lab's of the same user."""
    (tmp_path / "secret.tsv").write_text(table.header("val_bpb") + "abc1234\t1.0\t1.0\tkeep\tsecret\n")
    lured(lab, "results.tsv", str(tmp_path / "secret.tsv"))
    (lab.path / ".git" / "memorylab-views.json").unlink()
    assert "secret" not in lab.run("init").output
    lab.run("status")
    assert not lab.memory.runs and not list(lab.path.glob("results.tsv.*"))


@pytest.mark.parametrize("name", [".memorylab.toml", "pyproject.toml"])
@pytest.mark.parametrize("target", ["/dev/zero", "/dev/full", "."])
def test_settings_that_are_no_file_are_refused(lab: Lab, name: str, target: str) -> None:
    lured(lab, name, target)
    said = bounded(lab, "status")
    assert f"{name} cannot be read" in said


def test_a_subject_is_neither_read_nor_restored_over_a_link(lab: Lab, tmp_path: Path) -> None:
    """A branch can choose both, and a name such as .bashrc."""
    home = tmp_path / "victim"
    home.mkdir()
    (lab.path / "home").mkdir()
    (lab.path / "home" / ".bashrc").write_text("DEPTH = 9\n")
    (lab.path / ".memorylab.toml").write_text('subject = "home/.bashrc"\n')
    lab.git("add", "-A")
    lab.experiment("a lure", 1.0)
    lured(lab, "home", str(home))
    said = lab.run("restore", "HEAD~", "--force", rc=3).stderr
    assert "home/.bashrc is beyond a symbolic link here" in said and not list(home.iterdir())
    (home / ".bashrc").write_text("TOKEN = 'secret'\n")
    lab.result(1.0)
    for words in (["check"], ["check", "--json"], ["log", "--log", "run.log", "--allow-dirty"], ["show", "--json"]):
        assert "TOKEN" not in lab.run(*words, rc=None).output
    assert not any(run.change and "TOKEN" in run.change.knobs for run in lab.memory.runs)


@pytest.mark.parametrize("target", ["/dev/zero", "train.py", "/etc"])
def test_a_subject_that_is_no_file_is_not_waited_for(lab: Lab, target: str) -> None:
    lured(lab, "train.py", target)
    for words in (["check"], ["status"], ["log", "--status", "crash", "--error", "x"], ["brief"]):
        bounded(lab, *words)


def test_a_patch_is_what_git_itself_makes_of_the_code(lab: Lab, tmp_path: Path) -> None:
    """Whatever drivers the user has: a branch can choose among them, and what is recorded is for everybody."""
    lab.git("config", "diff.external", f"touch '{tmp_path}/owned'; echo")
    lab.git("config", "diff.lure.textconv", f"touch '{tmp_path}/owned'; echo")
    (lab.path / ".gitattributes").write_text("* diff=lure\n")
    lab.experiment("deeper", 1.2, knob="DEPTH", to=9)
    (run,) = lab.memory.runs
    assert "+DEPTH = 9" in lab.git("cat-file", "-p", run.artifacts["train.patch"].blob)
    assert not (tmp_path / "owned").exists()


def test_nobody_is_asked_for_a_password_whom_nobody_sees(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """A loop would wait for ever."""
    monkeypatch.delenv("GIT_TERMINAL_PROMPT")
    lab.git("init", "-q", "--bare", str(tmp_path / "hub"))
    lab.git("remote", "add", "origin", str(tmp_path / "hub"))
    lab.git("config", "remote.origin.uploadpack", f"env >'{tmp_path}/env'; git-upload-pack")
    lab.run("sync")
    assert "GIT_TERMINAL_PROMPT=0\n" in (tmp_path / "env").read_text()


def test_a_log_is_not_taken_or_written_through_such_a_link(lab: Lab, tmp_path: Path) -> None:
    victim = tmp_path / "secret"
    victim.write_text("val_bpb: 0.5\nsecret\n")
    (lab.path / "run.log").symlink_to(victim)
    lab.git("add", "-f", "run.log")
    lab.commit("a lure")
    os.utime(victim, (time.time() + 99, time.time() + 99))
    said = lab.run("log", rc=3)
    assert "secret" not in said.output
    lab.run("run", "--", "sh", "-c", "echo val_bpb: 1.0")
    assert victim.read_text() == "val_bpb: 0.5\nsecret\n"
    assert not lab.path.joinpath("run.log").is_symlink()


@pytest.mark.long
@pytest.mark.parametrize("target", ["/dev/zero", "/dev/full", "fifo", "."])
def test_a_view_that_is_a_device_or_a_pipe_is_not_waited_for(lab: Lab, tmp_path: Path, target: str) -> None:
    if target == "fifo":
        os.mkfifo(tmp_path / "fifo")
        target = str(tmp_path / "fifo")
    (lab.path / "results.tsv").unlink()
    (lab.path / "results.tsv").symlink_to(target)
    began = time.monotonic()
    lab.run("status")
    lab.run("init")
    assert time.monotonic() - began < 20
    assert (lab.path / "results.tsv").read_text().startswith("commit\t")


def forged(lab: Lab, text: str) -> str:
    """A commit with a line like that of a parent where git reads none, so that it lets it pass; its name."""
    head = f"tree {lab.git('rev-parse', 'HEAD^{tree}')}\nauthor x <x> 1 +0000\ncommitter x <x> 1 +0000\nparent {text}"
    return attacks.loose(lab.path / ".git", "commit", f"{head}\n\na lure\n".encode())


def test_a_parent_that_git_does_not_see_is_none(templates: Templates, tmp_path: Path) -> None:
    """Otherwise looking at the code of a commit writes any file, by `git diff --output=...`."""
    hub = Hub(templates, tmp_path / "hub")
    ann, mallory = hub.join("ann"), hub.join("mallory")
    lure = forged(mallory, f"--output={tmp_path}/owned")
    mallory.git("reset", "-q", "--hard", lure)
    mallory.run("log", "--status", "crash", "--error", "x")
    mallory.git("push", "-q", "origin", "HEAD:lure")
    mallory.run("sync")
    ann.run("sync")
    ann.git("fetch", "-q")
    ann.git("switch", "-q", "--detach", "origin/lure")
    for words in (["check"], ["diff", lure], ["show", "--diff", lure], ["blame", lure], ["status"], ["brief"]):
        ann.run(*words)
    assert ann.store.reader.resolve(lure).parents == ()
    assert not (tmp_path / "owned").exists()


def lures(folder: Path, owned: Path) -> None:
    """What git obeys in its own folder and in the user's home, as files of a working tree: who runs it makes a file."""
    script = folder / "hooks" / "post-checkout"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!/bin/sh\ntouch '{owned}'\n")
    script.chmod(0o755)
    for name in ("post-commit", "pre-commit", "post-index-change", "reference-transaction", "pre-push", "update"):
        (script.parent / name).symlink_to(script.name)
    of_core = ("fsmonitor", "hooksPath", "sshCommand", "pager", "editor", "askPass", "gitProxy", "alternateRefsCommand")
    config = "[core]\n" + "".join(f"\t{key} = '{script}'\n" for key in of_core if key != "hooksPath")
    config += f"\thooksPath = {script.parent}\n\tworktree = {folder}\n\tbare = false\n"
    config += f"[diff]\n\texternal = {script}\n"
    config += f"[gpg]\n\tprogram = {script}\n[commit]\n\tgpgSign = true\n[memorylab]\n\tsign = true\n"
    for driver in ("filter", "diff", "merge"):
        keys = ("clean", "smudge", "process", "textconv", "command", "driver")
        config += f'[{driver} "lure"]\n' + "".join(f"\t{key} = {script}\n" for key in keys)
    config += f'[remote "origin"]\n\turl = ext::{script}\n\tuploadpack = {script}\n\treceivepack = {script}\n'
    for name in (".gitconfig", "config", ".git-config/config", ".config/git/config"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(config)
    (folder / ".gitmodules").write_text(
        f'[submodule "inner"]\n\tpath = inner\n\turl = ext::{script}\n\tupdate = !{script}\n'
    )
    (folder / ".gitattributes").write_text("* filter=lure diff=lure merge=lure\n")
    # A bare repository is a folder with these, by which any folder below the working tree may be one.
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    for name in ("objects", "refs/heads"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x").touch()


@pytest.mark.long
def test_nothing_that_came_with_a_commit_is_run(templates: Templates, tmp_path: Path) -> None:
    hub = Hub(templates, tmp_path / "hub")
    ann, mallory = hub.join("ann"), hub.join("mallory")
    for name in (".", "inner.git"):
        lures(mallory.path / name, tmp_path / "owned")
    mallory.edit("MATRIX_LR", 0.05)
    mallory.git("add", "-Af", ".")
    mallory.experiment("raise matrix lr", 1.2)
    mallory.git("push", "-q", "origin", "HEAD:main")
    mallory.run("sync")
    ann.git("pull", "-q")
    ann.experiment("deeper", 1.1, knob="DEPTH", to=9)
    ann.edit("DEPTH", 10)
    for words in (
        ["init"], ["sync"], ["check"], ["status"], ["show", "HEAD~"], ["diff", "HEAD~"], ["diff", "HEAD~", "HEAD"],
        ["diff", "HEAD~", "--code-only"], ["blame"], ["restore", "HEAD~", "--force"], ["restore", "HEAD"], ["report"],
        ["stack", "HEAD", "--onto", "HEAD~~"], ["replicate", "HEAD", "--seeds", "1"], ["claim", "wider"], ["verify"],
        ["doctor", "--repair"], ["compact", "--days", "0"], ["history"], ["export"],
        ["log", "--status", "crash", "--error", "x"],
    ):  # fmt: skip
        done = ann.run(*words, rc=None)
        assert done.exit_code in (0, 1, 3, 10, 11), (words, done.output)
        assert not (tmp_path / "owned").exists(), words
    # They are lures: git does what one says that is named to it.
    ann.git("--git-dir=inner.git", "status", check=False)
    assert (tmp_path / "owned").exists()


ROOT = Path(memorylab.__file__).parent
_FORBIDDEN = {"pickle", "marshal", "shelve", "dill", "yaml"}
_NEVER = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "torch.load"}


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


SOURCES = sorted([*(path for path in ROOT.rglob("*.py") if "_templates" not in path.parts), ROOT.parent / "train.py"])


@pytest.mark.parametrize("path", SOURCES, ids=[path.name for path in SOURCES])
def test_nothing_is_unpickled_evaluated_or_given_to_a_shell(path: Path) -> None:
    source = ast.parse(path.read_text())
    for node in ast.walk(source):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {getattr(node, "module", None), *(alias.name for alias in node.names)}
            assert not names & _FORBIDDEN, path
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "os.system", "os.popen", "compile", "__import__"), (path, node.lineno)
            assert called not in ("torch.load", "pickle.loads", "yaml.load", "subprocess.getoutput"), (
                path,
                node.lineno,
            )
            assert not [word for word in node.keywords if word.arg == "shell"], (path, node.lineno)
            if called.endswith((".run", ".Popen")) and node.args and isinstance(node.args[0], ast.JoinedStr):
                raise AssertionError(f"{path}:{node.lineno}: a command line built of text")


def test_the_only_shells_run_what_the_user_has_set() -> None:
    """The pager, as git runs it, and the command of the subject."""
    found = [path.name for path in SOURCES for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.List) and ast.unparse(node).startswith("['sh', '-c'")]  # fmt: skip
    assert sorted(found) == ["console.py", "run.py"]


# -- bombs


LIMIT = 1 << 30  # bytes of address space, which git and Python need a part of


def bounded(lab: Lab, *words: str, seconds: float = 60.0) -> str:
    """What a command says that has so much memory and time, and no more."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))

    done = subprocess.run(
        [sys.executable, "-m", "memorylab", *words], cwd=lab.path, capture_output=True, text=True, timeout=seconds,
        preexec_fn=limit,
    )  # fmt: skip
    assert done.returncode in (0, 3) or (done.returncode, words[0]) == (1, "doctor"), done.stderr
    assert "bug:" not in done.stderr and not unsafe(done.stdout + done.stderr)
    return done.stdout + done.stderr


def entered(lab: Lab, kind: str, oid: str) -> None:
    """Have a ref of somebody's point to an object, as a fetch leaves it."""
    lab.git("update-ref", refs.fetched_as("origin", f"{kind}mallory"), oid)


@pytest.mark.long
def test_runs_at_the_end_of_a_long_history_cost_what_others_do(lab: Lab) -> None:
    """Each would otherwise be looked up in all of it."""
    lab.experiment("deeper", 1.2, knob="DEPTH", to=9)
    git_dir, tree = lab.path / ".git", lab.git("rev-parse", "HEAD^{tree}")
    chain = "".join(
        f"commit refs/heads/chain\nmark :{at}\ncommitter x <x> {at} +0000\ndata 1\nx\n"
        + (f"from :{at - 1}\n" if at > 1 else "")
        for at in range(1, 20_001)
    )
    subprocess.run(["git", "fast-import", "--quiet"], cwd=lab.path, input=chain.encode(), check=True)
    tip = lab.git("rev-parse", "chain")
    notes = []
    for number in range(100):
        commit = attacks.commit(git_dir, tree, f"{number}\n".encode(), (tip,))
        run = build(f"m{number}", 1.3, commit=commit, writer="mallory", seq=number + 1)
        notes.append(("100644", commit, attacks.loose(git_dir, "blob", encode(run) + b"\n")))
    ledger = attacks.tree(git_dir, sorted(notes, key=lambda entry: entry[1]))
    entered(lab, refs.LEDGER, attacks.commit(git_dir, ledger))
    assert "101 runs" in bounded(lab, "status", seconds=30)


@pytest.mark.long
def test_a_run_that_says_too_much_is_recorded(lab: Lab) -> None:
    """Its minutes are spent, and what it said last is its result."""
    flood = "head -c 1200000000 /dev/zero | tr '\\0' x; echo; echo val_bpb: 1.0"
    bounded(lab, "run", "--", "sh", "-c", f'{flood}; head -c 3000000 /dev/zero >"$AUTORESEARCH_SUMMARY_PATH"')
    (run,) = lab.memory.runs
    assert run.metrics["val_bpb"] == 1.0 and run.artifacts["run.log"].size < 2 << 20
    bounded(lab, "log", "--log", "run.log", "--description", "again")
    assert len(lab.memory.runs) == 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "bomb"),
    [
        (refs.LEDGER, "note"), (refs.LEDGER, "notes"), (refs.DECISIONS, "note"), (refs.LEDGER, "names"),
        (refs.LEDGER, "loop"), (refs.LEDGER, "archive"), (refs.JOURNAL, "names"), (refs.JOURNAL, "message"),
        (refs.JOURNAL, "commits"), (refs.LEDGER, "folders"), (refs.ARCHIVED_NOTES, "folders"),
    ],
)  # fmt: skip
def test_a_bomb_on_a_remote_costs_little_and_spoils_nothing(lab: Lab, kind: str, bomb: str) -> None:
    """Objects that git takes and no ledger is made of. What is sound is told as ever."""
    git_dir = lab.path / ".git"
    lab.experiment("raise matrix lr", 1.2, knob="MATRIX_LR", to=0.05)
    head = lab.git("rev-parse", "HEAD")
    small = attacks.loose(git_dir, "blob", b"x\n")
    if bomb in ("note", "notes"):
        # Many notes are read in another way than few.
        notes = [("100644", f"{at:0{len(head)}x}", small) for at in range(100 if bomb == "notes" else 0)]
        notes.append(("100644", head, attacks.zeros(git_dir, 1 << 30)))
        top = attacks.commit(git_dir, attacks.tree(git_dir, sorted(notes, key=lambda entry: entry[1])))
    elif bomb == "names":
        link = attacks.loose(git_dir, "blob", b"/tmp/escaped")
        entries = [
            ("100644", "..", small), ("120000", "record.json", link), ("40000", ".git", attacks.tree(git_dir, [])),
            ("160000", head, head), ("100644", "a\x1b[31m", small), ("120000", head[:-1] + "0", link),
        ]  # fmt: skip
        top = attacks.commit(git_dir, attacks.tree(git_dir, entries), parents=(head, head))
    elif bomb == "message":
        words = b"x" * (10 << 20) + b"\n\nSeq: " + b"9" * 10_000 + b"\nSeq: \xc2\xb2\n"
        top = attacks.commit(git_dir, attacks.tree(git_dir, []), words, (head, head))
    elif bomb == "loop":
        deep = attacks.tree(git_dir, [("100644", "record.json", small)])
        for _ in range(500):
            deep = attacks.tree(git_dir, [("40000", "ab", deep)])
        top = attacks.commit(git_dir, deep)
    elif bomb == "folders":
        # Sixteen folders in each of sixteen, eight deep: a few objects, and four thousand million paths.
        folder = attacks.tree(git_dir, [("100644", "aa", small)])
        for _ in range(8):
            folder = attacks.tree(git_dir, [("40000", f"{at:02x}", folder) for at in range(16)])
        top = attacks.commit(git_dir, folder)
    elif bomb == "commits":
        tree, top = attacks.tree(git_dir, []), head
        for number in range(300):
            top = attacks.commit(git_dir, tree, f"Seq: {number}\n".encode(), (top, head))
    else:
        top = attacks.commit(
            git_dir, attacks.tree(git_dir, [("40000", "journal", attacks.tree(git_dir, [("160000", "x", head)]))])
        )
    entered(lab, kind, top)
    for words in (
        ["status"],
        ["report"],
        ["history"],
        ["check", "--description", "deeper"],
        ["verify"],
        ["mute", "mallory"],
        ["mute"],
        ["doctor"],
    ):
        said = bounded(lab, *words, seconds=20)
        if words == ["history"]:
            assert "raise matrix lr" in said
    assert not Path("/tmp/escaped").exists()


def test_a_ledger_is_not_followed_into_folders_without_end(lab: Lab) -> None:
    """It has all its notes, and could be read by nobody."""
    lab.experiment("deeper", 1.2, knob="DEPTH", to=9)
    git_dir, ledger = lab.path / ".git", refs.LEDGER + (lab.store.writer() or "")
    (note,) = [line.split() for line in lab.git("ls-tree", ledger).splitlines()]
    folder = attacks.tree(git_dir, [("100644", "aa", attacks.loose(git_dir, "blob", b"x\n"))])
    for _ in range(8):
        folder = attacks.tree(git_dir, [("40000", f"{at:02x}", folder) for at in range(16)])
    top = attacks.tree(git_dir, sorted([("100644", note[3], note[2]), ("40000", "00", folder)], key=lambda one: one[1]))
    tip = lab.git("rev-parse", ledger)
    assert growth.is_cut(lab.store.reader, ledger, tip, attacks.commit(git_dir, top, parents=(tip,)))


# -- what anybody may push to the refs of somebody else


def pushed(hub: Hub, ref: str, tree: str, message: bytes = b"x\n", anchor: str = "") -> str:
    """Put a commit on top of a ref of the remote, as a push of anybody's does; it is a fast-forward."""
    parents = (hub.git("rev-parse", ref), *([anchor] if anchor else []))
    top = attacks.commit(hub.path, tree, message, parents)
    hub.git("update-ref", ref, top)
    return top


@pytest.mark.long
@pytest.mark.parametrize("how", ["without", "emptied", "edited"])
@pytest.mark.parametrize("fetch", ["sync", "git"])
def test_a_note_that_a_push_takes_away_is_kept_by_everybody(
    templates: Templates, tmp_path: Path, how: str, fetch: str
) -> None:  # fmt: skip
    """git takes the commit as any other: it is on top of the one before."""
    hub = Hub(templates, tmp_path / "hub")
    ann, bob = hub.join("ann"), hub.join("bob")
    first = ann.experiment("deeper", 1.0, knob="DEPTH", to=9)
    ann.experiment("wider", 0.9, knob="MATRIX_LR", to=0.05)
    for lab in (ann, bob):
        lab.run("sync")
    told = bob.run("export").stdout
    ledger = refs.LEDGER + (ann.store.writer() or "")
    notes = [line.split() for line in hub.git("ls-tree", ledger).splitlines()]
    left = [] if how == "emptied" else [("100644", name, oid) for _, _, oid, name in notes if name != first]
    if how == "edited":
        note = next(hub.git("cat-file", "-p", oid) for _, _, oid, name in notes if name == first)
        left.append(("100644", first, attacks.loose(hub.path, "blob", note.replace("1.0", "9.0").encode() + b"\n")))
    pushed(hub, ledger, attacks.tree(hub.path, sorted(left, key=lambda entry: entry[1])))
    if fetch == "git":
        bob.git("fetch", "-q")
        assert "had lost what was remembered, and was put back" in bob.run("status").stderr
    else:
        said = bob.run("sync")
        assert "was cut short there; refused, the copy here is whole" in said.stderr and "nothing new" in said.stdout
    assert bob.run("export").stdout == told
    bob.run("verify")
    # Its owner goes on under another name, and brings all of it back, also to who comes later.
    ann.run("sync")
    ann.experiment("longer", 0.8, knob="WARMDOWN_RATIO", to=0.6)
    ann.run("sync")
    late = hub.join("late")
    for lab in (ann, bob, late):
        lab.run("sync")
        assert {run.description for run in lab.memory.runs} == {"deeper", "wider", "longer"}
    assert {run.metrics["val_bpb"] for run in bob.memory.runs} == {1.0, 0.9, 0.8}


@pytest.mark.long
@pytest.mark.parametrize("entry", ["no number", "number far ahead", "no record", "no experiment", "another chain"])
def test_a_journal_that_somebody_else_went_on_with_stops_nobody(
    templates: Templates, tmp_path: Path, entry: str
) -> None:  # fmt: skip
    hub = Hub(templates, tmp_path / "hub")
    ann = hub.join("ann")
    ann.experiment("deeper", 1.0, knob="DEPTH", to=9)
    ann.run("sync")
    me = ann.store.writer() or ""
    journal, main = refs.JOURNAL + me, hub.git("rev-parse", "main")
    tree, empty = hub.git("rev-parse", f"{journal}^{{tree}}"), attacks.tree(hub.path, [])
    number = ann.store.reader.resolve(journal).message.split()[-1]
    following = f"x\n\nSeq: {int(number) + 1}\n".encode()
    if entry == "no number":
        pushed(hub, journal, tree, b"x\n", main)
    elif entry == "number far ahead":
        pushed(hub, journal, tree, b"x\n\nSeq: 9007199254740992\n", main)
    elif entry == "no record":
        pushed(hub, journal, empty, following, main)
    elif entry == "no experiment":
        pushed(hub, journal, tree, following)
    else:
        chain = (main, hub.git("rev-parse", journal))
        hub.git("update-ref", journal, attacks.commit(hub.path, tree, following, chain))
    assert "nothing was lost" in ann.run("sync").stderr
    for words in (["status"], ["check"], ["doctor", "--json"]):
        assert ann.run(*words, rc=None).exit_code in (0, 1)
    ann.experiment("wider", 0.9, knob="MATRIX_LR", to=0.05)
    assert "2 records went" in ann.run("sync").stdout
    assert "nothing new" in ann.run("sync").stdout
    assert ann.store.writer() != me
    bob = hub.join("bob")
    for lab in (ann, bob):
        assert {run.description for run in lab.memory.runs} == {"deeper", "wider"}
    # Who comes back under the name does not go on from it either.
    again = hub.join("again", init=False)
    again.run("init", "--writer", me)
    again.experiment("longer", 0.8, knob="WARMDOWN_RATIO", to=0.6)
    assert "went" in again.run("sync").stdout
