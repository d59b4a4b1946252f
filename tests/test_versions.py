"""Versions beside each other: what every earlier one wrote is read, what a later one wrote is left as it is."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memorylab.core.record import Run, Unreadable, decode, encode
from memorylab.core.versions import changed, of_newer
from tests import memory
from tests.conftest import FORM, Hub, Lab, Templates
from tests.fixtures.make import VERSIONS
from tests.test_forks import fork

FIXTURES = sorted(VERSIONS.glob("*.bundle"))
NIGHT = {
    "baseline": "keep",
    "go deeper": "keep",
    "raise the matrix learning rate": "discard",
    "go far too deep": "crash",
    "somebody's baseline": "keep",
    "somebody's depth 24 (OOM)": "crash",
}


def _lines(lab: Lab) -> set[tuple[str, str, bytes]]:
    return {(one.writer, one.anchor, one.line) for one in memory.entries(lab.store)}


# -- what earlier versions wrote


def test_the_fixtures_are_small_and_there() -> None:
    assert len(FIXTURES) >= 5
    assert all(path.stat().st_size < 60_000 for path in FIXTURES)


@pytest.fixture
def taken_up(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Lab, Lab]:
    """A remote with what a version has written, and a clone in which its writer goes on."""
    hub, lab = Lab(tmp_path / "hub"), Lab(tmp_path / "lab")
    hub.path.mkdir()
    hub.git("init", "-q", "--bare")
    hub.git("fetch", "-q", str(request.param), "refs/heads/*:refs/heads/*")
    hub.git(
        "fetch",
        "-q",
        str(request.param),
        "refs/notes/*:refs/notes/*",
        "refs/memorylab/journal/*:refs/memorylab/journal/*",
    )
    hub.git("clone", "-q", str(hub.path), str(lab.path))
    lab.run("init", "--writer", "one")
    return hub, lab


@pytest.mark.long
@pytest.mark.skipif(FORM.name != "sha1", reason="earlier versions wrote repositories by SHA-1 only")
@pytest.mark.parametrize("taken_up", FIXTURES, ids=lambda path: path.stem, indirect=True)
def test_what_an_earlier_version_wrote(taken_up: tuple[Lab, Lab], tmp_path: Path) -> None:
    hub, lab = taken_up
    before = _lines(lab)
    found = lab.memory
    assert not found.unreadable
    assert json.loads(lab.run("status", "--json").stdout)["unreadable"] == 0
    runs = {run.description: run for run in found.runs if run.description in NIGHT}
    assert {name: run.status for name, run in runs.items()} == NIGHT
    deeper = runs["go deeper"]
    assert (deeper.value("val_bpb"), deeper.family, deeper.notes) == (1.4, "depth", "better than hoped")
    assert deeper.change is not None and deeper.change.knobs["DEPTH"].new == "9"
    assert deeper.decision_packet is not None and deeper.decision_packet.comparison.is_new_champion
    assert [(one.old_commit, one.command) for one in found.rewrites] == [(deeper.commit, "amend")]
    assert any(plan.description.startswith("a longer warmdown") for plan in found.plans.values())

    # Views, and what is asked of it.
    assert "whole" in lab.run("verify").output
    assert len((lab.path / "results.tsv").read_text().splitlines()) == len(found.runs) + 1
    for asked in (("report",), ("history", "--graph"), ("show", deeper.run_id), ("knobs",), ("brief",), ("blame",)):
        lab.run(*asked)
    assert "DEPTH" in lab.run("diff", deeper.run_id).output
    assert (
        "repeat_failure"
        in lab.run("check", "--description", "raise the matrix learning rate", "--json", rc=None).stdout
    )

    # It goes on under the name that it had, and is passed on as it was.
    lab.experiment("go on", 1.2, knob="DEPTH", to=11)
    assert lab.memory.runs[-1].writer == deeper.writer
    lab.run("sync")
    assert len(lab.memory.runs) == len(found.runs) + 1
    other = Lab(tmp_path / "other")
    hub.git("clone", "-q", str(hub.path), str(other.path))
    other.run("init")
    assert _lines(other) >= before
    assert _lines(other) == _lines(lab)
    assert "problem" not in other.run("verify").output


# -- what later versions write


def _later(run: Run) -> dict[str, bytes]:
    """Lines of a version to come, as they may be: name -> line."""
    line, values = encode(run), json.loads(encode(run))

    def more(**said: Any) -> bytes:
        return changed(line, run_id=f"{run.run_id}-{len(found)}", **said)

    found: dict[str, bytes] = {}
    found["v"] = more(v=2)
    found["kind"] = more(kind="dream")
    found["status"] = more(status="paused")
    guard, packet = values["novelty_guard"], values["decision_packet"]
    found["classification"] = more(novelty_guard=guard | {"classification": "maybe"})
    found["next_action"] = more(decision_packet=packet | {"next_action": "celebrate"})
    found["fields"] = more(
        artifacts={},
        mood="good", change=values["change"] | {"files": {"b.py": 1}}, novelty_guard=guard | {"doubt": [1e300]},
        decision_packet=packet | {"poem": {"lines": ["ä\u202e"]}},
    )  # fmt: skip
    return found


READ = {"fields"}


def _add(lab: Lab, anchor: str, line: bytes, **files: bytes) -> bytes:
    """Add a line that this version would not write; as it stands in the ledger."""
    with lab.ledger.writing(datetime(2026, 11, 28, 12, tzinfo=UTC)) as transaction:
        line = changed(line, writer=transaction.writer, seq=transaction.next_sequence)
        blobs = {name: transaction.create_blob(content) for name, content in files.items()}
        transaction.add(anchor, line, blobs, "of a later version")
    return line


def test_lines_of_a_later_version_are_told_apart(lab: Lab) -> None:
    lab.experiment("deeper", 1.4, knob="DEPTH", to=9)
    (run,) = lab.memory.runs
    lines = _later(run)
    assert {name for name, line in lines.items() if not isinstance(decode(line), Unreadable)} == READ
    assert {name for name, line in lines.items() if of_newer(line)} == {"v", "kind"}
    assert of_newer(lines["v"]) == (run.writer, run.seq)
    assert of_newer(encode(run)) is None
    assert all(of_newer(line) is None for line in (b"", b"{}", b"[2]", b"\xff", b'{"v":"2","kind":"x","writer":"a"}'))
    assert changed(lines["fields"]) == lines["fields"]


@pytest.mark.long
def test_a_later_version_beside_this_one(templates: Templates, tmp_path: Path) -> None:
    """What it writes is kept, counted, told, and passed on to the byte; what can be read of it is."""
    hub = Hub(templates, tmp_path / "hub.git")
    newer, older = hub.join("newer"), hub.join("older")
    commit = newer.experiment("deeper", 1.4, knob="DEPTH", to=9)
    (run,) = newer.memory.runs
    lines = {name: _add(newer, commit, line) for name, line in _later(run).items()}
    newer.git("push", "-q", "origin", "HEAD:refs/heads/theirs")
    newer.run("sync")
    older.run("sync")
    assert {line for *_, line in _lines(older)} >= set(lines.values())
    assert _lines(older) == _lines(newer)
    assert len(older.memory.runs) == 2
    count = len(lines) - 1
    assert f"{count} records could not be read and were left alone" in older.run("status").output
    older.run("report")
    report = (older.path / "results" / "memorylab" / "reports" / "latest.md").read_text()
    assert f"{count} records could not be read and left alone; a newer version may read them." in report

    # Amended, it keeps what is not understood here.
    run_id = json.loads(lines["fields"])["run_id"]
    exported = tmp_path / "out.jsonl"
    older.run("amend", run_id, "--notes", "seen", "--tags", "a")
    older.run("export", "--format", "jsonl", str(exported), rc=None)
    view = (older.path / "results" / "memorylab" / "experiments.jsonl").read_text().splitlines()
    (shown,) = [one for one in map(json.loads, view) if one["run_id"] == run_id]
    assert shown == json.loads(lines["fields"]) | {"notes": "seen", "tags": ["a"]}

    # Folded, it is as it was; and what it wrote is no damage.
    before = {line for *_, line in _lines(older)}
    older.run("compact", "--days", "0", "--writer", run.writer)
    third = hub.join("third")
    third.run("sync")
    assert {line for *_, line in _lines(third)} >= before - {b""}
    problems = json.loads(third.run("verify", "--json", rc=None).stdout)
    said = [problem for one in problems for problem in one["problems"]]
    assert len(said) == 3  # a status and two enumerations of this version that are not of it
    assert all("cannot be read: Invalid enum value" in problem for problem in said)


@pytest.mark.long
def test_a_journal_with_files_and_refs_that_are_not_known(lab: Lab) -> None:
    commit = lab.experiment("deeper", 1.4, knob="DEPTH", to=9)
    (run,) = lab.memory.runs
    _add(lab, commit, changed(encode(run), kind="dream"), **{"dream.txt": b"x"})
    for ref in ("refs/memorylab/future/a", "refs/notes/memorylab/future/a", "refs/memorylab/remotes/x/future/a"):
        lab.git("update-ref", ref, commit)
    assert "1 record could not be read" in lab.run("status").output
    assert "whole" in lab.run("verify").output
    lab.experiment("deeper still", 1.3, knob="DEPTH", to=10)
    assert len(lab.memory.runs) == 2
    assert len(lab.git("for-each-ref", "refs/memorylab/future", "refs/notes/memorylab/future").splitlines()) == 2


@pytest.mark.long
def test_a_fork_keeps_fields_that_are_not_known(templates: Templates, tmp_path: Path) -> None:
    """Written anew under another name, a record has another writer and number, and all the rest."""
    hub = Hub(templates, tmp_path / "hub.git")
    one = hub.join("one")
    commit = one.experiment("deeper", 1.4, knob="DEPTH", to=9)
    (run,) = one.memory.runs
    one.run("sync")
    other = fork(one)
    one.experiment("deeper still", 1.3, knob="DEPTH", to=10)
    one.run("sync")
    line = _add(other, commit, _later(run)["fields"])
    other.run("sync")
    again = [json.loads(said) for *_, said in _lines(other) if b'"mood":"good"' in said]
    assert [found["writer"] == run.writer for found in again] == [False]
    assert again[0] | {"writer": run.writer, "seq": 0} == json.loads(line) | {"seq": 0}


def test_an_index_of_a_later_version_is_made_anew(lab: Lab) -> None:
    lab.experiment("deeper", 1.4, knob="DEPTH", to=9)
    said = lab.run("history", "--json").stdout
    with sqlite3.connect(lab.path / ".git" / "memorylab" / "index.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
        database.execute("CREATE TABLE dreams (number INTEGER)")
        database.execute("ALTER TABLE places ADD COLUMN mood TEXT")
    database.close()
    assert lab.run("history", "--json").stdout == said


def test_a_setting_of_a_later_version_says_so(lab: Lab) -> None:
    (lab.path / ".memorylab.toml").write_text('mood = "good"\n')
    refused = lab.run("status", rc=3).stderr
    assert "`mood`" in refused
    assert "Correct it in .memorylab.toml, or update: a newer version may know it." in refused
    (lab.path / ".memorylab.toml").write_text('mode = "good"\n')
    assert "update" not in lab.run("status", rc=3).stderr


def test_hooks_of_a_later_version(lab: Lab) -> None:
    """Their settings may have further lines, and they may ask for what is not there: no commit fails."""
    settings = lab.path / ".git" / "memorylab" / "hooks" / "settings"
    settings.write_text(f"{settings.read_text()}a third line\n")
    hook = lab.path / ".git" / "memorylab" / "hooks" / "post-commit"
    hook.write_text(hook.read_text().replace('"$program" hook post-commit', '"$program" hook post-commit --mood good'))
    lab.edit("DEPTH", 9)
    lab.git("commit", "-qam", "deeper")
    assert not lab.memory.plans
    lab.run("init")
    lab.edit("DEPTH", 10)
    lab.git("commit", "-qam", "deeper still")
    assert len(lab.memory.plans) == 1
