"""Clones that leave something out: blobs, history, branches, artifacts. None loses or invents a record by it."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from memorylab.store import git, reader, refs
from memorylab.store.reader import Reader
from tests.conftest import FORM, Hub, Lab, Templates, is_refusal

pytestmark = pytest.mark.long  # for their length alone

KNOBS = ("DEPTH", "MATRIX_LR", "WARMDOWN_RATIO")
BLOBLESS = ("--filter=blob:none",)
SHALLOW = ("--depth=1",)


class Team:
    """A remote with what two writers have shared there: kept runs on main, discarded ones on no branch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bare, self.alice, self.bob = (Lab(folder / name) for name in ("remote.git", "alice", "bob"))
        self.url = f"file://{self.bare.path}"

    def make(self, templates: Templates) -> None:
        remote = Hub(templates, self.bare.path)
        for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
            remote.git("config", key, "true")
        for lab in (self.alice, self.bob):
            self.clone(lab.path.name)
            lab.run("init", "--writer", lab.path.name)
            lab.git("config", "core.hooksPath", "/dev/null")

    def clone(self, name: str, *options: str) -> Lab:
        """A new clone, as a user makes it."""
        self.bare.git("clone", "-q", "--no-local", *options, self.url, str(self.folder / name))
        return Lab(self.folder / name)

    def run(self, lab: Lab, depth: int, keep: bool = False) -> str:
        """Log a run, and share it; one that is not kept is on no branch then."""
        status = "keep" if keep else "discard"
        commit = lab.experiment(f"depth {depth}", 2 - depth / 100, "--status", status, knob="DEPTH", to=depth)
        if keep:
            lab.git("push", "-q", "origin", "HEAD:main")
        else:
            lab.git("reset", "-q", "--hard", "HEAD~1")
        lab.run("sync")
        return commit

    def offline(self) -> None:
        """Nobody reaches the remote from now on, until `online`."""
        self.bare.path.rename(self.folder / "away.git")

    def online(self) -> None:
        (self.folder / "away.git").rename(self.bare.path)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pauses before a new attempt."""
    monkeypatch.setattr("memorylab.store.transport.time", SimpleNamespace(sleep=lambda seconds: None, time=time.time))


@pytest.fixture
def team(tmp_path: Path, templates: Templates) -> Team:
    templates.copy("team", lambda folder: Team(folder).make(templates), tmp_path)
    return Team(tmp_path)


@pytest.fixture
def fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The fetches that git was started for, by us or by itself, since the last call."""
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))
    read = 0

    def since() -> list[str]:
        nonlocal read
        lines = trace.read_text().splitlines() if trace.exists() else []
        events, read = [json.loads(line) for line in lines[read:]], len(lines)
        started = [event["argv"] for event in events if event["event"] == "start"]
        return [" ".join(argv) for argv in started if {"fetch", "fetch-pack"} & set(argv)]

    return since


def objects(lab: Lab) -> set[str]:
    """Every object that is here, without fetching any."""
    return set(lab.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split())


def artifacts(lab: Lab) -> dict[str, set[str]]:
    """run -> blobs of what only the journal holds of it. The packet is a note too."""
    return {
        run.description: {one.blob for name, one in run.artifacts.items() if name != "decision_packet.md"}
        for run in lab.memory.runs
    }


def process(lab: Lab, *arguments: str, rc: int = 0) -> str:
    """Run git-memorylab as a process: git writes to its output itself."""
    done = subprocess.run([sys.executable, "-m", "memorylab", *arguments], cwd=lab.path, capture_output=True, text=True)
    assert done.returncode == rc, done.stderr
    return done.stdout + done.stderr


def change(shown: str) -> list[str]:
    """The lines of a diff that say what has changed."""
    return [line for line in shown.splitlines() if line[:1] in "+-" and line[1:].startswith(KNOBS)]


def assert_whole(lab: Lab) -> None:
    lab.run("verify")
    lab.git("fsck", "--no-dangling")


def forget(lab: Lab) -> None:
    """Do everything that makes git forget what no ref holds."""
    lab.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    lab.git("gc", "-q", "--prune=now")


# -- blob:none


def test_a_blobless_clone_gets_all_notes_at_once_and_no_artifact(team: Team, fetches: Callable[[], list[str]]) -> None:
    for depth in range(10, 14):
        team.run(team.alice, depth)
        team.run(team.bob, depth + 10)
    # What is noted on a commit with two records is in no journal as it is.
    for writer, first in ((team.alice, 10), (team.bob, 20)):
        writer.run(
            "amend",
            next(run.run_id for run in writer.memory.runs if run.description == f"depth {first}"),
            "--notes",
            "seen again",
        )
        writer.run("sync")
    whole = team.clone("whole")
    whole.run("init")
    lab = team.clone("lab", *BLOBLESS)
    fetches()
    lab.run("init")
    # The refs, what `git log` shows, the ledgers.
    assert len(fetches()) == 3
    assert lab.memory == whole.memory
    said = ([line for line in one.run("status").stdout.splitlines() if line[:7] != "writer "] for one in (lab, whole))
    assert next(said) == next(said)
    for command in (["report"], ["show", lab.memory.runs[0].run_id], ["sync"]):
        lab.run(*command)
    assert fetches() == []
    kept = set.union(*artifacts(lab).values())
    assert len(kept) > 8 and not kept & objects(lab)
    views = {path.name for path in (lab.path / "results" / "memorylab" / "runs").glob("*/*")}
    assert views == {"record.json", "decision_packet.md"}
    # What an idea is compared with: the subject as it was before the first run.
    idea = ("check", "--description", "DEPTH 8 -> 11", "--json")
    assert json.loads(lab.run(*idea).stdout) == json.loads(whole.run(*idea).stdout)
    assert len(fetches()) <= 1
    # One for the records of each journal.
    assert lab.run("verify").stdout.count("5 records, whole\n") == 2
    assert len(fetches()) == 2
    assert not kept & objects(lab)


def test_git_log_in_a_blobless_clone_shows_the_packets_and_fetches_none(
    team: Team, fetches: Callable[[], list[str]]
) -> None:
    """The packets were left out, and remembered as shown: `git log` had none, or got each by a fetch of its own."""
    for writers in (1, 2):
        lab = (team.alice, team.bob)[writers - 1]
        lab.git("pull", "-q", "--rebase", "origin", "main")
        team.run(lab, 10 + writers, keep=True)
        clone = team.clone(f"clone{writers}", *BLOBLESS)
        clone.run("init")
        fetches()
        shown = clone.git("log", "-3")
        assert shown.count("# Decision packet") == writers
        assert fetches() == []


def test_one_experiment_in_a_blobless_clone_is_what_it_is_in_a_whole_one(team: Team) -> None:
    """The parent's subject was left out: it was taken for a crash of ours, or for a subject that was not there yet."""
    team.run(team.alice, 10, keep=True)
    commit = team.run(team.alice, 12, keep=True)
    lab = team.clone("lab", *BLOBLESS)
    lab.run("init")
    lab.edit("MATRIX_LR", 0.05)
    lab.commit("on top")
    lab.git("checkout", "-q", "HEAD~1")
    lab.result(1.5)
    lab.run("log", "--commit", commit, "--log", "run.log")
    again = lab.memory.runs[-1]
    first = next(run for run in lab.memory.runs if run.commit == commit)
    assert again.run_id != first.run_id
    assert again.change == first.change and again.change
    assert again.parent_commit == first.parent_commit
    patch = "train.patch"
    assert lab.store.blob(again.artifacts[patch].blob) == team.alice.store.blob(first.artifacts[patch].blob)
    lab.run("sync")
    assert_whole(lab)


def test_nobody_is_asked_for_a_password_for_what_was_left_out(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop would wait for ever."""
    monkeypatch.delenv("GIT_TERMINAL_PROMPT")
    team.run(team.alice, 10, keep=True)
    team.run(team.alice, 12, keep=True)
    lab = team.clone("lab", *BLOBLESS)
    lab.git("config", "remote.origin.uploadpack", f"env >>'{team.folder}/env'; git-upload-pack")
    place = git.locate(lab.path)
    assert Reader(place).file_at("HEAD~1", "train.py") is not None
    missing = [lab.git("rev-parse", f"HEAD~{back}:train.py") for back in (1, 2)]
    assert all(content is not None for content in reader.contents(place, missing))
    asked = (team.folder / "env").read_text()
    assert asked.count("GIT_TERMINAL_PROMPT=0\n") == asked.count("\nPWD=") == 2


def test_nothing_is_recorded_of_a_subject_that_cannot_be_fetched(team: Team) -> None:
    """Offline in a blobless clone, a run was recorded as one that does not touch the subject."""
    team.run(team.alice, 10, keep=True)
    commit = team.run(team.alice, 12, keep=True)
    team.run(team.alice, 14, keep=True)
    lab = team.clone("lab", *BLOBLESS)
    lab.run("init")
    before = lab.memory
    lab.result(1.5)
    team.offline()
    said = lab.run("log", "--commit", commit, "--log", "run.log", rc=3).stderr
    assert said.startswith(
        f"error: train.py of {commit[:7]} is not in this partial clone, and its remote was not reached"
    )
    assert lab.memory == before
    team.online()
    lab.run("log", "--commit", commit, "--log", "run.log")
    assert lab.memory.runs[-1].change == next(run.change for run in before.runs if run.commit == commit)


@pytest.mark.long
@pytest.mark.parametrize("command", ["diff", "show", "restore", "branch"])
def test_a_discarded_run_comes_out_of_a_blobless_clone(team: Team, command: str) -> None:
    """`restore` took what libgit2 had not read yet for the file."""
    commit = team.run(team.bob, 12)
    lab = team.clone("lab", *BLOBLESS)
    lab.run("init")
    name = commit[:10]
    if command == "diff":
        assert change(process(lab, "diff", name)) == ["-DEPTH = 8", "+DEPTH = 12"]
    elif command == "show":
        assert change(lab.run("show", name, "--diff").stdout) == ["-DEPTH = 8", "+DEPTH = 12"]
    elif command == "restore":
        lab.run("restore", name)
        assert "DEPTH = 12" in (lab.path / "train.py").read_text()
    else:
        lab.run("restore", name, "--branch", "again")
        assert "DEPTH = 12" in lab.git("show", "again:train.py")


def test_a_blobless_clone_that_only_git_fetched_for(team: Team, fetches: Callable[[], list[str]]) -> None:
    lab = team.clone("lab", *BLOBLESS)
    lab.run("init")
    for depth in range(10, 14):
        team.run(team.alice, depth)
    lab.git("fetch", "-q")
    fetches()
    assert "4 runs: 0 kept, 4 discarded" in lab.run("status").stdout
    assert len(fetches()) == 2
    assert lab.git("for-each-ref", refs.DISPLAY)
    lab.run("verify")


def test_what_a_blobless_clone_cannot_fetch_is_not_here(team: Team) -> None:
    commit = team.run(team.alice, 10)
    lab = team.clone("lab", *BLOBLESS)
    lab.run("init")
    later = team.run(team.bob, 12)
    other = team.run(team.alice, 14, keep=True)
    lab.git("fetch", "-q")
    team.offline()
    said = lab.run("status").stdout
    # Of alice's two notes the older one is here, as it was before.
    assert "1 run: 0 kept, 1 discarded" in said
    assert "2 records could not be read and were left alone" in said
    for command in (["check", "--description", "deeper"], ["report"], ["sync"]):
        assert lab.run(*command, rc=None).exit_code in (0, 3)
    assert "origin was not reached" in lab.run("sync").stdout
    assert "is not here" in lab.run("verify", rc=3).stdout
    assert lab.git("log", "-1", "origin/main").count("# Decision packet") == 0
    for command in (["show", commit, "--diff"], ["diff", commit, "--json"], ["restore", commit]):
        said = lab.run(*command, rc=3).stderr
        assert is_refusal(said)
    team.online()
    assert "3 runs: 1 kept, 2 discarded" in lab.run("status").stdout
    assert lab.git("log", "-1", "origin/main").count("# Decision packet") == 1
    for one, depth in ((commit, 10), (later, 12), (other, 14)):
        assert change(lab.run("show", one, "--diff").stdout) == ["-DEPTH = 8", f"+DEPTH = {depth}"]
    lab.run("verify")


def test_a_writer_goes_on_in_a_blobless_clone(team: Team) -> None:
    """What a transaction adds to was left out by the clone: the first run logged there was a crash of ours."""
    commit = team.run(team.alice, 10, keep=True)
    team.run(team.alice, 12)
    name = team.alice.store.writer()
    assert name
    lab = team.clone("lab", *BLOBLESS)
    assert f"writer: {name}" in lab.run("init", "--writer", name).stdout
    lab.result(1.5)
    lab.run("log", "--log", "run.log")
    assert [run.commit for run in lab.memory.runs].count(commit) == 2
    lab.run("sync")
    assert_whole(lab)
    whole = team.clone("whole")
    whole.run("init")
    assert whole.run("verify").stdout == lab.run("verify").stdout
    assert whole.memory == lab.memory


def test_a_writer_does_not_go_on_from_what_cannot_be_fetched(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.run(team.alice, 10)
    name = team.alice.store.writer()
    assert name
    lab = team.clone("lab", *BLOBLESS)
    for refspec in refs.fetch_refspecs("origin"):
        lab.git("config", "--add", "remote.origin.fetch", refspec)
    lab.git("fetch", "-q")
    team.offline()
    said = lab.run("init", "--writer", name, rc=3).stderr
    assert said.startswith(f"error: origin does not give the notes of {name}, which this partial clone left out.")
    assert lab.store.writer() is None
    team.online()
    lab.run("init", "--writer", name)
    lab.run("verify")


@pytest.mark.long
@pytest.mark.parametrize("options", [(), BLOBLESS], ids=["whole", "blobless"])
def test_a_record_that_names_no_object(team: Team, options: tuple[str, ...]) -> None:
    """A record says what it likes; libgit2 raised at the name of an artifact, or of a commit, that is no object's."""
    team.run(team.bob, 12)
    run = team.bob.memory.runs[0]
    names = ["z" * FORM.digits, "", "train.py", "+refs/heads/main:refs/heads/evil", "\n" * FORM.digits, FORM.null]
    with team.bob.ledger.writing(datetime.now(UTC)) as transaction:
        for number, name in enumerate(names):
            named = {"train.patch": msgspec.structs.replace(run.artifacts["train.patch"], blob=name)}
            forged = msgspec.structs.replace(
                run, run_id=f"forged-{number}", seq=transaction.next_sequence, artifacts=named, parent_commit=name
            )
            transaction.add(run.commit, msgspec.json.encode(forged), {}, "forged")
        # Neither is this a commit, as that of a run that was imported need not be.
        forged = msgspec.structs.replace(
            run, run_id="elsewhere", seq=transaction.next_sequence, commit="z" * FORM.digits
        )
        transaction.add(run.commit, msgspec.json.encode(forged), {}, "forged")
    team.bob.git("push", "-q", "origin", "refs/notes/memorylab/*", "refs/memorylab/journal/*")
    lab = team.clone("lab", *options)
    lab.run("init")
    assert f"{len(names) + 2} runs: " in lab.run("status").stdout
    lab.run("check", "--description", "deeper")
    for number in range(len(names)):
        assert change(lab.run("show", f"forged-{number}", "--diff").stdout) == ["-DEPTH = 8", "+DEPTH = 12"]
    lab.run("restore", "forged-0")
    assert lab.git("for-each-ref", "refs/heads", "--format=%(refname)") == "refs/heads/main"


# -- shallow, and a single branch


@pytest.fixture
def done(tmp_path: Path, templates: Templates) -> Team:
    """A team with one run that was kept, and two that were discarded, of each its own."""

    def make(folder: Path) -> None:
        team = Team(folder)
        team.make(templates)
        team.run(team.alice, 10, keep=True)
        team.run(team.alice, 12)
        team.run(team.bob, 14)
        for lab in (team.alice, team.bob):
            lab.git("reflog", "expire", "--expire=now", "--all")

    templates.copy("done", make, tmp_path)
    return Team(tmp_path)


@pytest.mark.parametrize("options", [(), SHALLOW, BLOBLESS, (*SHALLOW, *BLOBLESS), ("--single-branch",)], ids=str)
def test_a_new_clone_has_every_run(done: Team, options: tuple[str, ...]) -> None:
    """Also those that were discarded, whose branch was never pushed, with their code and what they did to it."""
    team = done
    discarded = [lab.memory.runs[-1].commit for lab in (team.alice, team.bob)]
    shutil.rmtree(team.bob.path)
    lab = team.clone("lab", *options)
    lab.run("init")
    assert lab.git("rev-parse", "HEAD") == team.alice.git("rev-parse", "HEAD")
    assert [run.description for run in lab.memory.runs] == ["depth 10", "depth 12", "depth 14"]
    for commit, diff in zip(discarded, (["-DEPTH = 10", "+DEPTH = 12"], ["-DEPTH = 8", "+DEPTH = 14"]), strict=True):
        assert change(process(lab, "diff", commit)) == diff
        lab.run("restore", commit)
        assert diff[1][1:] in (lab.path / "train.py").read_text()
        lab.git("checkout", "-q", "train.py")
    assert_whole(lab)


def test_a_shallow_clone_shares_both_ways(team: Team) -> None:
    team.run(team.alice, 10, keep=True)
    lab = team.clone("lab", *SHALLOW)
    lab.run("init")
    lab.git("config", "core.hooksPath", "/dev/null")
    for depth in (12, 14):
        team.run(lab, depth)
        team.run(team.bob, depth + 10)
        lab.run("sync")
    assert "5 runs: 1 kept, 4 discarded" in lab.run("status").stdout
    assert_whole(lab)
    assert lab.git("rev-list", "--count", "HEAD") == "1"  # what the user left out stays out
    whole = team.clone("whole")
    whole.run("init")
    assert whole.memory == lab.memory
    assert_whole(whole)


@pytest.mark.long
@pytest.mark.parametrize("depth", ["1", "2"])
def test_a_shallow_fetch_of_what_others_added(team: Team, depth: str) -> None:
    """`git fetch --depth` takes the parents from the ledgers' commits that it brings: for every sync from then on,
    whatever the others did was a ledger rewritten, and was refused."""
    lab = team.clone("lab", *SHALLOW)
    lab.run("init")
    team.run(team.alice, 10, keep=True)
    lab.run("sync")
    for number in (12, 14, 16):
        team.run(team.alice, number, keep=True)
    lab.git("fetch", "-q", "--depth", depth, check=False)  # git refuses her refs, too
    before = (lab.path / ".git" / "shallow").read_text().split()
    assert "1 run: " in lab.run("status").stdout
    assert len((lab.path / ".git" / "shallow").read_text().split()) < len(before)
    synced = lab.run("sync")
    assert (synced.stdout, synced.stderr) == ("origin: 3 records of 1 writer came\n", "")
    forget(lab)
    assert "4 runs: " in lab.run("status").stdout
    assert_whole(lab)


@pytest.mark.long
def test_a_shallow_fetch_of_what_is_here(team: Team) -> None:
    """`git fetch --depth` takes the parents from the commits that the ledgers are at. So our own refs no longer went on
    from what they had been, and were put back there, and gc deleted all that was before."""
    lab = team.clone("lab", *SHALLOW)
    lab.run("init")
    team.run(team.alice, 10)
    team.run(team.alice, 12)
    for number in (14, 16):
        team.run(lab, number)
    before = lab.memory
    lab.git("fetch", "-q", "--depth=1")
    assert lab.run("status").stderr == ""
    forget(lab)
    assert lab.memory == before
    assert_whole(lab)
    assert lab.run("sync").stdout == "origin: nothing new\n"
    team.run(lab, 18)
    assert_whole(lab)
    assert lab.git("rev-list", "--count", "HEAD") == "1"


@pytest.mark.long
def test_a_shallow_fetch_before_a_hook_or_a_log(team: Team) -> None:
    """The next entry went where the last command had seen the journal, and another clone seemed to write in it."""
    lab = team.clone("lab", *SHALLOW)
    lab.run("init")
    team.run(lab, 10)
    writer = lab.store.writer()
    lab.edit("DEPTH", 12)
    lab.git("config", "--unset", "core.hooksPath", check=False)
    lab.starts_hooks = True
    lab.commit("planned by the hook, after the last look")
    assert len(lab.memory.plans) == 2
    lab.git("push", "-q", "origin", "refs/notes/memorylab/*", "refs/memorylab/journal/*")
    lab.git("fetch", "-q", "--depth=1")
    lab.result(1.5)
    lab.run("log", "--log", "run.log")
    assert len(lab.memory.plans) == 2 and len(lab.memory.runs) == 2
    lab.run("sync")
    assert lab.store.writer() == writer
    assert_whole(lab)


def test_a_memory_that_came_shallow_is_completed(team: Team) -> None:
    """`git fetch --depth` where `init` had not reached the remote: the runs before the last had no code."""
    commits = [team.run(team.alice, depth) for depth in (10, 12, 14)]
    lab = team.clone("lab", *SHALLOW)
    team.offline()
    lab.run("init")
    team.online()
    lab.git("fetch", "-q", "--depth=1")
    assert "3 runs: " in lab.run("status").stdout
    for commit in commits:
        lab.run("restore", commit, "--force")
    assert_whole(lab)


def test_a_shallow_file_that_is_the_users_is_left_alone(team: Team) -> None:
    for depth in (10, 12, 14):
        team.run(team.alice, depth, keep=True)
    lab = team.clone("lab", "--depth=2")
    before = (lab.path / ".git" / "shallow").read_text()
    lab.run("init")
    lab.run("status")
    lab.git("fetch", "-q", "--depth=2", "origin", "main")
    lab.run("sync")
    lab.run("status")
    assert (lab.path / ".git" / "shallow").read_text() == before
    # Nor is somebody whose messages look somewhat like ours.
    team.alice.commit("in between")
    team.alice.commit("looks like an entry\n\nSeq: 3")
    team.alice.commit("the latest")
    team.alice.git("push", "-q", "origin", "HEAD:main")
    lab = team.clone("other", "--depth=2")
    lab.run("init")
    assert (lab.path / ".git" / "shallow").read_text() == f"{team.alice.git('rev-parse', 'HEAD~1')}\n"
    lab.git("fsck", "--no-dangling")


@pytest.mark.long
def test_a_diff_where_a_shallow_clone_ends(team: Team) -> None:
    """All of the subject looked new in the run that HEAD is."""
    team.run(team.alice, 10, keep=True)
    commit = team.run(team.alice, 12, keep=True)
    lab = team.clone("lab", *SHALLOW)
    lab.run("init")
    assert change(process(lab, "diff", commit)) == ["-DEPTH = 10", "+DEPTH = 12"]
    alone = team.clone("alone", *SHALLOW)
    alone.git("config", "memorylab.notesOnly", "true")
    alone.run("init")
    team.offline()
    said = process(alone, "diff", commit, rc=3)
    assert said.startswith(f"error: What {commit[:7]} goes on from is not in this shallow clone.")
    team.online()
    assert change(process(alone, "diff", commit)) == ["-DEPTH = 10", "+DEPTH = 12"]


def test_a_history_with_holes_orders_no_runs_and_hides_none(team: Team) -> None:
    """As a fetch that was cut leaves them: a commit has come, its parent has not. `git rev-list` fails at it."""
    team.run(team.alice, 10, keep=True)
    commit = team.run(team.alice, 12, keep=True)
    lab = team.clone("lab", "--branch=main", *SHALLOW)
    lab.run("sync", "--notes-only")
    (lab.path / ".git" / "shallow").unlink()
    assert commit == lab.git("rev-parse", "HEAD")
    assert list(Reader(lab.store.place).ancestors(commit)) == [lab.git("rev-parse", "HEAD^")]
    assert "2 runs: 2 kept" in lab.run("status").stdout


# -- notes only


@pytest.mark.long
@pytest.mark.parametrize("setting", [True, False])
def test_notes_only_leaves_the_artifacts_where_they_are(team: Team, setting: bool) -> None:
    commits = [team.run(team.alice, 10), team.run(team.bob, 12)]
    whole = team.clone("whole")
    whole.run("init")
    lab = team.clone("lab")
    if setting:
        lab.git("config", "memorylab.notesOnly", "true")
        lab.run("init")
    options = () if setting else ("--notes-only",)
    lab.run("sync", *options)
    assert lab.memory == whole.memory
    kept = set.union(*artifacts(lab).values()) | set(commits)
    for command in (["status"], ["report"], ["check", "--description", "deeper"], ["show", commits[0]], ["verify"]):
        lab.run(*command)
    assert "notes only" in lab.run("verify").stdout
    assert lab.git("for-each-ref", "refs/memorylab/remotes/origin/journal") == ""
    assert not kept & objects(lab)
    # A later one brings what is new, and still leaves them.
    commits.append(team.run(team.bob, 14))
    lab.run("sync", *options)
    assert len(lab.memory.runs) == 3
    assert not (kept | set(commits)) & objects(lab)
    lab.git("config", "memorylab.notesOnly", "false")
    lab.run("init")
    lab.run("sync")
    assert set.union(*artifacts(lab).values()) | set(commits) <= objects(lab)
    views = lab.path / "results" / "memorylab" / "runs"
    assert len(list(views.glob("*/train.patch"))) == len(list(views.glob("*/run.log"))) == 3
    assert_whole(lab)


@pytest.mark.long
@pytest.mark.parametrize("folded", [False, True], ids=["live", "folded"])
@pytest.mark.parametrize("command", ["diff", "show", "restore"])
def test_what_notes_only_left_comes_when_it_is_asked_for(team: Team, command: str, folded: bool) -> None:
    commit = team.run(team.bob, 12)
    team.run(team.alice, 10)
    if folded:
        team.alice.run("compact", "--writer", str(team.bob.store.writer()))
    lab = team.clone("lab")
    lab.git("config", "memorylab.notesOnly", "true")
    lab.run("init")
    assert len(lab.memory.runs) == 2 and commit not in objects(lab)
    if command == "diff":
        assert change(process(lab, "diff", commit)) == ["-DEPTH = 8", "+DEPTH = 12"]
    elif command == "show":
        assert change(lab.run("show", commit, "--diff").stdout) == ["-DEPTH = 8", "+DEPTH = 12"]
    else:
        lab.run("restore", commit)
        assert "DEPTH = 12" in (lab.path / "train.py").read_text()
    lab.run("status")
    assert len(list((lab.path / "results" / "memorylab" / "runs").glob("*/train.patch"))) >= 1


def test_notes_only_offline_says_what_is_not_here(team: Team) -> None:
    commit = team.run(team.bob, 12)
    lab = team.clone("lab")
    lab.git("config", "memorylab.notesOnly", "true")
    lab.run("init")
    team.offline()
    for command in (["diff", commit], ["show", commit, "--diff"], ["restore", commit], ["diff", commit, "--json"]):
        said = lab.run(*command, rc=3).stderr
        assert is_refusal(said) and commit[:7] in said
