"""What is made in a pack is what git makes, few or many."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memorylab.store import pack as packing
from memorylab.store.git import Place, locate
from memorylab.store.objects import FILE, FOLDER
from memorylab.store.pack import NOBODY, Pack
from memorylab.store.reader import Reader

WHO = "A B <a@b> 1767225600 +0130"


def git(place: Place, *arguments: str, input: bytes = b"") -> str:
    command = ["git", f"--git-dir={place.git_dir}", *arguments]
    return subprocess.run(command, input=input, capture_output=True, check=True).stdout.decode().strip()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    path = tmp_path_factory.mktemp("pack")
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
    return locate(path)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 70_000).map(bytes)), max_size=5))
def test_blobs_of_any_size_have_the_ids_and_the_contents_that_git_gives_them(
    place: Place, contents: list[bytes]
) -> None:
    pack = Pack(place)
    oids = [pack.blob(content) for content in contents]
    pack.write()
    for oid, content in zip(oids, contents, strict=True):
        assert git(place, "hash-object", "--stdin", input=content) == oid
        assert Reader(place).blob(oid) == content


def test_a_tree_is_ordered_as_git_has_it(place: Place) -> None:
    """A folder `a` comes after `a.b`, a file `a` before it."""
    pack = Pack(place)
    blob, empty = pack.blob(b"x"), pack.tree({})
    entries = {"a": (FOLDER, empty), "a.b": (FILE, blob), "a0": (FILE, blob), "\xe4": (FILE, blob), "B": (FILE, blob)}
    made = pack.tree(entries)
    pack.write()
    assert Reader(place).tree(made) == (made, entries)
    listing = "".join(
        f"{mode} {'tree' if mode == FOLDER else 'blob'} {oid}\t{name}\0" for name, (mode, oid) in entries.items()
    )
    assert git(place, "mktree", "-z", input=listing.encode()) == made
    assert git(place, "fsck", "--strict", "--no-dangling") == ""


def test_a_commit_is_as_git_makes_it(place: Place) -> None:
    pack = Pack(place)
    root = pack.commit(pack.tree({}), [], NOBODY, "root\n")
    made = pack.commit(pack.tree({}), [root, root], WHO, "tried: m\xe4r\n\nSeq: 1\n")
    pack.write()
    assert git(place, "log", "-1", "--format=%an <%ae> %at %ai|%cn|%P|%s", made) == (
        f"A B <a@b> 1767225600 2026-01-01 01:30:00 +0130|A B|{root} {root}|tried: m\xe4r"
    )
    assert git(place, "fsck", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize("count", [99, 100])
def test_few_objects_are_loose_and_many_are_a_pack(tmp_path: Path, count: int) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path)], check=True)
    place = locate(tmp_path)
    pack = Pack(place)
    oids = {pack.blob(b"%d" % n) for n in range(count)} | {pack.blob(b"1")}
    pack.write()
    found = dict(line.split(": ") for line in git(place, "count-objects", "-v").splitlines())
    assert (found["count"], found["in-pack"]) == (("99", "0") if count == 99 else ("0", "100"))
    assert len(oids) == count and all(Reader(place).blob(oid) is not None for oid in oids)


def test_what_does_not_fit_in_memory_becomes_several_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path)], check=True)
    monkeypatch.setattr(packing, "_FULL", 2000)
    pack = Pack(locate(tmp_path))
    oids = [pack.blob(b"%d" % (n % 900)) for n in range(1000)]
    pack.write()
    pack.write()
    reader = Reader(locate(tmp_path))
    assert [reader.blob(oid) for oid in oids] == [b"%d" % (n % 900) for n in range(1000)]
