"""Notes trees: every layout that git or we may have left is read, and a note stays where it stands."""

from pathlib import Path

import pygit2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pygit2.enums import FileMode

from memorylab.errors import NotFound
from memorylab.store import notes
from memorylab.store.git import Place
from memorylab.store.notestree import NotesTree
from memorylab.store.pack import FILE, FOLDER, Pack
from memorylab.store.reader import Reader

COMMITS = st.integers(0, 2**160 - 1).map(lambda n: f"{n:040x}")
# Few first digits, so that folders fill up.
CROWDED = st.integers(0, 2**152 - 1).map(lambda n: f"{n % 2:02x}{n:038x}")


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> pygit2.Repository:
    return pygit2.init_repository(str(tmp_path_factory.mktemp("notes")), bare=True)


def opened(repo: pygit2.Repository, tip: str | None) -> tuple[NotesTree, Pack]:
    """A notes tree to write to, and the pack that it is written into."""
    place = Place(Path(repo.path), Path(repo.path), None)
    pack = Pack(place)
    return NotesTree(Reader(place), pack, tip), pack


def layout(repo: pygit2.Repository, found: dict[str, tuple[int, bytes]]) -> pygit2.Oid:
    """A tree with each note as many folders deep as it says."""
    root: dict = {}
    for commit, (depth, content) in found.items():
        at = root
        for level in range(depth):
            at = at.setdefault(commit[2 * level : 2 * level + 2], {})
        at[commit[2 * depth :]] = content

    def write(node: dict) -> pygit2.Oid:
        builder = repo.TreeBuilder()
        for name, child in node.items():
            if isinstance(child, dict):
                builder.insert(name, write(child), FileMode.TREE)
            else:
                builder.insert(name, repo.create_blob(child), FileMode.BLOB)
        return builder.write()

    return write(root)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(COMMITS, st.tuples(st.integers(0, 3), st.binary(max_size=9))), COMMITS, st.binary(max_size=9))
def test_any_mixture_of_layouts_is_read_and_kept(
    repo: pygit2.Repository, found: dict[str, tuple[int, bytes]], new: str, content: bytes
) -> None:
    tree, pack = opened(repo, str(layout(repo, found)))
    for commit, (_, wanted) in found.items():
        assert tree.get(commit) == wanted
    tree.set(new, content)
    for commit in found:
        tree.append(commit, b"more")
    written = tree.write()
    pack.write()
    after = {commit: repo[blob].data for commit, blob in notes.read(repo, written)}
    assert set(after) == set(found) | {new}
    if new not in found:
        assert after[new] == content
    for commit, (_, before) in found.items():
        if commit != new:
            assert after[commit].endswith(b"more\n") and after[commit].startswith(before)


@pytest.mark.long
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(CROWDED, min_size=120, max_size=200))
def test_full_folders_go_one_level_deeper_and_git_reads_them(repo: pygit2.Repository, commits: set[str]) -> None:
    tree = None
    for commit in sorted(commits):
        edited, pack = opened(repo, tree)
        edited.append(commit, commit.encode())
        tree = edited.write()
        pack.write()
    assert tree is not None
    assert {c: repo[b].data for c, b in notes.read(repo, tree)} == {c: c.encode() + b"\n" for c in commits}
    folders = [repo[repo[tree][name].id] for name in ("00", "01")]
    assert any(entry.filemode == FileMode.TREE for folder in folders for entry in folder)


@pytest.mark.parametrize("missing", ["tip", "folder", "note"])
def test_a_tree_that_is_not_whole_is_not_written_over(repo: pygit2.Repository, missing: str) -> None:
    """Taken for an empty one, it would lose what the rest of it is."""
    entries = {"note": ("1" * 40, FILE), "folder": ("11", FOLDER)}
    pack = Pack(Place(Path(repo.path), Path(repo.path), None))
    tip = "2" * 40
    if missing != "tip":
        name, mode = entries[missing]
        tip = pack.tree({name: (mode, "2" * 40)})
        pack.write()
    with pytest.raises(NotFound):
        opened(repo, tip)[0].append("1" * 40, b"line")


def test_names_that_are_no_notes_are_passed_over(repo: pygit2.Repository) -> None:
    builder = repo.TreeBuilder()
    for name in ("README", "zz", "ab" * 21, "0" * 39):
        builder.insert(name, repo.create_blob(b"x"), FileMode.BLOB)
    assert list(notes.read(repo, builder.write())) == []


def test_git_reads_what_we_write(tmp_path: Path) -> None:
    import subprocess

    repo = pygit2.init_repository(str(tmp_path / "r"))
    me = pygit2.Signature("a", "a@b", 0, 0)
    empty = repo.TreeBuilder().write()
    commit = repo.create_commit("refs/heads/main", me, me, "x", empty, [])
    tree, pack = opened(repo, None)
    tree.append(str(commit), b"one")
    tree.append(str(commit), b"two")
    written = tree.write()
    pack.write()
    repo.create_commit("refs/notes/n", me, me, "n", pygit2.Oid(hex=written), [])
    shown = subprocess.run(
        ["git", "notes", "--ref=n", "show", str(commit)], cwd=tmp_path / "r", capture_output=True, check=True
    )
    assert shown.stdout == b"one\ntwo\n"
