"""One writer id per clone: shared by its worktrees, kept when it moves, never shared with a copy."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from memorylab.core.record import ID_PATTERN
from memorylab.store import writer
from tests.conftest import Lab


def test_worktrees_share_their_writer(lab: Lab) -> None:
    lab.git("worktree", "add", "-q", str(lab.path.parent / "tree"))
    tree = Lab(lab.path.parent / "tree")
    lab.experiment("here", 1.0)
    tree.experiment("there", 0.9, knob="DEPTH", to=9)
    assert tree.store.writer() == lab.store.writer()
    assert [run.seq for run in lab.memory.runs] == sorted(run.seq for run in lab.memory.runs)
    assert len({run.writer for run in lab.memory.runs}) == 1


def test_a_copy_becomes_another_writer_when_it_writes(lab: Lab) -> None:
    lab.experiment("before", 1.0)
    shutil.copytree(lab.path, lab.path.with_name("copy"), symlinks=True)
    copy = Lab(lab.path.with_name("copy"))
    assert copy.store.writer() is None
    assert copy.run("status").exit_code == 0 and copy.store.writer() is None  # reading mints nothing
    copy.experiment("after", 0.9, knob="DEPTH", to=9)
    assert copy.store.writer() not in (None, lab.store.writer())
    lab.experiment("meanwhile", 0.8, knob="DEPTH", to=10)
    assert {run.description for run in copy.memory.runs} == {"before", "after"}  # both within a second, perhaps
    assert {run.writer for run in copy.memory.runs} == {lab.store.writer(), copy.store.writer()}


def test_a_moved_clone_keeps_its_writer(lab: Lab) -> None:
    before = lab.store.writer()
    lab.path.rename(lab.path.with_name("moved"))
    moved = Lab(lab.path.with_name("moved"))
    assert moved.store.writer() == before
    moved.experiment("after", 1.0)
    assert moved.memory.runs[0].writer == before


def test_a_copy_at_the_place_that_a_moved_clone_left_is_another_writer(lab: Lab) -> None:
    """mv lab old; write in old; cp -r old lab: the copy stands where the id was minted."""
    before = lab.store.writer()
    old = Lab(lab.path.with_name("old"))
    lab.path.rename(old.path)
    old.experiment("moved", 1.0)
    shutil.copytree(old.path, lab.path, symlinks=True)
    lab.experiment("copied", 0.9, knob="DEPTH", to=9)
    assert old.store.writer() == before != lab.store.writer()


def test_a_remounted_clone_keeps_its_writer(tmp_path: Path) -> None:
    """Network file systems number devices and inodes anew."""
    minted = writer.ensure(tmp_path, "lab")
    state = tmp_path / "memorylab" / "writer.json"
    state.write_text(re.sub(r'"(device|inode)":\d+', r'"\1":1', state.read_text()))
    assert writer.current(tmp_path) == writer.ensure(tmp_path) == minted


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"writer":1}', b"\xff\xfe"])
def test_a_damaged_id_is_minted_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "memorylab").mkdir()
    (tmp_path / "memorylab" / "writer.json").write_bytes(content)
    assert writer.current(tmp_path) is None
    assert writer.ensure(tmp_path) == writer.current(tmp_path)


@pytest.mark.parametrize("name", ["", "Jürgen Müller", "../../etc", "a..b", "-x", ".", "日本", "x" * 300, "a/b.lock"])
def test_an_id_is_a_part_of_a_ref(tmp_path: Path, name: str, make_lab: Callable[..., Lab]) -> None:
    minted = writer.ensure(tmp_path, name)
    assert re.search(ID_PATTERN, minted) and len(minted) <= 120
    make_lab(init=False).git("check-ref-format", f"refs/memorylab/journal/{minted}")


def test_init_names_the_writer(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init=False)
    lab.run("init", "--writer", "gpu box 1")
    assert re.fullmatch(r"gpu-box-1-[0-9a-f]{8}", lab.store.writer() or "")
    before = lab.store.writer()
    lab.run("init", "--writer", "gpu box 1")
    assert "writes as gpu-box-1-" in lab.run("init", "--writer", "another", rc=3).stderr
    assert lab.store.writer() == before
