"""kill -9 at every step of `log`: what was acknowledged is there, nothing is half there, the next command repairs."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from memorylab.store import refs
from tests.conftest import Lab
from tests.test_concurrency import journal, noted

pytestmark = pytest.mark.long  # for their length alone

# The calls into C by which `log` changes anything on disk: git objects, refs, files.
STEPS = frozenset((
    "create_blob", "create_commit", "write", "git_transaction_lock_ref", "git_transaction_commit", "replace", "rename",
    "rmdir", "unlink",
))  # fmt: skip
# Where they are called from; what git and the standard library do elsewhere changes nothing here.
CALLERS = ("memorylab", "pygit2", "pathlib", "shutil", "tempfile")


class Killer:
    """Counts the steps of this process, and kills it at the one that is due, before it is taken."""

    def __init__(self, due: int) -> None:
        self.due, self.taken = due, 0

    def __call__(self, frame: FrameType, event: str, function: object) -> None:
        if event != "c_call" or getattr(function, "__name__", "") not in STEPS:
            return
        if isinstance(getattr(function, "__self__", None), str) or not any(
            part in frame.f_code.co_filename for part in CALLERS
        ):
            return
        self.taken += 1
        if self.taken == self.due:
            os.kill(os.getpid(), signal.SIGKILL)


def log_and_die(lab: Lab, due: int, *arguments: str) -> bool:
    """Run `log` in a child that is killed at its step `due`; whether it got to the end before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.chdir(lab.path)
            from memorylab.cli import cli

            sys.setprofile(Killer(due))
            cli(list(arguments), prog_name="git memorylab", standalone_mode=False)
            code = 0
        finally:
            sys.setprofile(None)
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


def assert_whole(lab: Lab, acknowledged: set[str]) -> None:
    """Journal and notes hold the same records, each once, and the views show the runs among them."""
    writer = lab.store.writer()
    assert writer is not None
    entries = journal(lab, writer)
    assert [record["seq"] for record, _ in entries] == list(range(1, len(entries) + 1))
    ids = [record.get("run_id") or record["id"] for record, _ in entries]
    assert len(ids) == len(set(ids)) and acknowledged <= set(ids)
    assert sorted(map(str, noted(lab, writer))) == sorted(str(record) for record, _ in entries)
    runs = [record for record, _ in entries if record["kind"] == "run"]
    # One packet for each, on its commit, in the writer's decisions and in what `git log` shows.
    for ref in (refs.DECISIONS + writer, refs.DISPLAY):
        packets = {oid: content or b"" for oid, content in lab.store.notes(lab.git("rev-parse", ref)) or ()}
        for record in runs:
            assert packets[record["commit"]].count(f"- Run: `{record['run_id']}`, ".encode()) == 1
    folder = lab.path / "results" / "memorylab"
    shown = [json.loads(line) for line in (folder / "experiments.jsonl").read_text().splitlines()]
    assert sorted(map(str, shown)) == sorted(map(str, runs))
    folders = {path.name for path in (folder / "runs").iterdir()}
    assert folders >= {record["run_id"] for record in runs} and not [name for name in folders if name.startswith(".")]
    for record in runs:
        there = {path.name for path in (folder / "runs" / record["run_id"]).iterdir()}
        assert there == {"record.json", *record["artifacts"]}
    assert len((lab.path / "results.tsv").read_text().splitlines()) == 1 + len(runs)
    assert json.loads((folder / "champion_challenger.json").read_text())["num_experiments"] == len(runs)


def assert_never_half(lab: Lab) -> None:
    """What a reader finds right after the kill: files that parse, folders that are whole."""
    folder = lab.path / "results" / "memorylab"
    for line in (folder / "experiments.jsonl").read_text().splitlines():
        json.loads(line)
    json.loads((folder / "champion_challenger.json").read_text())
    for path in (folder / "runs").iterdir():
        if not path.name.startswith("."):
            record = json.loads((path / "record.json").read_text())
            assert {file.name for file in path.iterdir()} == {"record.json", *record["artifacts"]}
    assert (lab.path / "results.tsv").read_text().endswith("\n")


def logged(lab: Lab, description: str) -> str:
    return json.loads(lab.run("log", "--log", "run.log", "--description", description, "--json").stdout)["run_id"]


@pytest.mark.long
def test_log_killed_at_every_step(make_lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody else is here: the second's patience with each lock that a kill left behind would be spent in vain.
    monkeypatch.setattr("memorylab.store.swap.time.sleep", lambda seconds: None)
    lab = make_lab()
    lab.experiment("baseline", 1.0)
    lab.edit("DEPTH", 9)
    lab.commit("depth 9")
    lab.result(0.99)
    lab.run("status")
    before, tips = {run.run_id for run in lab.memory.runs}, lab.store.tips()
    due, done, survived = 0, False, []
    while not done:
        due += 1
        done = log_and_die(lab, due, "log", "--log", "run.log", "--description", "dies", "--report")
        assert_never_half(lab)
        # The next command is the same one, as a script would have it.
        acknowledged = before | {logged(lab, "lives")}
        assert_whole(lab, acknowledged)
        survived.append(len({run.run_id for run in lab.memory.runs} - acknowledged))
        for ref, tip in tips.items():  # a history that grows makes every round slower than the one before
            lab.git("update-ref", ref, tip)
        (lab.store.state / "seen.json").unlink()
    assert due > 30
    # From the step that moved the journal on, the run that was killed is remembered; before it, it never was.
    assert survived == sorted(survived) and set(survived) == {0, 1}
    assert survived.index(1) < len(survived) - 5
    lab.git("fsck", "--no-dangling")


@pytest.mark.parametrize("kind", ["journal/{}", "notes/ledger/{}", "notes/decisions/{}", "display"])
def test_a_lock_that_was_left_behind_does_not_block(lab: Lab, kind: str) -> None:
    lab.experiment("baseline", 1.0)
    writer = lab.store.writer()
    assert writer is not None
    name = {
        "journal/{}": refs.JOURNAL + writer, "notes/ledger/{}": refs.LEDGER + writer,
        "notes/decisions/{}": refs.DECISIONS + writer, "display": refs.DISPLAY,
    }[kind]  # fmt: skip
    lock = lab.path / ".git" / f"{name}.lock"
    lock.write_text("")
    run = logged(lab, "again")
    assert not lock.exists()
    assert_whole(lab, {run})


def test_a_reader_does_not_mind_a_lock(lab: Lab) -> None:
    lab.experiment("baseline", 1.0)
    lock = lab.path / ".git" / f"{refs.LEDGER}{lab.store.writer()}.lock"
    lock.write_text("")
    assert "1 run" in lab.run("status").output
    assert lock.exists()


def test_a_journal_entry_without_its_note_is_completed_by_any_writer(lab: Lab) -> None:
    """Several of them: a transaction with many records (an import) that was killed behind the journal."""
    writer = lab.store.writer()
    lab.experiment("baseline", 1.0)
    ledger, decisions = f"{refs.LEDGER}{writer}", f"{refs.DECISIONS}{writer}"
    then = lab.git("rev-parse", ledger), lab.git("rev-parse", decisions)
    seen = (lab.store.state / "seen.json").read_bytes()
    for n in range(3):
        lab.experiment(f"idea {n}", 1.0 - n / 10, knob="DEPTH", to=n)
    lab.git("update-ref", ledger, then[0])
    lab.git("update-ref", decisions, then[1])
    # The killed one did not come to note where they were; with that they would only be put back.
    (lab.store.state / "seen.json").write_bytes(seen)
    assert len(lab.memory.runs) == 1
    lab.run("amend", lab.memory.runs[0].run_id, "--notes", "seen")
    assert len(lab.memory.runs) == 4
    lab.run("status")
    entries = journal(lab, str(writer))
    assert [record["seq"] for record, _ in entries] == list(range(1, len(entries) + 1))
    assert sorted(map(str, noted(lab, str(writer)))) == sorted(str(record) for record, _ in entries)
    for run in lab.memory.runs:
        assert lab.git("notes", f"--ref={decisions}", "show", run.commit).count(run.run_id) >= 1


def test_what_a_kill_left_in_the_folders_is_cleared_away(lab: Lab) -> None:
    lab.experiment("baseline", 1.0)
    runs = lab.path / "results" / "memorylab" / "runs"
    left = runs / f".{lab.memory.runs[0].run_id}.4711"
    left.mkdir()
    (left / "record.json").write_text("{")
    (runs / lab.memory.runs[0].run_id / "record.json").unlink()
    lab.experiment("again", 0.9)
    assert {path.name for path in runs.iterdir()} == {run.run_id for run in lab.memory.runs}
    assert (runs / lab.memory.runs[0].run_id / "record.json").exists()


def test_the_objects_of_a_killed_log_are_no_error(lab: Lab) -> None:
    lab.experiment("baseline", 1.0)
    with pytest.raises(RuntimeError), lab.ledger.writing(_now(lab)) as transaction:
        transaction.add(lab.git("rev-parse", "HEAD"), b"{}", {}, "never")
        raise RuntimeError
    assert len(lab.memory.runs) == 1
    lab.git("fsck", "--no-dangling")


def _now(lab: Lab):  # type: ignore[no-untyped-def]
    from memorylab.commands.session import Session

    return Session(Path(lab.path)).now


def test_a_command_that_reads_completes_what_a_kill_left(lab: Lab) -> None:
    """Only the next writer did, and until then the views lacked the run."""
    lab.experiment("one", 1.0, knob="DEPTH", to=9)
    writer = lab.store.writer()
    before = {kind: lab.git("rev-parse", f"refs/notes/memorylab/{kind}/{writer}") for kind in ("ledger", "decisions")}
    seen = (lab.store.state / "seen.json").read_bytes()
    lab.experiment("two", 0.9, knob="DEPTH", to=10)
    (lab.store.state / "seen.json").write_bytes(seen)
    for kind, oid in before.items():
        lab.git("update-ref", f"refs/notes/memorylab/{kind}/{writer}", oid)
    assert len(lab.memory.runs) == 1
    lab.run("status")
    assert [run.description for run in lab.memory.runs] == ["one", "two"]
    assert len((lab.path / "results.tsv").read_text().splitlines()) == 3
