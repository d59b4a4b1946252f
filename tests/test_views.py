"""Views: rendered from the ledger, deletable, never read back as truth."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memorylab import index
from memorylab.core.record import Artifact
from memorylab.views import fresh, refresh
from tests.conftest import Lab, Templates
from tests.core.conftest import build
from tests.test_recall import Team


def snapshot(lab: Lab) -> dict[str, bytes]:
    """Every view's bytes, the timestamped reports aside."""
    found = {"results.tsv": (lab.path / "results.tsv").read_bytes()}
    for path in sorted((lab.path / "results").rglob("*")):
        if path.is_file() and (path.parent.name != "reports" or path.name == "latest.md"):
            found[str(path.relative_to(lab.path))] = path.read_bytes()
    return found


def everything(path: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(file.relative_to(path)): (file.stat().st_mtime_ns, file.read_bytes())
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def night(templates: Templates, tmp_path: Path) -> Lab:
    def tell(lab: Lab) -> None:
        lab.experiment("baseline", 1.0)
        lab.experiment("deeper", 1.2, knob="DEPTH", to=12)
        lab.edit("MATRIX_LR", 0.9)
        lab.commit("raise matrix LR")
        (lab.path / "run.log").write_text(
            "Traceback (most recent call last):\n  x\nRuntimeError: CUDA out of memory.\n"
        )
        lab.run("log", "--log", "run.log", "--status", "crash", "--report")

    return templates.told("the views of a night", tell, tmp_path)


def test_what_was_deleted_comes_back_byte_for_byte(night: Lab) -> None:
    before = snapshot(night)
    head = night.git("rev-parse", "HEAD")
    for command in ("status", "check --description x", f"show {head}", "report --output elsewhere.md", "init"):
        shutil.rmtree(night.path / "results")
        (night.path / "results.tsv").unlink()
        night.run(*command.split())
        assert snapshot(night) == before, command


def test_a_single_view_comes_back(night: Lab) -> None:
    before = snapshot(night)
    folder = night.path / "results" / "memorylab"
    names = ("experiments.jsonl", "champion_challenger.json", "reports/latest.md", "runs")
    one_run = folder / "runs" / night.memory.runs[1].run_id
    for path in (night.path / "results.tsv", *(folder / name for name in names), one_run):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        night.run("status")
        assert snapshot(night) == before, path


def test_a_view_is_never_read_back(night: Lab) -> None:
    before = snapshot(night)
    (night.path / "results" / "memorylab" / "experiments.jsonl").write_text('{"run_id":"forged"}\n')
    (night.path / "results" / "memorylab" / "champion_challenger.json").write_text("{")
    night.run("status")
    assert snapshot(night) == before


def test_nothing_is_written_when_nothing_changed(night: Lab) -> None:
    night.run("status")
    before = everything(night.path)
    for command in (["status"], ["check", "--description", "x"], ["show", night.memory.runs[0].run_id]):
        night.run(*command)
    after = everything(night.path)
    assert after == before


def test_a_report_comes_back_identically(night: Lab) -> None:
    night.run("report", "--since-hours", "3")
    folder = night.path / "results" / "memorylab" / "reports"
    before = (folder / "latest.md").read_bytes()
    assert b"the last 3 hours" in before
    shutil.rmtree(folder)
    night.run("status")
    assert (folder / "latest.md").read_bytes() == before


def test_a_report_of_more_hours_than_there_were(night: Lab) -> None:
    for hours in ("1e9", "1e300", "inf"):
        night.run("report", "--since-hours", hours)
        assert "3 runs" in (night.path / "results" / "memorylab" / "reports" / "latest.md").read_text()


def test_results_tsv_is_upstreams(night: Lab) -> None:
    lines = (night.path / "results.tsv").read_text().splitlines()
    assert lines[0] == "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
    assert [line.split("\t")[1:] for line in lines[1:]] == [
        ["1.000000", "44.0", "keep", "baseline"],
        ["1.200000", "44.0", "discard", "deeper"],
        ["0.000000", "0.0", "crash", "raise matrix LR"],
    ]
    assert all(len(line.split("\t")[0]) == 7 for line in lines[1:])
    crash = json.loads((night.path / "results/memorylab/experiments.jsonl").read_text().splitlines()[2])
    assert crash["metrics"]["val_bpb"] is None and 0 not in crash["metrics"].values()


def test_rows_written_by_hand_are_rescued_and_can_be_imported(night: Lab) -> None:
    table = night.path / "results.tsv"
    rows = table.read_text() + "abcdef0\t0.970000\t43.0\tkeep\tby hand\nabcdef1\t0.000000\t0.0\tcrash\tby hand too\n"
    table.write_text(rows)
    said = night.run("status")
    assert "2 rows" in said.stderr and "import" in said.stderr
    kept = list(night.path.glob("results.tsv.edited-*"))
    assert len(kept) == 1 and kept[0].read_text() == rows and "by hand" not in table.read_text()
    assert night.run("status").stderr == ""
    assert json.loads(night.run("import", kept[0].name, "--json").stdout)[0]["added"] == 2
    assert json.loads(night.run("import", kept[0].name, "--json").stdout)[0]["added"] == 0
    assert sorted(run.description for run in night.memory.runs) == [
        "baseline", "by hand", "by hand too", "deeper", "raise matrix LR",
    ]  # fmt: skip
    assert "by hand too" in table.read_text()
    assert night.git("status", "--porcelain") == ""


def test_rows_that_were_taken_out_by_hand_come_back(night: Lab) -> None:
    table = night.path / "results.tsv"
    before = table.read_text()
    table.write_text("".join(before.splitlines(keepends=True)[:2]))
    assert night.run("status").stderr == ""
    assert table.read_text() == before and not list(night.path.glob("results.tsv.edited-*"))


def test_a_file_in_the_way_does_not_lose_the_run(night: Lab) -> None:
    shutil.rmtree(night.path / "results")
    (night.path / "results").write_text("in the way")
    night.result(0.9)
    said = night.run("log", "--log", "run.log", "--description", "after")
    assert "could not be written" in said.stderr
    assert night.memory.runs[-1].description == "after"
    (night.path / "results").unlink()
    assert night.run("status").stderr == ""
    assert "after" in (night.path / "results" / "memorylab" / "experiments.jsonl").read_text()


def test_status_writes_nothing_where_nobody_asked(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    before = everything(lab.path)
    for command in (["status"], ["check", "--description", "x"], ["status", "--json"]):
        lab.run(*command)
    assert everything(lab.path) == before
    assert lab.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_bare_repository_is_read_and_nothing_is_written_there(night: Lab) -> None:
    bare = Lab(night.path.with_name("bare.git"))
    night.git("clone", "-q", "--mirror", str(night.path), str(bare.path))
    before = everything(bare.path)
    run = night.memory.runs[1]
    assert "3 runs" in bare.run("status").output
    assert run.description in bare.run("show", run.run_id, "--json").output
    assert "DEPTH" in bare.run("diff", run.run_id, "--json").output
    assert "DEPTH" in bare.run("diff", run.run_id, night.memory.runs[0].run_id, "--json").output
    assert "->" in bare.run("check", "--description", "deeper").output
    assert "# Morning report" in bare.run("report").output
    assert bare.run("check", rc=3).stderr.startswith("error: A bare repository")
    assert bare.run("restore", run.run_id, rc=3).stderr.startswith("error: A bare repository")
    assert everything(bare.path) == before


def test_a_worktree_has_views_of_its_own(night: Lab) -> None:
    night.git("worktree", "add", "-q", "--detach", str(night.path.parent / "tree"))
    tree = Lab(night.path.parent / "tree")
    tree.run("status")
    ours, theirs = snapshot(night), snapshot(tree)
    report = "results/memorylab/reports/latest.md"
    assert {k: v for k, v in ours.items() if k != report} == {k: v for k, v in theirs.items() if k != report}


def test_a_quote_at_the_start_does_not_swallow_the_rows_below(lab: Lab) -> None:
    """csv and pandas take a field that begins with a quote for a quoted one."""
    lab.experiment('"lucky" seed', 1.0)
    lab.experiment('"unbalanced', 1.1)
    lab.experiment("plain", 1.2)
    with (lab.path / "results.tsv").open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert [row[4] for row in rows[1:]] == ["'lucky\" seed", "'unbalanced", "plain"]


def test_a_file_deleted_from_a_run_folder_comes_back(lab: Lab) -> None:
    lab.experiment("x", 1.0)
    (packet,) = (lab.path / "results" / "memorylab" / "runs").glob("*/decision_packet.md")
    before = packet.read_bytes()
    packet.unlink()
    lab.run("status")
    assert packet.read_bytes() == before


def test_a_file_that_a_power_cut_has_emptied_is_written_again(lab: Lab) -> None:
    """Its name was there, and what is remembered of the views was gone, too."""
    lab.experiment("raise depth", 1.0)
    (path,) = lab.path.glob("results/memorylab/runs/*/run.log")
    before = path.read_bytes()
    os.truncate(path, 10)
    (lab.path / ".git" / "memorylab-views.json").write_bytes(b"")
    lab.run("status")
    assert path.read_bytes() == before


def test_an_artifact_that_comes_later_completes_its_folder(lab: Lab) -> None:
    lab.experiment("wider", 0.99, knob="DEPTH", to=9)
    (run,) = lab.memory.runs
    folder = lab.path / "results" / "memorylab" / "runs" / run.run_id
    name, artifact = next((name, one) for name, one in run.artifacts.items() if name.endswith(".patch"))
    loose = lab.path / ".git" / "objects" / artifact.blob[:2] / artifact.blob[2:]
    loose.rename(lab.path / "away")
    (folder / name).unlink()
    lab.run("status")
    assert folder.exists() and not (folder / name).exists()
    (lab.path / "away").rename(loose)
    lab.experiment("deeper", 1.2, knob="DEPTH", to=12)
    assert (folder / name).exists()


def test_an_artifact_that_is_too_long_is_left_in_git(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the record says of its size: one that admits it is not even looked for again."""
    monkeypatch.setattr(refresh, "_LONGEST", 0)
    lab.git("config", "memorylab.artifactLimit", "2048")
    blob, small = (lab.write_raw("blob", b"x" * size) for size in (2049, 3))
    says = {"admits": {"a.log": Artifact(blob=blob, size=2049)}, "lies": {"a.log": Artifact(blob=blob, size=3)}}
    found = [build(name, artifacts=one | {"b.log": Artifact(blob=small, size=3)}) for name, one in says.items()]
    lab.ledger.append(datetime.now(UTC), [(lab.git("rev-parse", "HEAD"), run) for run in found])
    lab.run("status")
    for name in says:
        folder = lab.path / "results" / "memorylab" / "runs" / name
        assert sorted(path.name for path in folder.iterdir()) == ["b.log", "record.json"]
    assert fresh.load(lab.store.place).incomplete == ["lies"]


def test_what_is_deleted_of_an_older_run_comes_back_and_an_amendment_is_written(lab: Lab) -> None:
    lab.experiment("wider", 0.99, knob="DEPTH", to=9)
    lab.experiment("deeper", 1.2, knob="DEPTH", to=12)
    first, second = lab.memory.runs
    runs = lab.path / "results" / "memorylab" / "runs"
    (runs / first.run_id / "record.json").unlink()
    lab.experiment("shallower", 1.3, knob="DEPTH", to=4)
    assert (runs / first.run_id / "record.json").exists()
    lab.run("amend", second.run_id, "--notes", "a fluke")
    assert b"a fluke" in (runs / second.run_id / "record.json").read_bytes()


@pytest.mark.parametrize("left", [0, 1, 40, 0.5, 1.0])
def test_what_a_power_cut_leaves_of_our_lines_is_not_taken_for_anothers(night: Lab, left: float) -> None:
    path = night.path / "results" / "memorylab" / "experiments.jsonl"
    lines = path.read_bytes()
    # Views are not synced: neither what is remembered of them nor all of a file need be there.
    (night.path / ".git" / "memorylab-views.json").write_bytes(b"")
    path.write_bytes(lines[: int(left * len(lines) - 1) if isinstance(left, float) else left])
    assert night.run("status").stderr == ""
    assert path.read_bytes() == lines
    assert not list(night.path.rglob("*before-memorylab*"))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8))])
def test_views_that_grew_are_as_if_made_anew(night: Lab, seed: int) -> None:
    team = Team(night, seed)
    done = []
    for _ in range(24):
        done.append(team.act())
        if team.chance.random() < 0.5:
            night.run("status")
    night.run("status")
    grown = snapshot(night)
    shutil.rmtree(night.path / "results")
    for path in (night.path / "results.tsv", night.path / ".git/memorylab-views.json", night.store.state / index.FILE):
        path.unlink()
    night.run("status")
    assert snapshot(night) == grown, done


def test_what_is_new_is_appended(night: Lab) -> None:
    paths = [night.path / "results.tsv", night.path / "results/memorylab/experiments.jsonl"]
    before = [(path.stat().st_ino, path.read_bytes()) for path in paths]
    night.experiment("one more", 0.9)
    for path, (inode, content) in zip(paths, before, strict=True):
        assert path.stat().st_ino == inode and path.read_bytes().startswith(content)
    first = night.memory.runs[0].run_id
    night.run("amend", first, "--notes", "what comes after it is written again")
    lines = paths[1].read_bytes().splitlines()
    assert len(lines) == 4 and b"written again" in lines[0]


def test_an_append_that_was_killed_is_made_good(night: Lab) -> None:
    """Half a line stands at the end, and nobody remembers having written it."""
    before = snapshot(night)
    for path in (night.path / "results.tsv", night.path / "results/memorylab/experiments.jsonl"):
        with path.open("ab") as file:
            file.write(path.read_bytes()[:30])
        night.run("status")
    assert snapshot(night) == before


def test_a_check_does_not_write_what_has_come_into_the_views(night: Lab) -> None:
    """The hook's plan, or what others have sent: an agent that asks for a verdict waited for all of them."""
    night.edit("DEPTH", 17)
    night.starts_hooks = True
    night.commit("deeper by far")
    before = snapshot(night)
    night.run("check", "--description", "deeper by far")
    assert snapshot(night) == before
    state = fresh.load(night.store.place)
    night.run("status")
    assert fresh.load(night.store.place).made_from != state.made_from
