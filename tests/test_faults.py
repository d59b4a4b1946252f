"""What a command survives: being killed anywhere, a full disk, a power cut, a clock that is put back, a closed pipe."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memorylab.cli import cli
from memorylab.commands import session
from tests.conftest import Lab
from tests.faults import trace, whole
from tests.faults.campaign import KINDS, Campaign, Chain, Point, sealed
from tests.faults.stages import STAGES

LONG = pytest.mark.long
traced = pytest.mark.skipif(not trace.SUPPORTED, reason="needs Linux on x86-64")


@pytest.fixture(scope="module")
def campaign() -> Iterator[Campaign]:
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="faults-", dir=parent) as folder, sealed(Path(folder)) as made:
        yield made


# -- at system calls; `python -m tests.faults` takes thousands of these


@traced
@pytest.mark.parametrize("stage", ["log", *(pytest.param(name, marks=LONG) for name in STAGES if name != "log")])
def test_faults_one_after_another_lose_nothing(campaign: Campaign, stage: str) -> None:
    for seed in range(3):
        outcome = campaign.take(campaign.draw([stage], KINDS, seed))
        assert not outcome.problem, outcome


@traced
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=LONG) for seed in range(2, 6))])
def test_commands_overtake_each_other(campaign: Campaign, seed: int) -> None:
    assert campaign.meet(seed) == ""


@traced
@LONG
@pytest.mark.parametrize("ref", ["journal", "notes/ledger", "notes/decisions"])
def test_git_killed_between_two_refs_leaves_one_record(campaign: Campaign, ref: str) -> None:
    """The journal had moved, the command said that it failed, and whoever tried again had two."""
    for kind in ("one", "all"):
        outcome = campaign.take(Chain("log", (Point(kind, lambda call: _moves(call, ref)),), 0))
        assert not outcome.problem, outcome
        assert outcome.acknowledged == (kind == "one")


@traced
@LONG
def test_an_import_that_was_killed_between_two_refs_is_done_once(campaign: Campaign) -> None:
    """Its rows were in the journal and in no note, and came once more."""
    outcome = campaign.take(Chain("import", (Point("all", lambda call: _moves(call, "notes/ledger")),), 0))
    assert not outcome.problem, outcome


@traced
@LONG
def test_a_plan_that_was_killed_twice_is_made_once(campaign: Campaign) -> None:
    """It was in the journal alone, which was noted as seen, and nobody looked for its note any more."""
    seen = []

    def after_seen(call: trace.Call) -> bool:
        seen.extend([call] * (call.name == "rename" and "seen.json" in call.path))
        return bool(seen) and call is not seen[0]

    first, second = Point("all", lambda call: _moves(call, "notes/ledger")), Point("all", after_seen)
    outcome = campaign.take(Chain("hook", (first, second, Point("all", 10**6)), 0))
    assert not outcome.problem, outcome
    assert seen


def _moves(call: trace.Call, ref: str) -> bool:
    return call.name == "rename" and f"/refs/{'memorylab/' * (ref == 'journal')}{ref}" in call.path.replace(
        "notes/memorylab/", "notes/"
    )


def _deletes_a_folder(call: trace.Call) -> bool:
    return call.name in ("unlink", "unlinkat") and "/results/memorylab/runs/" in call.path


def _locks_a_remote(call: trace.Call) -> bool:
    return call.name == "openat" and call.path.endswith("hub/refs/memorylab/journal/anna-00000000.lock")


def _answers(call: trace.Call) -> bool:
    return call.name == "write" and not call.is_ours and call.path.startswith("pipe:")


@traced
@LONG
@pytest.mark.parametrize(
    ("stage", "kind", "where"),
    [
        ("amend", "all", _deletes_a_folder),
        ("amend", "error", _deletes_a_folder),
        ("compact", "all", _locks_a_remote),
        ("log", "one", _answers),
    ],
)
def test_killed_where_it_was_found_to_hurt(
    campaign: Campaign, stage: str, kind: str, where: Callable[[trace.Call], bool]
) -> None:
    """A view's folder was half there; a ref of a remote beside us stayed locked; a git that died had no such object."""
    for skipped in range(1, 4):
        met = []

        def due(call: trace.Call, skipped: int = skipped, met: list[int] = met) -> bool:
            met.extend([call.number] * (where(call) or bool(met) and stage == "compact"))
            return len(met) > skipped

        outcome = campaign.take(Chain(stage, (Point(kind, due),), 0))
        assert not outcome.problem, outcome
        assert met


@traced
@LONG
@pytest.mark.parametrize("kind", ["full", "error", "denied"])
def test_what_the_system_refuses_is_no_bug(campaign: Campaign, kind: str) -> None:
    for at in range(60, 560, 80):
        outcome = campaign.take(Chain("log", (Point(kind, at),), 0))
        assert not outcome.problem, outcome


# -- on the disk before it is said


class _Disk:
    """What a power cut would take at a moment: files that were written, and folders that a name came into, since they
    were synced. Views, the index and reflogs are not looked at."""

    CACHES = ("index.sqlite", "display.json", "memorylab-views", "/logs/", "/memorylab/hooks", "/memorylab-summary")

    def __init__(self, git: Path, out: Path) -> None:
        self._git, self._out = git, out
        self._files, self._folders = dict[int, str](), set[str]()
        self.said: list[list[str]] = []
        self.synced = 0

    def __call__(self, call: trace.Call) -> None:
        path = call.path
        if call.name in ("fsync", "fdatasync"):
            self.synced += 1
            self._files.pop(call.inode, None)
            self._folders.discard(path)
        elif path == str(self._out):
            if call.name not in trace.WRITES:
                return
            there = {one.stat().st_ino for one in self._git.rglob("*") if one.is_file()}  # tables are made into one
            left = [name for inode, name in self._files.items() if inode in there]
            self.said.append([*left, *sorted(self._folders)])
        elif path.startswith(f"{self._git}/"):
            is_cache = any(name in path.removeprefix(str(self._git)) for name in self.CACHES)
            if call.name in trace.WRITES and not is_cache:
                self._files[call.inode] = path
            elif call.name in ("rename", "link", "mkdir") and not is_cache and not Path(path).is_dir():
                self._folders.add(str(Path(path).parent))


@traced
@pytest.mark.parametrize(
    "stage", ["log", *(pytest.param(name, marks=LONG) for name in ("amend", "import", "hook", "run", "sync"))]
)
def test_success_is_said_when_all_is_on_the_disk(campaign: Campaign, stage: str) -> None:
    disk = _Disk(campaign.work / "lab" / ".git", campaign.folder / "out")
    assert campaign.trace(stage, disk).code in (0, 10, 11)
    assert disk.synced > 3
    assert disk.said and not disk.said[0], disk.said[0]


@traced
def test_what_is_masked_is_on_the_disk_as_it_was_before_it_is_remembered_masked(campaign: Campaign) -> None:
    disk, order = _Disk(campaign.work / "lab" / ".git", campaign.folder / "out"), list[str]()

    def plant(lab: Lab) -> None:
        log = lab.path / "run.log"
        log.write_text(f"api_key = {secrets.token_hex(20)}\n{log.read_text()}")

    def seen(call: trace.Call) -> None:
        disk(call)
        if "/originals/" in call.path and call.name == "fsync" or "/refs/memorylab/journal/" in call.path:
            order.append(Path(call.path).name)

    assert campaign.trace("log", seen, plant).code == 0
    assert order[0] == "run.log" and len(order) > 1
    assert not disk.said[0], disk.said[0]


@traced
@LONG
def test_whoever_says_how_git_syncs_is_heard(campaign: Campaign) -> None:
    found = []
    for value in ("", "none"):
        synced: list[str] = []
        campaign.trace(
            "log",
            lambda call, synced=synced: synced.append(call.path) if call.name == "fsync" and not call.is_ours else None,
            lambda lab, value=value: lab.git("config", "core.fsync", value) if value else None,
        )
        found.append(len(synced))
    assert found[0] > 10 and found[1] == 0


# -- a disk that is full, a reader that is gone


@LONG
def test_a_real_disk_that_is_full(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        made = make_lab(init=False)
        lab = Lab(disk / "lab")
        shutil.copytree(made.path, lab.path)
        lab.run("init")
        lab.experiment("baseline", 1.0)
        kept = {run.run_id for run in lab.memory.runs}
        lab.result(0.9)
        for room in (0, 1, 3, 8, 20, 60):  # pages
            with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
                while True:
                    filler.write(bytes(4096))
            os.truncate(disk / "filler", max(0, (disk / "filler").stat().st_size - 4096 * room))
            done = lab.spawn("log", "--log", "run.log", "--description", f"{room} pages", "--json")
            out, err = done.communicate(timeout=60)
            assert done.returncode in (0, 3), err
            assert "Traceback" not in err
            if done.returncode == 0:
                kept.add(json.loads(out)["run_id"])
            (disk / "filler").unlink()
            kept.add(
                json.loads(lab.run("log", "--log", "run.log", "--description", "room again", "--json").stdout)["run_id"]
            )
            assert kept <= {run.run_id for run in lab.memory.runs}
        records = whole.own(lab)
        assert len([one for one in records if one["kind"] == "run"]) <= 1 + 2 * 6
        whole.git_is_content(lab.path)
        lab.run("status")
        whole.views(lab, {run.run_id for run in lab.memory.runs})
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@traced
@LONG
@pytest.mark.parametrize("how", ["closed", "full"])
def test_every_command_whose_output_goes_nowhere(campaign: Campaign, how: str) -> None:
    """As git: nothing is said, but that a disk is full."""
    lab = campaign.at("sync")
    one, changed = lab.memory.runs[0].run_id, next(run for run in lab.memory.runs if run.change and run.change.knobs)
    lab.git("config", "memorylab.command", "echo val_bpb: 1.4")
    (lab.path / "old.tsv").write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.9\t1\tkeep\tb\n")
    further = {
        "show": [one], "diff": [one], "restore": [one], "amend": [one, "--notes", "x"], "blame": [one],
        "stack": [changed.run_id, "--onto", "HEAD~1"], "replicate": [one, "--seeds", "1"], "search": ["begins"],
        "import": ["old.tsv"], "check": ["--description", "x"], "log": ["--log", "run.log"], "completion": ["bash"],
        "export": ["--format", "jsonl"], "run": ["--allow-dirty"],
    }  # fmt: skip
    # `help` is man's, and the others have no end, or no repository.
    for name in sorted(cli.commands.keys() - {"help", "demo", "mcp", "hook", "skill"}):
        if how == "closed":
            reading, out = os.pipe()
            os.close(reading)
        else:
            out = os.open("/dev/full", os.O_WRONLY)
        lab.git("checkout", "-q", "--", "train.py")  # which `restore` has changed
        done = campaign.plain((name, *further.get(name, [])), out)
        os.close(out)
        said = done.err.decode()
        assert "Traceback" not in said and "bug:" not in said, (name, said)
        assert done.code == (141 if how == "closed" else 3), (name, done.code, said)
    assert campaign.plain(("verify",)).code == 0


# -- the clock


@pytest.mark.long
def test_a_clock_that_is_put_back_and_forth(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    steps = (0, 0, -3600, 86_400, -86_400 * 400, 0, 1)
    logged = []
    lab.result(1.0)
    for step in steps:
        moment = now + timedelta(seconds=step)

        class Clock(datetime):
            @classmethod
            def now(cls, tz: object = None, moment: datetime = moment) -> datetime:
                return moment

        monkeypatch.setattr(session, "datetime", Clock)
        said = lab.run("log", "--log", "run.log", "--description", f"at {step}", "--json").stdout
        logged.append(json.loads(said))
    assert len({run["run_id"] for run in logged}) == len(steps)
    assert [run["seq"] for run in logged] == sorted(run["seq"] for run in logged)
    order = [run.run_id for run in lab.memory.runs]
    assert order == [run["run_id"] for run in sorted(logged, key=lambda run: (run["timestamp_utc"], run["seq"]))]
    views = whole.rendered(lab)
    shutil.rmtree(lab.path / "results")
    (lab.store.state / "index.sqlite").unlink()
    lab.run("status")
    again = whole.rendered(lab)
    assert {name for name in views if "latest.md" not in name and views[name] != again.get(name)} == set()
    lab.run("verify")


@pytest.mark.long
@pytest.mark.parametrize("moved", [-120, 120])
def test_a_lock_of_another_time_is_no_lock(lab: Lab, moved: int) -> None:
    lab.experiment("baseline", 1.0)
    where = lab.path / ".git"
    for name in ("packed-refs", "config", "refs/memorylab/seen"):
        (where / f"{name}.lock").write_text("")
        moment = datetime.now().timestamp() + moved
        os.utime(where / f"{name}.lock", (moment, moment))
    lab.git("init", "-q", "--bare", "../remote.git")
    subprocess.run(["git", "config", "--file", ".git/other", "a.b", "c"], cwd=lab.path, check=True)
    (where / "config").write_text((where / "config").read_text() + '[remote "origin"]\n\turl = ../remote.git\n')
    lab.run("init")
    lab.run("sync")
    lab.experiment("again", 0.9)
    whole.no_locks(lab.path)


# -- what users do


def test_git_clean_and_a_line_cut_short(lab: Lab) -> None:
    lab.experiment("one", 1.0, knob="DEPTH", to=9)
    lab.experiment("two", 0.9, knob="DEPTH", to=10)
    lab.run("status")
    before = whole.rendered(lab)
    lab.git("clean", "-xfdq")
    assert not (lab.path / "results").exists()
    lab.run("status")
    assert whole.rendered(lab) == before
    for name in ("results/memorylab/experiments.jsonl", "results.tsv"):
        path = lab.path / name
        os.truncate(path, path.stat().st_size - 20)
    lab.run("status")
    assert whole.rendered(lab) == before
