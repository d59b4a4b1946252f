"""Notes trees: every layout that git or we may have left is read, and a note stays where it stands."""

import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memorylab.errors import NotFound
from memorylab.store import notes, objects
from memorylab.store.git import locate
from memorylab.store.notestree import NotesTree
from memorylab.store.objects import FILE, FOLDER
from memorylab.store.pack import NOBODY, Pack
from memorylab.store.repo import Store
from tests.memory import laid_out

# As many digits as a name has, of which the first come first: cut to those of the form.
COMMITS = st.integers(0, 2**256 - 1).map(lambda n: f"{n:064x}")
# Few first digits, so that folders fill up.
CROWDED = st.integers(0, 2**248 - 1).map(lambda n: f"{n % 2:02x}{n:062x}")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("notes")
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
    return Store(locate(path))


def opened(store: Store, tip: str | None) -> tuple[NotesTree, Pack]:
    """A notes tree to write to, and the pack that it is written into."""
    pack = Pack(store.place)
    return NotesTree(store.reader, pack, tip), pack


def read(store: Store, tip: str) -> dict[str, bytes]:
    return {commit: objects.blob(store.objects, blob) for commit, blob in notes.read(store.objects, tip)}


def named(store: Store, name: str) -> str:
    return name[: store.place.form.digits]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(COMMITS, st.tuples(st.integers(0, 3), st.binary(max_size=9))), COMMITS, st.binary(max_size=9))
def test_any_mixture_of_layouts_is_read_and_kept(
    store: Store, found: dict[str, tuple[int, bytes]], new: str, content: bytes
) -> None:
    found, new = {named(store, commit): held for commit, held in found.items()}, named(store, new)
    pack = Pack(store.place)
    tip = laid_out(pack, found)
    pack.write()
    tree, pack = opened(store, tip)
    for commit, (_, wanted) in found.items():
        assert tree.get(commit) == wanted
    tree.set(new, content)
    for commit in found:
        tree.append(commit, b"more")
    written = tree.write()
    pack.write()
    after = read(store, written)
    assert set(after) == set(found) | {new}
    if new not in found:
        assert after[new] == content
    for commit, (_, before) in found.items():
        if commit != new:
            assert after[commit].endswith(b"more\n") and after[commit].startswith(before)


@pytest.mark.long
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(CROWDED, min_size=120, max_size=200))
def test_full_folders_go_one_level_deeper_and_git_reads_them(store: Store, commits: set[str]) -> None:
    commits = {named(store, name[:2] + name[:1:-1]) for name in commits}  # what differs comes early
    tree = None
    for commit in sorted(commits):
        edited, pack = opened(store, tree)
        edited.append(commit, commit.encode())
        tree = edited.write()
        pack.write()
    assert tree is not None
    assert read(store, tree) == {commit: commit.encode() + b"\n" for commit in commits}
    root = objects.tree(store.objects, tree)
    folders = [objects.tree(store.objects, root[name][1]) for name in ("00", "01")]
    assert any(mode == FOLDER for folder in folders for mode, _ in folder.values())


@pytest.mark.parametrize("missing", ["tip", "folder", "note"])
def test_a_tree_that_is_not_whole_is_not_written_over(store: Store, missing: str) -> None:
    """Taken for an empty one, it would lose what the rest of it is."""
    note, gone = (digit * store.place.form.digits for digit in "12")
    entries = {"note": (note, FILE), "folder": ("11", FOLDER)}
    pack = Pack(store.place)
    tip = gone
    if missing != "tip":
        name, mode = entries[missing]
        tip = pack.tree({name: (mode, gone)})
        pack.write()
    with pytest.raises(NotFound):
        opened(store, tip)[0].append(note, b"line")


def test_names_that_are_no_notes_are_passed_over(store: Store) -> None:
    pack = Pack(store.place)
    digits = store.place.form.digits
    names = ("README", "zz", "ab" * (digits // 2 + 1), "0" * (digits - 1))
    tip = pack.tree({name: (FILE, pack.blob(b"x")) for name in names})
    pack.write()
    assert list(notes.read(store.objects, tip)) == []


def test_git_reads_what_we_write(store: Store) -> None:
    tree, pack = opened(store, None)
    commit = pack.commit(pack.tree({}), [], NOBODY, "x")
    tree.append(commit, b"one")
    tree.append(commit, b"two")
    made = pack.commit(tree.write(), [], NOBODY, "n")
    pack.write()
    git = ["git", f"--git-dir={store.place.git_dir}"]
    subprocess.run([*git, "update-ref", "refs/notes/n", made], check=True)
    shown = subprocess.run([*git, "notes", "--ref=n", "show", commit], capture_output=True, check=True)
    assert shown.stdout == b"one\ntwo\n"
