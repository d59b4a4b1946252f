"""Many writers at once: every acknowledged record is there, once, in order."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Lab

MANY = pytest.param(16, 20, marks=pytest.mark.long)

# What `log` stores, without the 70 ms that a command takes to start: one plan per append, each in its own transaction.
CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path

from memorylab.core.verdict import evaluate_policy
from memorylab.core.record import Plan, Verdict
from memorylab.ledger import Ledger, new_id, timestamp
from memorylab.store.git import locate
from memorylab.store.repo import Store

commit, count = sys.argv[1], int(sys.argv[2])
verdict = Verdict(
    classification="novel", probe_text="", threshold=0.6, effective_threshold=0.6, match_count=0, counts={},
    top_matches=[], mode="exploit", policy=evaluate_policy("novel", "exploit"),
)
for n in range(count):
    now = datetime.now(UTC)
    plan = Plan(
        writer="-", seq=1, id=new_id(now, commit), timestamp_utc=timestamp(now), branch=None, commit=commit,
        parent_commit=None, family="", description=f"try {n}", hypothesis="", tags=[], novelty_guard=verdict,
        change=None,
    )
    print(Ledger(locate(Path.cwd())).append(now, [(commit, plan)])[0].id, flush=True)
"""


def journal(lab: Lab, writer: str) -> list[tuple[dict, str]]:
    """(record, commit that it pins) of every entry, first to last."""
    entries = lab.store.journal(lab.git("rev-parse", f"refs/memorylab/journal/{writer}"))
    return [(json.loads(entry.line), entry.anchor) for entry in entries][::-1]


def noted(lab: Lab, writer: str) -> list[dict]:
    """Every line of the writer's notes."""
    found = lab.store.notes(lab.git("rev-parse", f"refs/notes/memorylab/ledger/{writer}"))
    return [json.loads(line) for _, content in found or () for line in (content or b"").splitlines()]


def two_worktrees(lab: Lab) -> tuple[Lab, Lab]:
    lab.git("worktree", "add", "-q", "-b", "other", str(lab.path.parent / "tree"))
    other = Lab(lab.path.parent / "tree")
    other.edit("DEPTH", 9)
    other.commit("double depth")
    return lab, other


@pytest.mark.parametrize(("processes", "appends"), [(5, 8), MANY])
def test_processes_in_two_worktrees_lose_nothing(
    make_lab: Callable[..., Lab], tmp_path: Path, processes: int, appends: int
) -> None:
    trees = two_worktrees(make_lab())
    writer = trees[0].store.writer()
    assert writer is not None and trees[1].store.writer() == writer
    before = trees[0].store.tips()
    already = len(journal(trees[0], writer))
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    started = []
    for n in range(processes):
        tree = trees[n % 2]
        command = [sys.executable, str(child), tree.git("rev-parse", "HEAD"), str(appends)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, cwd=tree.path, text=True, **pipes))
    acknowledged = []
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        acknowledged += out.split()
    total = processes * appends
    assert len(set(acknowledged)) == total

    entries = journal(trees[0], writer)
    assert [record["seq"] for record, _ in entries] == list(range(1, already + total + 1))
    lines = noted(trees[1], writer)
    assert len(lines) == already + total
    by_id = {record["id"]: record for record in lines}
    assert by_id == {record["id"]: record for record, _ in entries}
    assert by_id.keys() >= set(acknowledged)
    assert all(record["commit"] == pinned for record, pinned in entries)
    trees[0].git("fsck", "--strict", "--no-dangling")
    assert trees[0].store.tips().keys() >= before.keys()
    # Plans of one commit: the latest counts.
    assert set(trees[0].memory.plans) == {tree.git("rev-parse", "HEAD") for tree in trees}


@pytest.mark.long
def test_real_commands_at_once_leave_whole_views(make_lab: Callable[..., Lab]) -> None:
    trees = two_worktrees(make_lab())
    for tree in trees:
        tree.result(1.0)
    options = ("--json", "--report")
    started = [
        trees[n % 2].spawn("log", "--log", "run.log", "--description", f"idea {n}", "--status", "keep", *options)
        for n in range(6)
    ]
    logged = []
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        logged.append(json.loads(out))
    writer = trees[0].store.writer()
    assert writer is not None
    ours = [record for record, _ in journal(trees[0], writer) if record["kind"] == "run"]
    assert sorted(record["run_id"] for record in ours) == sorted(record["run_id"] for record in logged)
    assert len({record["seq"] for record in logged}) == len(started)
    for tree in trees:
        tree.run("status")
        folder = tree.path / "results" / "memorylab"
        lines = [json.loads(line) for line in (folder / "experiments.jsonl").read_text().splitlines()]
        assert sorted(line["run_id"] for line in lines) == sorted(line["run_id"] for line in logged)
        assert sorted(path.name for path in (folder / "runs").iterdir()) == sorted(line["run_id"] for line in logged)
        assert len((tree.path / "results.tsv").read_text().splitlines()) == 1 + len(started)
        assert not [path for path in tree.path.rglob(".*.*") if path.name.startswith(".experiments")]
        # git shows a packet for each of the runs on HEAD.
        assert tree.git("log", "-1").count("# Decision packet") == 3
    trees[0].git("fsck", "--strict", "--no-dangling")
