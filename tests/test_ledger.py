"""The union of all writers' records: the same in every clone, whatever was fetched."""

import json
from pathlib import Path

import msgspec
import pytest

from memorylab.commands.session import Session
from memorylab.core.record import Run, encode
from memorylab.errors import BadInput, NotFound
from memorylab.store import refs
from tests.conftest import Hub, Lab, Templates


class Pair:
    """Two clones of one bare remote, which share their memory by plain git alone."""

    def __init__(self, one: Lab, two: Lab, remote: Lab) -> None:
        self.one, self.two, self.remote = one, two, remote

    def share(self) -> None:
        for lab in (self.one, self.two):
            lab.git("push", "-q", "origin", "refs/notes/memorylab/*", "refs/memorylab/journal/*")
        for lab in (self.one, self.two):
            lab.git("fetch", "-q", "origin")
            lab.run("status")


@pytest.fixture
def pair(templates: Templates, tmp_path: Path) -> Pair:
    remote = Hub(templates, tmp_path / "remote.git")
    return Pair(remote.join("one"), remote.join("two"), remote)


def view(lab: Lab) -> bytes:
    return (lab.path / "results" / "memorylab" / "experiments.jsonl").read_bytes()


def write_note(lab: Lab, writer: str, *lines: bytes, commit: str = "HEAD") -> None:
    """What somebody else, or a newer version, may have written into a ledger."""
    (lab.path / "note").write_bytes(b"".join(line + b"\n" for line in lines))
    lab.git("notes", f"--ref=memorylab/ledger/{writer}", "append", "-F", "note", commit)
    (lab.path / "note").unlink()


def test_two_clones_with_the_same_ledger_hold_the_same_bytes(pair: Pair) -> None:
    pair.one.experiment("shallower", 0.99, knob="DEPTH", to=6)
    pair.two.experiment("deeper", 1.2, knob="DEPTH", to=12)
    pair.two.experiment("wider", 0.98, knob="MATRIX_LR", to=0.05)
    pair.share()
    pair.one.run("amend", pair.two.memory.runs[-1].run_id, "--status", "discard", "--notes", "a fluke")
    pair.share()
    assert view(pair.one) == view(pair.two)
    shown = [json.loads(line) for line in view(pair.one).splitlines()]
    assert sorted(line["description"] for line in shown) == ["deeper", "shallower", "wider"]
    assert {line["description"]: line["status"] for line in shown}["wider"] == "discard"
    for name in ("results.tsv", "results/memorylab/champion_challenger.json", "results/memorylab/reports/latest.md"):
        assert (pair.one.path / name).read_bytes() == (pair.two.path / name).read_bytes()
    for folder in (pair.one.path / "results" / "memorylab" / "runs").iterdir():
        for file in folder.iterdir():
            there = pair.two.path / file.relative_to(pair.one.path)
            assert file.read_bytes() == there.read_bytes()


def test_git_log_shows_the_packets_of_both_writers(pair: Pair) -> None:
    for lab, value in ((pair.one, 1.0), (pair.two, 0.9)):
        lab.result(value)
        lab.run("log", "--log", "run.log", "--description", f"baseline of {lab.path.name}", "--status", "keep")
    pair.share()
    for lab in (pair.one, pair.two):
        shown = lab.git("log", "-1")
        assert "baseline of one" in shown and "baseline of two" in shown
        assert "memorylab" not in lab.git("log", "-1", "--format=%d", "--decorate", "--all").replace("[", "")


def test_the_code_of_others_comes_with_their_journal(pair: Pair) -> None:
    commit = pair.two.experiment("deeper", 1.2, knob="DEPTH", to=12)
    pair.two.git("reset", "-q", "--hard", "HEAD~1")
    pair.share()
    pair.one.git("gc", "-q", "--prune=now")
    pair.one.run("restore", commit)
    assert "DEPTH = 12" in (pair.one.path / "train.py").read_text()


def test_a_ledger_that_was_rewritten_on_the_remote_is_refused(pair: Pair) -> None:
    pair.two.experiment("deeper", 1.2, knob="DEPTH", to=12)
    pair.share()
    before = view(pair.one)
    name = f"{refs.LEDGER}{pair.two.store.writer()}"
    pair.remote.git("update-ref", "-d", name)
    pair.one.git("fetch", "-q", "origin")
    pair.one.run("status")
    assert view(pair.one) == before
    pair.remote.git("notes", f"--ref={name}", "add", "-m", "{}", pair.remote.git("rev-parse", "main"))
    pair.one.git("fetch", "-q", "origin", check=False)
    pair.one.run("status")
    assert view(pair.one) == before


@pytest.mark.parametrize(
    "damaged",
    [b"{", b'{"v":2,"kind":"run","later":true}', b'{"v":1,"kind":"claim"}', b"\xff\xfe", b"null"],
)
def test_lines_that_cannot_be_read_are_kept_counted_and_said(lab: Lab, damaged: bytes) -> None:
    commit = lab.experiment("baseline", 1.0)
    writer = lab.store.writer()
    write_note(lab, str(writer), damaged, b"", b"   ", commit=commit)
    lab.run("log", "--log", "run.log", "--description", "after")
    lines = lab.git("notes", f"--ref=memorylab/ledger/{writer}", "show", commit).splitlines()
    assert damaged.decode("utf-8", "replace") in lines
    assert [run.description for run in lab.memory.runs] == ["baseline", "after"]
    assert len(lab.memory.unreadable) == 1
    assert "1 record" in lab.run("status").output and "could not be read" in lab.run("status").output
    assert json.loads(lab.run("status", "--json").output)["unreadable"] == 1
    lab.run("report")
    report = (lab.path / "results" / "memorylab" / "reports" / "latest.md").read_text()
    assert "1 record" in report and "could not be read" in report


def test_a_record_that_claims_another_writer_is_not_believed(lab: Lab) -> None:
    commit = lab.experiment("baseline", 1.0)
    forged = msgspec.structs.replace(lab.memory.runs[0], run_id="forged-1", metrics={"val_bpb": 0.1})
    write_note(lab, "mallory", encode(forged), commit=commit)
    assert [run.run_id for run in lab.memory.runs] == [lab.memory.runs[0].run_id]
    assert "by" in lab.memory.unreadable[0][1].reason and lab.memory.unreadable[0][0] == "mallory"
    write_note(lab, "mallory", encode(msgspec.structs.replace(forged, writer="mallory")), commit=commit)
    assert len(lab.memory.runs) == 2


@pytest.mark.parametrize("value", [0.1, 5.0])
def test_a_conflict_about_one_id_is_settled_alike_everywhere(pair: Pair, value: float) -> None:
    commit = pair.one.experiment("mine", 1.0, knob="DEPTH", to=9)
    stolen = msgspec.structs.replace(pair.one.memory.runs[0], writer="zz", metrics={"val_bpb": value}, seq=7)
    pair.two.git("fetch", "-q", str(pair.one.path), commit)
    write_note(pair.two, "zz", encode(stolen), commit=commit)
    pair.share()
    for lab in (pair.one, pair.two):
        assert len(lab.memory.runs) == 1 and len(lab.memory.unreadable) == 1
    assert view(pair.one) == view(pair.two)
    assert pair.one.memory.runs == pair.two.memory.runs


@pytest.mark.long
def test_the_same_ledger_from_two_remotes_counts_once(pair: Pair) -> None:
    pair.one.experiment("mine", 1.0, knob="DEPTH", to=9)
    pair.share()
    pair.two.git("remote", "add", "second", str(pair.remote.path))
    pair.two.run("init")
    pair.two.git("fetch", "-q", "second")
    assert (
        len(
            [
                ref
                for ref in pair.two.store.tips()
                if refs.kind_of(refs.local_name(ref)) == ("ledger", pair.one.store.writer())
            ]
        )
        == 2
    )
    assert len(pair.two.memory.runs) == 1 and not pair.two.memory.unreadable


def test_what_git_merged_is_still_read(lab: Lab) -> None:
    """`git notes merge -s cat_sort_uniq` sorts the lines, and may leave blank ones."""
    commit = lab.experiment("baseline", 1.0)
    writer = lab.store.writer()
    ref = f"memorylab/ledger/{writer}"
    lab.git("update-ref", "refs/notes/before", f"refs/notes/{ref}")
    lab.run("log", "--log", "run.log", "--description", "ours")
    lab.git("notes", "--ref=before", "append", "-m", '{"v":9}\n\n\n{"v":8}', commit)
    lab.git("notes", f"--ref={ref}", "merge", "-q", "-s", "cat_sort_uniq", "refs/notes/before")
    assert {run.description for run in lab.memory.runs} == {"baseline", "ours"}
    assert len(lab.memory.unreadable) == 2
    lab.run("log", "--log", "run.log", "--description", "after")
    assert [run.seq for run in lab.memory.runs] == sorted(run.seq for run in lab.memory.runs)
    assert len(lab.memory.runs) == 3


def test_amendments_apply_in_order_and_leave_the_record_alone(lab: Lab) -> None:
    lab.experiment("baseline", 1.0)
    run = lab.memory.runs[0]
    lab.run("amend", run.run_id, "--description", "first", "--tags", "a")
    lab.run("amend", run.run_id, "--description", "second")
    amended = lab.memory.runs[0]
    assert (amended.description, amended.tags, amended.metrics) == ("second", ["a"], run.metrics)
    notes = lab.git("notes", f"--ref=memorylab/ledger/{run.writer}", "show", run.commit)
    assert '"description":"baseline"' in notes
    assert json.loads(lab.memory.lines[run.run_id])["description"] == "second"


def test_runs_are_found_by_id_part_and_commit(lab: Lab) -> None:
    first = lab.experiment("one", 1.0)
    lab.run("log", "--log", "run.log", "--description", "two")
    one, two = lab.memory.runs
    find = Session(lab.path).recall.find
    assert find(one.run_id) == one
    assert find(two.run_id[-8:]) == two
    assert find(first) == find(first[:7]) == two  # the latest run on it
    for name in ("", "zz", "2026", one.run_id + "x", "nothing"):
        with pytest.raises(NotFound):
            find(name)


def test_what_cannot_be_a_record_is_refused_and_nothing_is_written(lab: Lab) -> None:
    lab.experiment("baseline", 1.0)
    before = lab.store.tips()
    draft: Run = msgspec.structs.replace(lab.memory.runs[0], metrics={"x": float("nan")})
    with pytest.raises(BadInput, match="finite"):
        lab.ledger.append(_now(), [(draft.commit, draft)])
    assert lab.store.tips() == before


def _now():  # type: ignore[no-untyped-def]
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC)
