"""The generated ledgers of the benchmarks are what they are meant to be, and what the program would have written."""

import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.scale import generate, plot
from benchmarks.scale.history import Lab as Plan
from benchmarks.scale.history import Step, history, name_of
from benchmarks.scale.measure import Beyond, Failed, Sample, in_turn, run
from benchmarks.swarm import flood, writers
from memorylab.core.change import read_change
from memorylab.store import refs
from memorylab.store.reader import Reader
from memorylab.store.transaction import Transaction
from tests.conftest import FORM, Hub, Lab, Templates

pytestmark = [
    pytest.mark.long,  # for their length alone
    pytest.mark.skipif(FORM.name != "sha1", reason="the benchmark generates repositories by SHA-1"),
]

PLAN = Plan(runs=100, writers=2, seed=7)


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    return Lab(generate.generate(PLAN, tmp_path / "made"))


def test_the_ledger_is_read_as_it_was_meant(made: Lab) -> None:
    steps = list(history(PLAN))
    memory = made.memory
    assert memory.runs == tuple(step.run for step in steps)
    assert memory.plans == {step.plan.commit: step.plan for step in steps if step.plan}
    assert memory.unreadable == ()
    assert {run.status for run in memory.runs} == {"keep", "discard", "crash"}
    assert len({run.commit for run in memory.runs}) < len(memory.runs)  # some were run again


def test_every_ledger_is_whole_and_goes_on(made: Lab) -> None:
    made.run("init")
    assert made.run("verify").output.count(", whole") == PLAN.writers
    made.experiment("MATRIX_LR 0.7", 1.3, knob="MATRIX_LR", to=0.7)
    assert made.memory.runs[-1].writer == name_of(0)
    assert made.run("verify").output.count(", whole") == PLAN.writers


def test_changes_and_patches_are_those_of_the_commits(made: Lab) -> None:
    texts: dict[str, str] = {}
    for n, step in enumerate(history(PLAN)):
        if step.commit is None:
            continue
        text = texts[step.commit.oid] = step.commit.text.decode()
        assert step.run.change == read_change(texts.get(step.commit.parent), text, "train.py", blob=step.commit.blob)
        if step.commit.parent and (n % 4 == 0 or len(step.files["train.patch"].split(b"@@")) > 3):
            assert made.git("show", f"{step.commit.oid}:train.py") == text.strip()
            shown = made.git("diff", step.commit.parent, step.commit.oid)
            patch = step.files["train.patch"].decode().strip()
            assert re.sub(r"(?m)^(@@ .* @@).*", r"\1", shown) == patch  # git names a line before the hunk, too


def test_refs_are_what_the_program_writes(made: Lab, make_lab: Callable[..., Lab]) -> None:
    """A transaction for each record, on the same commits, ends in the same notes trees and journal entries."""
    lab = make_lab(init=False)
    lab.git("fetch", "-q", str(made.path), "+refs/*:refs/made/*")
    steps = [step for step in history(PLAN) if step.writer == name_of(0)]
    for step in steps:
        _replay(lab, step)
    for kind, ref in refs.of(name_of(0)):
        theirs = made.git("rev-parse", f"{ref}^{{tree}}")
        assert lab.git("rev-parse", f"{ref}^{{tree}}") == theirs, kind
    listed = ("log", "--first-parent", "--format=%T %s %b")
    assert lab.git(*listed, refs.JOURNAL + name_of(0)) == made.git(*listed, refs.JOURNAL + name_of(0))


def _replay(lab: Lab, step: Step) -> None:
    """Add a step's records as the program does."""
    place = lab.store.place
    for record, line in zip([one for one in (step.plan, step.run) if one], step.lines, strict=True):
        is_run = record is step.run
        now, tips = (
            datetime.fromisoformat(record.timestamp_utc or ""),
            refs.at(place, dict(refs.of(step.writer)).values()),
        )
        transaction = Transaction(place, step.writer, now, tips, Reader(place))
        blobs = {name: transaction.create_blob(content) for name, content in step.files.items()} if is_run else {}
        title = f"{step.run.status if is_run else 'plan'}: {record.description}"
        transaction.add(step.run.commit, line, blobs, title)
        transaction.commit()


def test_equal_plans_make_equal_repositories(made: Lab, tmp_path: Path) -> None:
    other = Lab(generate.generate(PLAN, tmp_path / "again"))
    listed = ("for-each-ref", "--format=%(refname) %(objectname)")
    assert made.git(*listed) == other.git(*listed)
    assert (made.path.parent / "results.tsv").read_bytes() == (other.path.parent / "results.tsv").read_bytes()
    assert next(history(PLAN._replace(seed=8))) != next(history(PLAN))


def test_the_remote_has_what_all_own(made: Lab) -> None:
    remote = Lab(made.path.with_name("remote.git"))
    held = set(remote.git("for-each-ref", "--format=%(refname)").split())
    assert held == {"refs/heads/main", *(ref for n in (0, 1) for _, ref in refs.of(name_of(n)))}
    remote.git("fsck", "--connectivity-only", "--no-dangling")


def test_processes_are_measured(tmp_path: Path) -> None:
    found = run(["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"], tmp_path, dict(os.environ), 60)
    assert found.cpu > 0 and found.wall > 0 and found.peak > 0
    with pytest.raises(Failed, match="exit code 3, oh"):
        run(["sh", "-c", "echo oh >&2; exit 3"], tmp_path, dict(os.environ), 60)
    with pytest.raises(Beyond):
        run(["sh", "-c", "sleep 600 & wait"], tmp_path, dict(os.environ), 0.05)


def test_what_fails_is_not_tried_again() -> None:
    tried: list[str] = []

    def work(name: str) -> Sample:
        tried.append(name)
        if name == "slow":
            raise Beyond
        if name == "bad":
            raise Failed("exit code 1")
        return Sample(float(len(tried)), 1.0, 10.0)

    found = in_turn({name: lambda n=name: work(n) for name in ("good", "slow", "bad")}, 3, 600, 1e9)  # type: ignore[misc]
    assert tried == ["good", "slow", "bad", "good", "good"]
    assert found["good"].sample == Sample(4.0, 1.0, 10.0) and found["good"].times == 3
    assert (found["slow"].why, found["bad"].why) == ("> 600 s", "failed: exit code 1")


def test_the_plot_stands_on_decades() -> None:
    drawn = plot.draw(
        [plot.Line("log <b>", "", 0, [(100, 0.1), (1000, 10)]), plot.Line("hook", "", 1, [(100, 0.0001)])]
    )
    assert "log &lt;b&gt;" in drawn and "hook" not in drawn
    at = [tuple(map(float, pair.split(","))) for pair in re.search(r'points="([^"]*)"', drawn)[1].split()]  # type: ignore[index]
    assert at == [(plot.LEFT, plot.HEIGHT - plot.BOTTOM), (plot.WIDTH - plot.RIGHT, plot.TOP)]


def test_the_ledgers_of_a_swarm_are_whole(lab: Lab) -> None:
    writers.fill(lab.path, 3, 7)
    assert len(lab.memory.runs) == 8
    lab.run("verify")


def test_a_flood_is_no_record_or_one_as_it_is_poured(tmp_path: Path, templates: Templates) -> None:
    for make, unreadable in ((flood.garbage, 2000), (flood.valid, 0)):
        (tmp_path / make.__name__).mkdir()
        hub = Hub(templates, tmp_path / make.__name__ / "hub")
        flood.pour(hub.path, make(2000), 2000)
        lab = hub.join("ann")
        assert len(lab.memory.unreadable) == unreadable


def test_a_flood_of_entries_is_a_journal_with_no_record(tmp_path: Path, templates: Templates) -> None:
    hub = Hub(templates, tmp_path / "hub")
    lab = hub.join("ann")
    lab.git("push", "-q", "origin", "HEAD:main")
    flood.chain(hub.path, 30)
    lab.run("sync")
    assert not lab.memory.runs and not lab.memory.unreadable
    assert "entry 30 cannot be read" in lab.run("verify", rc=3).stdout
