"""replicate: new seeds in a worktree nobody sees, until the question is decided; interrupted, it goes on."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from memorylab.commands import replicate, rerun
from memorylab.core.record import Run
from memorylab.store import worktrees
from tests.conftest import Lab

# What it measures is made of its knob and its seed; what a test wants besides is in a file outside of the repository.
SUBJECT = """import json, os
GAIN = 0.0
SPREAD = 0.001
seed = int(os.environ.get("AUTORESEARCH_SEED", 0))
found = {{"val_bpb": 1.5 - GAIN + SPREAD * (seed * 7 % 5 - 2), "seed": seed, "device": "cpu", "threads": 2,
         "budget_kind": "cpu_seconds", "budget": float(os.environ.get("AUTORESEARCH_TIME_BUDGET", 3))}}
asked = {asked!r}
if os.path.exists(asked):
    exec(open(asked).read())
with open(os.environ["AUTORESEARCH_SUMMARY_PATH"], "w") as file:
    json.dump(found, file)
"""
# Says that it is there, and who it is, and waits for ever.
BLOCK = """
if {when} and not os.path.exists({here!r} + "/go"):
    import signal
    with open({here!r} + "/pid-" + str(seed), "w") as file:
        file.write(str(os.getpid()) + " " + os.getcwd())
    open({here!r} + "/ready", "w").close()
    signal.pause()
"""


class Bench:
    """A repository with a baseline and one better program, each run once."""

    def __init__(self, lab: Lab, here: Path) -> None:
        self.lab, self.here = lab, here
        here.mkdir()
        (lab.path / "train.py").write_text(SUBJECT.format(asked=str(here / "asked.py")))
        lab.git("config", "core.hooksPath", "/dev/null")
        self.base = self.program("baseline", GAIN=0.0)

    def program(self, message: str, rc: int | None = None, **knobs: float) -> str:
        """Commit the subject with these knobs and run it; the run's id."""
        for knob, value in knobs.items():
            self.lab.edit(knob, value)
        self.lab.commit(f"{message}\n\nFamily: gains\nHypothesis: it helps\nTags: one, two")
        self.lab.run("run", rc=rc)
        return self.lab.memory.runs[-1].run_id

    def ask(self, python: str) -> None:
        """Have each run do this before it writes what it found."""
        (self.here / "asked.py").write_text(python)

    def block(self, when: str) -> None:
        """Have some runs wait for ever."""
        os.mkfifo(self.here / "ready")
        self.ask(BLOCK.format(when=when, here=str(self.here)))

    def wait(self) -> tuple[int, Path]:
        """Until a run waits: its process and its folder."""
        (self.here / "ready").open().close()
        pid, _, folder = max(self.here.glob("pid-*")).read_text().partition(" ")
        return int(pid), Path(folder)

    @property
    def new(self) -> list[Run]:
        """The runs that `replicate` has logged."""
        return [run for run in self.lab.memory.runs if run.notes.startswith("Replicate of ")]

    @property
    def state(self) -> list[str]:
        return [path.name for path in (self.lab.path / ".git" / "memorylab").glob("replicate-*.json")]

    def worktrees(self) -> int:
        return len(self.lab.git("worktree", "list").splitlines()) - 1


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made, also by processes of their own."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setenv("TMPDIR", str(made))
    monkeypatch.setattr("tempfile.tempdir", None)
    return made


@pytest.fixture
def bench(lab: Lab, tmp_path: Path, temporary: Path) -> Iterator[Bench]:
    made = Bench(lab, tmp_path / "bench")
    yield made
    assert made.worktrees() == 0 and list(temporary.iterdir()) == [], "something was left behind"


def _seeds(runs: list[Run]) -> list[int | None]:
    return [run.environment.seed if run.environment else None for run in runs]


# -- the question


@pytest.mark.long
def test_both_sides_in_turn_with_the_same_new_seeds_until_it_is_better(bench: Bench) -> None:
    lab = bench.lab
    better = bench.program("gain", GAIN=0.05)
    before = lab.git("status", "--porcelain=v2", "--branch"), (lab.path / "run.log").read_bytes()
    result = lab.run("replicate", better, "--against", bench.base, "--seeds", "9", rc=0)
    runs = bench.new
    assert 2 <= len(runs) < 18 and len(runs) % 2 == 0
    by_id = {run.run_id: run for run in lab.memory.runs}
    pairs = list(zip(runs[::2], runs[1::2], strict=True))
    for seed, (theirs, ours) in enumerate(pairs, 1):
        assert _seeds([theirs, ours]) == [seed, seed]
        for run, of in ((theirs, bench.base), (ours, better)):
            first = by_id[of]
            assert (run.commit, run.description, run.family, run.hypothesis, run.tags) == (
                first.commit, first.description, "gains", "it helps", ["one", "two"],
            )  # fmt: skip
            assert run.notes == f"Replicate of {of}, AUTORESEARCH_SEED={seed}."
            assert run.novelty_guard is not None and run.novelty_guard.mode == "replicate"
            assert {"run.log", "summary.json", "train.patch"} <= run.artifacts.keys()
    packet = runs[-1].decision_packet
    assert packet is not None and packet.comparison.replicates == len(pairs) + 1
    assert (
        result.stdout.startswith(f"{runs[-1].status}: val_bpb ")
        and f"run: {runs[-1].run_id}, packet in" in result.stdout
    )
    assert f"\nreplicate: better than {bench.base} after {len(runs)} further runs (likelihood ratio " in result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == len(runs) and lines[0].endswith(" seed 1: 1.500000; 1 of at most 18")
    assert "; difference -0.05" in lines[-1] and lines[-1].endswith("; decided")
    # Nothing of the user's has changed but the views.
    assert (lab.git("status", "--porcelain=v2", "--branch"), (lab.path / "run.log").read_bytes()) == before
    assert runs[-1].run_id in (lab.path / "results" / "memorylab" / "experiments.jsonl").read_text()
    assert bench.state == []
    # Asked again it is decided without another run.
    again = lab.run("replicate", better, "--against", bench.base, rc=0)
    assert "after 0 further runs" in again.stdout and len(bench.new) == len(runs)


@pytest.mark.long
def test_worse_than_the_champion_which_is_not_rerun(bench: Bench) -> None:
    worse = bench.program("loss", GAIN=-0.03)
    found = json.loads(bench.lab.run("replicate", worse, "--seeds", "9", "--json", rc=10).stdout)
    assert found["outcome"] == "worse" and found["likelihood_ratio"] >= 20 and found["alpha"] == 0.05
    assert found["question"]["champion"] == bench.base and found["question"]["against"] is None
    assert found["question"]["seeds"] == list(range(1, 10)) and 0 < len(found["runs"]) < 9
    assert {run.description for run in bench.new} == {"loss"}


def test_more_is_better_where_that_is_set(bench: Bench) -> None:
    bench.lab.git("config", "memorylab.direction", "maximize")
    more = bench.program("more", GAIN=-0.03)
    found = json.loads(bench.lab.run("replicate", more, "--against", bench.base, "--json").stdout)
    assert found["outcome"] == "better"


@pytest.mark.long
def test_undecided_in_one_line_of_json(bench: Bench) -> None:
    lab = bench.lab
    equal = bench.program("no gain", GAIN=0.0001)
    found = lab.run("replicate", equal, "--against", bench.base, "--seeds", "2", "--json", rc=None)
    assert found.stdout.count("\n") == 1 and found.stderr == ""
    said = json.loads(found.stdout)
    assert set(said) == {"question", "runs", "outcome", "likelihood_ratio", "alpha", "packet"}
    assert said["outcome"] == "undecided" and said["likelihood_ratio"] < 20
    assert said["runs"] == [run.run_id for run in bench.new] and len(said["runs"]) == 4
    assert said["packet"]["run"]["run_id"] == said["runs"][-1]
    assert found.exit_code == {"keep": 0, "discard": 10}[bench.new[-1].status]
    # Further seeds are new ones, also those of the other side.
    result = lab.run("replicate", equal, "--seeds", "1", rc=None)
    assert "replicate: undecided against the champion after 1 further run (" in result.stdout
    assert _seeds(bench.new) == [1, 1, 2, 2, 3]


@pytest.mark.long
def test_the_champion_alone_measures_the_noise(bench: Bench) -> None:
    lab = bench.lab
    result = lab.run("replicate", bench.base, "--seeds", "3")
    assert "replicate: measured after 3 further runs: noise 0.00" in result.stdout
    assert _seeds(bench.new) == [1, 2, 3] and {run.status for run in bench.new} == {"keep"}
    found = json.loads(lab.run("replicate", bench.base, "--seeds", "1", "--json").stdout)
    assert (found["outcome"], found["likelihood_ratio"]) == ("measured", None)
    assert _seeds(bench.new) == [1, 2, 3, 4]


@pytest.mark.long
def test_the_group_stays_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Budget and threads are those of the run, whatever is set now."""
    monkeypatch.setenv("AUTORESEARCH_TIME_BUDGET", "99")
    monkeypatch.setenv("AUTORESEARCH_TOKENS", "5")
    monkeypatch.setenv("AUTORESEARCH_THREADS", "7")
    monkeypatch.setenv("GIT_INDEX_FILE", str(bench.lab.path / ".git" / "index"))
    names = ["AUTORESEARCH_TIME_BUDGET", "AUTORESEARCH_TOKENS", "AUTORESEARCH_THREADS", "GIT_INDEX_FILE"]
    bench.ask(f"open({str(bench.here / 'told')!r}, 'w').write(repr([os.environ.get(name) for name in {names}]))")
    bench.lab.run("replicate", bench.base, "--seeds", "1")
    assert (bench.here / "told").read_text() == "['3', None, '2', None]"


def test_another_group_cannot_decide(bench: Bench) -> None:
    bench.ask("found['device'] = 'cuda (NVIDIA H100)'; found['evaluator'] = 'new'")
    result = bench.lab.run("replicate", bench.base, rc=3)
    (run,) = bench.new
    assert f"error: {run.run_id} does not compare with {bench.base}: " in result.stderr
    assert "evaluator is new, was not stated; device is cuda (NVIDIA H100), was cpu." in result.stderr
    assert run.run_id in (bench.lab.path / "results" / "memorylab" / "experiments.jsonl").read_text()
    assert bench.state == []


# -- what is executed


@pytest.mark.long
def test_several_at_a_time_are_logged_in_the_order_of_the_plan(bench: Bench) -> None:
    better = bench.program("gain", GAIN=0.002)
    # The second of each pair is the first to end: the first one waits for it.
    os.mkfifo(bench.here / "turn")
    bench.ask(f"open({str(bench.here / 'turn')!r}, 'r' if GAIN == 0 else 'w').close()")
    result = bench.lab.run("replicate", better, "--against", bench.base, "--seeds", "2", "--jobs", "2", rc=None)
    assert [(run.description, seed) for run, seed in zip(bench.new, _seeds(bench.new), strict=True)] == [
        ("baseline", 1), ("gain", 1), ("baseline", 2), ("gain", 2),
    ]  # fmt: skip
    assert "4 of at most 4" in result.stderr


@pytest.mark.long
def test_what_still_runs_when_it_is_decided_is_ended(bench: Bench) -> None:
    better = bench.program("gain", GAIN=0.03)
    where = str(bench.here / "waits-")
    bench.ask(
        f"if seed > 5:\n    import signal\n    open({where!r} + str(os.getpid()), 'w').close()\n    signal.pause()"
    )
    options = ["--seeds", "9", "--jobs", "12", "--json"]
    found = json.loads(bench.lab.run("replicate", better, "--against", bench.base, *options).stdout)
    assert found["outcome"] == "better"
    assert max(int(seed or 0) for seed in _seeds(bench.new)) <= 5
    for name in bench.here.glob("waits-*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(name.name.removeprefix("waits-")), 0)
    assert bench.state == []


@pytest.mark.long
def test_a_crash_counts_for_nothing(bench: Bench) -> None:
    better = bench.program("gain", GAIN=0.0001)
    bench.ask("assert (GAIN, seed) != (0.0001, 1), 'no such seed'")
    result = bench.lab.run("replicate", better, "--against", bench.base, "--seeds", "2", rc=None)
    assert [run.status == "crash" for run in bench.new] == [False, True, False, False]
    assert "seed 1: crash (AssertionError: no such seed)" in result.stderr
    packet = bench.new[-1].decision_packet
    assert packet is not None and packet.comparison.replicates == 2


@pytest.mark.long
@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_two_crashes_in_a_row_are_enough(bench: Bench, side: str) -> None:
    better = bench.program("gain", GAIN=0.0001)
    bench.ask(f"assert GAIN == {0.0 if side == 'ours' else 0.0001}")
    result = bench.lab.run("replicate", better, "--against", bench.base, rc=11)
    assert sum(run.status == "crash" for run in bench.new) == 2 and len(bench.new) == (4 if side == "ours" else 3)
    assert "replicate: given up after" in result.stdout
    assert bench.state == []


def test_a_run_that_takes_too_long_has_crashed(bench: Bench) -> None:
    bench.ask("import signal; signal.pause()")
    bench.lab.run("replicate", bench.base, "--seeds", "1", "--time-limit", "0.2", rc=11)
    assert "timed out after 0.2 s" in str(bench.new[0].error)


@pytest.mark.long
def test_a_subject_that_states_no_seed(bench: Bench) -> None:
    bench.ask("del found['seed']")
    result = bench.lab.run("replicate", bench.base, "--seeds", "2")
    said = "note: train.py does not state the seed that it was given; it should read AUTORESEARCH_SEED\n"
    assert result.stderr.count(said) == 1
    # Its notes tell which ones it was given.
    bench.lab.run("replicate", bench.base, "--seeds", "1")
    assert [run.notes.partition("SEED=")[2] for run in bench.new] == ["1.", "2.", "3."]


@pytest.mark.long
def test_nothing_of_the_users_runs_or_ends(bench: Bench) -> None:
    """No hook, no claim, no plan; a log that the subject deletes is not taken from the working tree."""
    lab = bench.lab
    better = bench.program("MATRIX_LR to 0.06", GAIN=0.0001)
    lab.git("config", "--unset", "core.hooksPath")
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = lab.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho {name} >>{bench.here}/hooks\n")
        hook.chmod(0o755)
    lab.run("claim", "MATRIX_LR to 0.06")
    (bench.here / "hooks").unlink(missing_ok=True)
    lab.result(1.0)
    bench.ask("import sys; os.remove('run.log'); sys.exit()")
    plans, claims = lab.memory.plans, lab.memory.claims
    lab.run("replicate", better, "--seeds", "1", rc=11)
    assert "post-checkout" not in ((bench.here / "hooks").read_text() if (bench.here / "hooks").exists() else "")
    assert (lab.memory.plans, lab.memory.claims) == (plans, claims)
    assert bench.new[0].status == "crash"
    (bench.lab.path / ".git" / "hooks" / "reference-transaction").unlink()


def test_it_is_run_as_it_was_committed(bench: Bench) -> None:
    """Not as the working tree has it, and also when its branch is gone."""
    lab = bench.lab
    lost = bench.program("lost", GAIN=-0.01)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    (lab.path / "train.py").write_text("raise SystemExit('not this one')\n")
    lab.run("replicate", lost, "--seeds", "1", rc=None)
    assert bench.new[0].value("val_bpb") == 1.51
    assert (lab.path / "train.py").read_text() == "raise SystemExit('not this one')\n"


@pytest.mark.long
def test_somebody_elses_run(bench: Bench) -> None:
    """Its commit is on no branch, and not even here, as notes alone were synced. What is logged is shared."""
    lab = bench.lab
    lab.git("init", "-q", "--bare", "../remote.git")
    lab.git("remote", "add", "origin", "../remote.git")
    lab.git("push", "-q", "origin", "main")
    lost = bench.program("lost", GAIN=-0.01)
    lab.run("sync")
    lab.git("clone", "-q", "--no-local", "../remote.git", "../other")
    other = Lab(lab.path.parent / "other")
    for key, value in {"notesOnly": "true", "autosync": "true"}.items():
        other.git("config", f"memorylab.{key}", value)
    other.run("init")
    assert not other.store.has(other.memory.find(lost).commit)
    other.run("replicate", lost, "--seeds", "1", rc=None)
    lab.run("sync")
    (run,) = bench.new
    assert run.value("val_bpb") == 1.51 and run.writer == other.store.writer() != lab.store.writer()
    assert other.git("status", "--porcelain") == ""


@pytest.mark.long
def test_from_a_git_command_elsewhere(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As hooks and aliases are: the variables say where the repository is, and the subject is not told."""
    monkeypatch.setenv("GIT_DIR", str(bench.lab.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(bench.lab.path))
    bench.ask(f"open({str(bench.here / 'told')!r}, 'w').write(repr([n for n in os.environ if n == 'GIT_DIR']))")
    Lab(tmp_path).run("replicate", bench.base, "--seeds", "1")
    assert (bench.here / "told").read_text() == "[]"
    assert _seeds(bench.new) == [1]


@pytest.mark.long
def test_in_a_bare_repository(bench: Bench) -> None:
    bench.lab.git("config", "core.bare", "true")
    Lab(bench.lab.path / ".git").run("replicate", bench.base, "--seeds", "1")
    assert _seeds(bench.new) == [1]
    bench.lab.git("config", "core.bare", "false")


# -- interrupted


def _interrupt(bench: Bench, how: signal.Signals, *options: str) -> Path:
    """Start to replicate the baseline and end it in its third run; the folder of that run."""
    bench.block("seed == 3")
    process = bench.lab.spawn("replicate", bench.base, "--seeds", "4", *options)
    pid, folder = bench.wait()
    assert folder != bench.lab.path and bench.worktrees() >= 1
    process.send_signal(how)
    _, error = process.communicate(timeout=60)
    if how == signal.SIGKILL:
        os.kill(pid, signal.SIGKILL)
    else:
        assert process.returncode == 130 and error.endswith("interrupted\n")
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    (bench.here / "go").touch()
    return folder


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_it_goes_on_where_it_was(bench: Bench, how: signal.Signals) -> None:
    folder = _interrupt(bench, how)
    assert folder.exists() == (how == signal.SIGKILL)
    assert bench.worktrees() == (1 if how == signal.SIGKILL else 0)
    assert _seeds(bench.new) == [1, 2] and len(bench.state) == 1
    result = bench.lab.run("replicate", bench.base, "--seeds", "4")
    assert result.stderr.startswith("continuing: 2 of 4 done\n") and "measured after 4 further runs" in result.stdout
    assert _seeds(bench.new) == [1, 2, 3, 4] and not folder.exists()
    assert bench.state == []


@pytest.mark.long
def test_a_second_interrupt_has_no_patience(bench: Bench) -> None:
    """The subject is deaf to the first, and would be given ten seconds."""
    os.mkfifo(bench.here / "deaf")
    bench.block("True")
    wanted, deaf = (bench.here / "asked.py").read_text(), str(bench.here / "deaf")
    hear = f"import signal\nsignal.signal(signal.SIGTERM, lambda *_: open({deaf!r}, 'w').close())\n"
    bench.ask(hear + wanted.replace("signal.pause()", "[signal.pause() for _ in range(9)]"))
    process = bench.lab.spawn("replicate", bench.base)
    pid, _ = bench.wait()
    process.send_signal(signal.SIGINT)
    (bench.here / "deaf").open().close()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=8)
    assert process.returncode == 130 and bench.new == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.long
def test_several_at_a_time_are_all_ended(bench: Bench) -> None:
    _interrupt(bench, signal.SIGTERM, "--jobs", "3")
    assert set(_seeds(bench.new)) <= {1, 2}


@pytest.mark.long
def test_what_another_question_has_left_is_cleared_away(bench: Bench) -> None:
    other = bench.program("another", GAIN=-0.01)
    user = bench.lab.path.parent / "memorylab-replicate-of-the-user"
    bench.lab.git("worktree", "add", "-q", "--detach", str(user))
    folder = _interrupt(bench, signal.SIGKILL)
    bench.lab.run("replicate", other, "--seeds", "1", rc=None)
    assert not folder.exists() and user.exists() and bench.worktrees() == 1
    assert len(bench.state) == 1
    assert "continuing: 2 of 3 done" in bench.lab.run("replicate", bench.base, "--seeds", "3").stderr
    bench.lab.git("worktree", "remove", str(user))


@pytest.mark.long
def test_a_state_that_cannot_be_read_is_ignored(bench: Bench, tmp_path: Path) -> None:
    _interrupt(bench, signal.SIGINT)
    (state,) = bench.state
    (bench.lab.path / ".git" / "memorylab" / state).write_text("{")
    result = bench.lab.run("replicate", bench.base, "--seeds", "1")
    assert "continuing" not in result.stderr and _seeds(bench.new) == [1, 2, 3]
    assert bench.state == []
    for content in ('{"other": "", "seeds": [-1], "folder": ""}', '{"seeds": 1}', "[]", '"\xff"'):
        (tmp_path / "state").write_bytes(content.encode("latin-1"))
        assert replicate._read(tmp_path / "state") is None


def test_no_folder_but_its_own_is_removed(lab: Lab, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    worktrees.sweep(lab.store.place, precious)
    worktrees.sweep(lab.store.place, Path("memorylab-replicate-x"))
    assert precious.exists()


@pytest.mark.long
def test_a_second_process_is_refused(bench: Bench) -> None:
    other = bench.program("another", GAIN=-0.01)
    bench.block("seed == 1 and GAIN == 0")
    process = bench.lab.spawn("replicate", bench.base, "--seeds", "1")
    pid, folder = bench.wait()
    result = bench.lab.run("replicate", bench.base, "--seeds", "1", rc=3)
    assert result.stderr == "error: Another process is replicating this already.\nhint: Wait for it, or end it.\n"
    # Another question is none of its business, and leaves it alone.
    bench.lab.run("replicate", other, "--seeds", "1", rc=None)
    assert folder.exists() and len(bench.new) == 1
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


# -- refused


@pytest.mark.long
def test_what_cannot_be_repeated_is_refused(bench: Bench, make_lab: Callable[..., Lab]) -> None:
    lab = bench.lab
    lab.edit("GAIN", 0.01)
    lab.run("run", "--allow-dirty", "--description", "uncommitted")
    dirty = lab.memory.runs[-1].run_id
    assert lab.run("replicate", dirty, rc=3).stderr.startswith(f"error: {dirty} had uncommitted changes, which no ")
    lab.git("checkout", "-q", "train.py")
    short = lab.git("rev-parse", "--short", "HEAD")
    (lab.path / "theirs.tsv").write_text(
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.9\t1\tkeep\tfar\n"
        f"{short}\t1.8\t1\tkeep\tnear\n"
    )  # fmt: skip
    lab.run("import", "theirs.tsv")
    far, near = (next(run.run_id for run in lab.memory.runs if run.description == name) for name in ("far", "near"))
    assert f"The code of {far} was never in this repository." in lab.run("replicate", far, rc=3).stderr
    assert f"error: {near} was imported: " in lab.run("replicate", near, rc=3).stderr
    bench.ask("found['device'] = 'mps'")
    elsewhere = bench.program("elsewhere", GAIN=0.03)
    result = lab.run("replicate", bench.base, "--against", elsewhere, rc=3)
    said = f"{bench.base} and {elsewhere} do not compare: device is mps, was cpu.\nhint: Name runs that do.\n"
    assert said in result.stderr
    bench.ask("1 / 0")
    crashed = bench.program("crashed", GAIN=0.04)
    assert f"error: {crashed} has no val_bpb to compare." in lab.run("replicate", crashed, rc=3).stderr
    assert "runs of one program" in lab.run("replicate", bench.base, "--against", bench.base, rc=2).stderr
    assert "No run is called 'nonsense'" in lab.run("replicate", "nonsense", rc=3).stderr
    for options in (["--seeds", "0"], ["--jobs", "0"], ["--time-limit", "nan"]):
        lab.run("replicate", bench.base, *options, rc=2)
    assert bench.new == [] and bench.state == []


def test_the_budget_of_a_run_by_tokens(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    run = bench.lab.memory.runs[0]
    monkeypatch.setenv("AUTORESEARCH_TOKENS", "5")
    assert run.environment is not None
    by_tokens = replace(run, environment=replace(run.environment, budget_kind="tokens", budget=1000.0, threads=None))
    told = rerun._environment(by_tokens, 4)
    assert (told["AUTORESEARCH_TOKENS"], told["AUTORESEARCH_SEED"]) == ("1000", "4")
    assert "AUTORESEARCH_THREADS" not in told
    unknown = rerun._environment(replace(run, environment=None), 4)
    assert unknown["AUTORESEARCH_TOKENS"] == "5"
