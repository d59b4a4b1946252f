"""init: sets everything up once, takes in what others left, and goes again without a trace."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from memorylab.store import refs
from tests.conftest import TRAIN, Lab

UPSTREAM = (
    "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    "abc1234\t1.820000\t11.2\tkeep\tbaseline\n"
    "bcd2345\t1.790000\t11.2\tdiscard\tincrease matrix LR to 0.05\n"
)
PREDECESSOR = json.dumps({
    "run_id": "20260311T120000Z-deadbee", "timestamp_utc": "2026-03-11T12:00:00Z", "commit": "deadbee",
    "branch": "main", "parent_commit": None, "status": "keep", "description": "raise depth to 10", "family": "depth",
    "hypothesis": "", "tags": ["depth"], "notes": "", "metrics": {"val_bpb": 1.7, "peak_vram_mb": 1e3},
    "error": None, "artifacts": {"summary": "results/memorylab/runs/20260311T120000Z-deadbee/summary.json"},
})  # fmt: skip


def _files(folder: Path) -> dict[str, bytes]:
    """Every file but objects, refs and their logs, which hold the memory."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith((".git/objects/", ".git/refs/", ".git/logs/refs/", ".git/reftable/")):
            found[name] = path.read_bytes()
    return found


def _changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _fetch(lab: Lab, remote: str = "origin") -> list[str]:
    return lab.git("config", "--get-all", f"remote.{remote}.fetch").splitlines()


def _logged(lab: Lab) -> list[str]:
    return [run.description for run in lab.memory.runs]


def test_a_second_init_changes_nothing(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    lab.git("remote", "add", "origin", "https://example.org/lab.git")
    (lab.path / "results.tsv").write_text(UPSTREAM)
    lab.run("init")
    before, tips = _files(lab.path), lab.git("for-each-ref")
    lab.run("init")
    assert _changed(before, _files(lab.path)) == set()
    assert lab.git("for-each-ref") == tips


@pytest.mark.parametrize("kind", ["empty", "used", "upstream", "predecessor"])
def test_uninstall_leaves_no_trace_but_the_refs(make_lab: Callable[..., Lab], kind: str) -> None:
    lab = make_lab(init=False)
    lab.git("remote", "add", "origin", "https://example.org/lab.git")
    if kind == "upstream":
        (lab.path / "results.tsv").write_text(UPSTREAM)
    if kind == "predecessor":
        for name, content in (("experiments.jsonl", PREDECESSOR), ("runs/20260311T120000Z-deadbee/summary.json", "{}")):
            path = lab.path / "results" / "memorylab" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (lab.path / "results" / "plot.txt").write_text("theirs")
    before = _files(lab.path)
    lab.run("init", "--writer", "me")
    if kind == "used":
        lab.git("worktree", "add", "-q", "../other")
        lab.edit("DEPTH", 9)
        lab.starts_hooks = True
        commit = lab.commit("deeper")
        lab.run("run", "--report", "--", "sh", "-c", "echo 'val_bpb: 1.5'", rc=0)
        (lab.path / "run.log").unlink()
        Lab(lab.path.parent / "other").run("status")
        lab.git("reset", "-q", "--hard", "HEAD~1")
        lab.git("worktree", "remove", "--force", "../other")
        before |= {".git/COMMIT_EDITMSG": b"deeper\n"}
    else:
        commit = ""
    tips = lab.git("for-each-ref", "refs/notes", "refs/memorylab/journal")
    assert "The memory stays" in lab.run("init", "--uninstall").output
    after = _files(lab.path)
    # git's own traces of the commit, the reset and the worktree, not ours.
    mine = {".git/index", ".git/logs/HEAD", ".git/ORIG_HEAD"} if kind == "used" else set()
    assert _changed(before, after) - mine == set()
    assert lab.git("for-each-ref", "refs/notes", "refs/memorylab") == tips
    assert lab.git("status", "--porcelain", "--untracked-files=no") == ""
    assert (not commit) or commit in [run.commit for run in lab.memory.runs]

    # Once more finds nothing of ours, and takes nothing of theirs.
    lab.run("init", "--uninstall")
    assert _changed(after, _files(lab.path)) == set()
    count = len(lab.memory.runs)
    lab.run("init")
    assert len(lab.memory.runs) == count
    assert (lab.path / "results.tsv").read_text().count("\n") == count + 1


def test_uninstall_clears_other_worktrees_too(lab: Lab) -> None:
    other = Lab(lab.path.parent / "other")
    lab.git("worktree", "add", "-q", str(other.path))
    other.run("status")
    assert (other.path / "results.tsv").exists()
    lab.run("init", "--uninstall")
    assert sorted(path.name for path in other.path.iterdir()) == [".git", "train.py"]
    left = {path.name for path in (lab.path / ".git" / "worktrees" / "other").iterdir()}
    assert not {name for name in left if "memorylab" in name}


def test_uninstall_takes_refspecs_of_a_renamed_remote(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    lab.git("remote", "add", "origin", "https://example.org/lab.git")
    lab.run("init")
    lab.git("remote", "rename", "origin", "upstream")
    lab.run("init", "--uninstall")
    assert _fetch(lab, "upstream") == ["+refs/heads/*:refs/remotes/upstream/*"]


def test_an_edited_exclude_file_keeps_what_the_user_wrote(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    path = lab.path / ".git" / "info" / "exclude"
    path.write_bytes(b"# caf\xe9\n*.o")
    lab.run("init")
    path.write_bytes(path.read_bytes() + b"*.later\n")
    once = path.read_bytes()
    lab.run("init")
    assert path.read_bytes() == once
    assert lab.git("check-ignore", "results.tsv", "run.log", "x.o", "x.later").count("\n") == 3
    lab.run("init", "--uninstall")
    assert path.read_bytes() == b"# caf\xe9\n*.o\n*.later\n"


def test_what_init_configures(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    for remote in ("origin", "other/one"):
        lab.git("remote", "add", remote, "https://example.org/lab.git")
    lab.run("init")
    lab.run("init")
    for remote in ("origin", "other/one"):
        assert _fetch(lab, remote) == [f"+refs/heads/*:refs/remotes/{remote}/*", *refs.fetch_refspecs(remote)]
    assert lab.git("config", "--get-all", "notes.displayRef") == refs.DISPLAY
    assert lab.git("config", "--get-all", "log.excludeDecoration").splitlines() == [
        "refs/notes/memorylab/", "refs/memorylab/",
    ]  # fmt: skip
    lab.git("remote", "add", "late", "https://example.org/lab.git")
    lab.run("init")
    assert len(_fetch(lab, "late")) == 3
    assert len(_fetch(lab)) == 3


def test_the_users_own_configuration_stays(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    lab.git("config", "notes.displayRef", "refs/notes/mine")
    lab.git("config", "log.excludeDecoration", "refs/bisect/")
    before = (lab.path / ".git" / "config").read_bytes()
    lab.run("init")
    assert lab.git("config", "--get-all", "notes.displayRef").splitlines() == ["refs/notes/mine", refs.DISPLAY]
    lab.run("init", "--uninstall")
    assert (lab.path / ".git" / "config").read_bytes() == before


def test_fetch_brings_the_memory_of_others(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    one = make_lab("one")
    one.experiment("deeper", 1.5, knob="DEPTH", to=9)
    subprocess.run(["git", "clone", "-q", str(one.path), str(tmp_path / "two")], check=True)
    two = Lab(tmp_path / "two")
    two.run("init")
    assert _logged(two) == ["deeper"]
    one.experiment("wider", 1.4, knob="DEPTH", to=10)
    two.git("fetch", "-q")
    assert _logged(two) == ["deeper", "wider"]


def test_the_writer_has_the_name_that_was_given(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    value = json.loads(lab.run("init", "--writer", "night shift/ü", "--json").stdout)
    assert list(value) == ["done"]
    assert value["done"][0].startswith("writer: night-shift-")
    assert lab.run("init", "--writer", "night shift/ü").output.splitlines()[0] == value["done"][0]
    assert lab.run("init", "--writer", "other", rc=3).stderr.startswith("error: This clone writes as night-shift-")


def test_upstreams_table_is_imported_and_kept(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    (lab.path / "results.tsv").write_text(UPSTREAM + "bad\trow\n")
    said = lab.run("init").output
    assert "results.tsv: 2 runs imported, 0 already known, 1 rejected" in said
    assert "  line 4: " in said
    assert "ledger: 2 runs" in said
    assert (lab.path / "results.tsv.before-memorylab").read_text() == UPSTREAM + "bad\trow\n"
    assert (lab.path / "results.tsv").read_text() == UPSTREAM
    assert _logged(lab) == ["baseline", "increase matrix LR to 0.05"]


def test_a_table_that_was_edited_after_init_is_taken_in_by_the_next(lab: Lab) -> None:
    lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    path = lab.path / "results.tsv"
    path.write_text(path.read_text() + "cde3456\t1.900000\t11.2\tdiscard\tby hand\n")
    lab.run("init")
    lab.run("init")
    assert sorted(_logged(lab)) == ["by hand", "deeper"]
    assert path.read_text().count("\n") == 3
    (lab.path / "results.tsv").write_text(path.read_text() + "def4567\t1.900000\t11.2\tdiscard\tby hand again\n")
    lab.run("init")
    assert sorted(_logged(lab)) == ["by hand", "by hand again", "deeper"]
    assert len(list(lab.path.glob("results.tsv.before-memorylab*"))) == 2


def test_the_predecessors_ledger_is_imported_and_its_folder_kept(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    folder = lab.path / "results" / "memorylab"
    (folder / "runs").mkdir(parents=True)
    (folder / "experiments.jsonl").write_text(PREDECESSOR + "\n")
    (folder / "champion_challenger.json").write_text("theirs")
    (lab.path / "results.tsv").write_text(UPSTREAM)
    said = lab.run("init").output
    assert "experiments.jsonl: 1 run imported" in said
    assert "results.tsv: 2 runs imported" in said
    (run,) = [run for run in lab.memory.runs if run.family == "depth"]
    assert (run.run_id, run.value("val_bpb"), run.tags) == ("20260311T120000Z-deadbee", 1.7, ["depth"])
    kept = lab.path / "results" / "memorylab.before-memorylab"
    assert (kept / "experiments.jsonl").read_text() == PREDECESSOR + "\n"
    assert (kept / "champion_challenger.json").read_text() == "theirs"
    assert len((folder / "experiments.jsonl").read_text().splitlines()) == 3
    assert "imported" not in lab.run("init").output


@pytest.mark.parametrize("deleted", [".git/memorylab-views.json", ".git/memorylab"])
def test_views_of_ours_are_never_taken_for_anothers(lab: Lab, deleted: str) -> None:
    lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    lab.experiment("wider", 1.6, knob="DEPTH", to=10)
    before = {name: (lab.path / name).read_bytes() for name in ("results.tsv", "results/memorylab/experiments.jsonl")}
    path = lab.path / deleted
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    assert "imported" not in lab.run("init").output
    assert len(lab.memory.runs) == 2
    assert {name: (lab.path / name).read_bytes() for name in before} == before
    assert not list(lab.path.rglob("*before-memorylab*"))
    (lab.path / ".git" / "memorylab-views.json").unlink()
    lab.run("init", "--uninstall")
    assert not (lab.path / "results.tsv").exists()
    assert not (lab.path / "results").exists()


def test_a_repository_without_commits(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "new")
    lab.path.mkdir()
    lab.git("init", "-q")
    assert "ledger: 0 runs" in lab.run("init").output
    lab.run("status")
    assert "no commit" in lab.run("check", rc=3).stderr
    lab.run("check", "--description", "deeper")
    (lab.path / "results.tsv").write_text(UPSTREAM)
    lab.run("init")
    assert len(lab.memory.runs) == 2


def test_a_detached_head(lab: Lab) -> None:
    lab.git("switch", "-q", "--detach")
    lab.run("init")
    lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    assert lab.memory.runs[0].branch is None


def test_a_submodule_has_a_memory_of_its_own(lab: Lab, make_lab: Callable[..., Lab]) -> None:
    source = make_lab("source", init=False)
    lab.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(source.path), "sub")
    inner = Lab(lab.path / "sub")
    inner.run("init")
    assert (inner.path / ".git").is_file()
    inner.experiment("deeper", 1.5, knob="DEPTH", to=9)
    assert _logged(inner) == ["deeper"]
    assert len(inner.memory.plans) == 1
    assert lab.memory.runs == ()
    assert "DEPTH" in inner.run("diff", inner.memory.runs[0].run_id, "--json").output


def test_a_bare_repository_gets_the_servers_hook(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "bare.git")
    lab.path.mkdir()
    lab.git("init", "-q", "--bare")
    assert "ledgers that are pushed here are only added to" in lab.run("init").output
    hook = lab.path / "hooks" / "update"
    assert hook.stat().st_mode & 0o777 == 0o755 and "refs/memorylab/*" in hook.read_text()
    assert not (lab.path / "memorylab").exists()
    lab.run("init")
    hook.write_text("#!/bin/sh\nexit 0\n")
    assert "is another hook" in lab.run("init", rc=3).stderr
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_repository_without_info_or_hooks_folder(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "plain")
    lab.path.mkdir()
    lab.git("init", "-q", "--template=")
    (lab.path / "train.py").write_text(TRAIN)
    before = _files(lab.path)
    lab.run("init")
    assert (lab.path / ".git" / "memorylab" / "hooks" / "post-commit").exists()
    lab.run("init", "--uninstall")
    assert _changed(before, _files(lab.path)) == set()


def test_from_a_linked_worktree_and_a_subfolder(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    other = Lab(lab.path.parent / "other")
    lab.git("worktree", "add", "-q", str(other.path))
    (other.path / "sub").mkdir()
    Lab(other.path / "sub").run("init")
    assert (lab.path / ".git" / "memorylab" / "hooks" / "post-commit").exists()
    assert (other.path / "results.tsv").exists()
    assert not (other.path / "sub" / "results.tsv").exists()
    assert other.git("status", "--porcelain") == ""


def test_uninstall_leaves_files_that_are_no_views(lab: Lab) -> None:
    """The whole folder was removed."""
    lab.experiment("x", 1.0, "--report")
    mine = [lab.path / "results" / "memorylab" / name for name in ("notes.md", "reports/mine.md", "runs/mine/x")]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    lab.run("init", "--uninstall")
    left = [path for path in (lab.path / "results").rglob("*") if path.is_file()]
    assert sorted(left) == sorted(mine)
