"""The index is a cache: whatever happens to it or to the refs, it tells what git tells."""

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memorylab import index
from memorylab.store import refs
from memorylab.store.refs import Entry
from memorylab.store.repo import Store
from tests.conftest import Lab
from tests.memory import entries, laid_out

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def told(store: Store) -> list[Entry]:
    return sorted(entries(store), key=repr)


def truth(store: Store) -> list[Entry]:
    return sorted(set(store.entries()), key=repr)


def path(lab: Lab) -> Path:
    return lab.store.state / index.FILE


def append(lab: Lab, *lines: bytes, commit: str = "HEAD") -> None:
    """Lines of our own, as the ledger stores them."""
    anchor = lab.git("rev-parse", commit)
    with lab.ledger.writing(NOW) as transaction:
        for line in lines:
            transaction.add(anchor, line, {}, line.decode())


def point(lab: Lab, ref: str, at: str | None) -> None:
    lab.git("update-ref", *(["-d", ref] if at is None else [ref, at]))


def has(lab: Lab, ref: str) -> str | None:
    return lab.git("rev-parse", "-q", "--verify", ref, check=False) or None


def act(lab: Lab, chance: random.Random, step: int) -> str:
    """Something that we, somebody else, or somebody hostile may do to the refs."""
    ours = refs.LEDGER + str(lab.store.writer())
    theirs = [refs.fetched_as(remote, refs.LEDGER + writer) for remote in ("origin", "o/p") for writer in ("a", "b.c")]
    chosen = chance.choice([ours, *theirs, *theirs])
    commit = chance.choice(lab.git("rev-list", "--max-count=5", "HEAD").split())
    kind = chance.choice(["ours", "note", "note", "note", "copy", "back", "delete", "remove", "foreign", "commit"])
    if kind == "ours":
        append(lab, b"ours %d" % step, commit=commit)
    elif kind == "note":
        name = refs.NOTES + "scratch"
        point(lab, name, has(lab, chosen))
        lab.git("notes", "--ref", name, "append", "-m", f"line {step}", commit, check=False)
        point(lab, chosen, has(lab, name))
        point(lab, name, None)
    elif kind == "copy":
        point(lab, refs.fetched_as("origin", ours), has(lab, ours))
    elif kind == "back" and (parent := has(lab, f"{chosen}~1")):
        point(lab, chosen, parent)
    elif kind == "delete" and chosen != ours:
        point(lab, chosen, None)
    elif kind == "remove" and chosen != ours and has(lab, chosen):
        name = refs.NOTES + "scratch"
        point(lab, name, has(lab, chosen))
        lab.git("notes", "--ref", name, "remove", "--ignore-missing", commit, check=False)
        point(lab, chosen, has(lab, name))
        point(lab, name, None)
    elif kind == "foreign" and chosen != ours:
        point(lab, chosen, lab.git("rev-parse", "HEAD:train.py"))
    elif kind == "commit":
        lab.git("commit", "-q", "--allow-empty", "-m", f"step {step}")
    return kind


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_whatever_becomes_of_the_refs_the_index_tells_what_git_tells(lab: Lab, seed: int) -> None:
    chance, done = random.Random(seed), []
    for step in range(25):
        done.append(act(lab, chance, step))
        if chance.random() < 0.6:
            assert told(lab.store) == truth(lab.store), done
    assert told(lab.store) == truth(lab.store)


@pytest.mark.parametrize("which", [0, 1])
def test_of_two_ledgers_that_are_gone_each_is_looked_for(lab: Lab, which: int) -> None:
    """Two remotes have a writer's ledger in two states; then one of them moves on and the other loses it."""
    copies = [refs.fetched_as(remote, refs.LEDGER + "a") for remote in ("origin", "o/p")]
    dates = {"GIT_AUTHOR_DATE": "2026-03-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-03-01T00:00:00Z"}
    scratch = refs.NOTES + "scratch"

    def note(line: str, at: str | None) -> str | None:
        point(lab, scratch, at)
        lab.git("notes", "--ref", scratch, "append", "-m", line, "HEAD", env=dates)
        return has(lab, scratch)

    states = [note("one", None), note("two", None)]
    for advanced in (0, 1):  # whichever of the two the growth is counted from
        for copy, state in zip(copies, states, strict=True):
            point(lab, copy, state)
        point(lab, scratch, None)
        assert told(lab.store) == truth(lab.store)
        grown = note("more", states[advanced])
        for copy in copies:
            point(lab, copy, None)
        point(lab, copies[which], grown)
        point(lab, scratch, None)
        assert told(lab.store) == truth(lab.store)


def test_old_notes_are_not_read_again(lab: Lab) -> None:
    append(lab, b"old")
    told(lab.store)
    ledger = refs.LEDGER + str(lab.store.writer())
    blob = lab.git("ls-tree", "-r", "--format=%(objectname)", ledger)
    lab.git("commit", "-q", "--allow-empty", "-m", "next")
    append(lab, b"new")
    (lab.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert len(found := {entry.line for entry in told(lab.store)}) == 2 and b"new" in found


def damage_nothing(_: Path) -> None:
    pass


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def overwrite(file: Path) -> None:
    file.write_bytes(b"this is no database\n" * 200)


def scramble(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    file.write_bytes(data)


def drop_table(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("DROP TABLE entries")


def other_version(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 7000")


def empty(file: Path) -> None:
    file.write_bytes(b"")


def be_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    "hurt", [damage_nothing, cut_short, overwrite, scramble, drop_table, other_version, empty, Path.unlink, be_a_folder]
)
def test_a_damaged_index_is_made_anew(lab: Lab, hurt: object) -> None:
    append(lab, *(b"line %d" % number for number in range(60)))
    assert len(told(lab.store)) == 60
    assert callable(hurt)
    hurt(path(lab))
    assert told(lab.store) == truth(lab.store)
    append(lab, b"one more")
    assert told(lab.store) == truth(lab.store)
    if hurt is not be_a_folder:
        with sqlite3.connect(path(lab)) as database:
            assert database.execute("SELECT count(*) FROM entries").fetchone() == (61,)


def test_a_damaged_index_that_cannot_be_deleted_is_passed_by(lab: Lab) -> None:
    append(lab, b"line")
    told(lab.store)
    overwrite(path(lab))
    (lab.store.state / "index.lock").mkdir()
    assert [entry.line for entry in told(lab.store)] == [b"line"]


def test_a_reader_waits_for_no_writer_while_the_index_is_fresh(lab: Lab) -> None:
    append(lab, b"line")
    told(lab.store)
    with sqlite3.connect(path(lab), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM entries")
        assert [entry.line for entry in told(lab.store)] == [b"line"]
        other.execute("ROLLBACK")
    other.close()


def test_an_outdated_index_that_cannot_be_written_is_passed_by(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    append(lab, b"line")
    told(lab.store)
    append(lab, b"another")
    monkeypatch.setattr(index, "_PATIENCE", 0.0)
    with sqlite3.connect(path(lab), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert {entry.line for entry in told(lab.store)} == {b"another", b"line"}
        other.execute("ROLLBACK")
    other.close()
    assert path(lab).exists()


@pytest.mark.long
def test_many_processes_make_it_at_once(lab: Lab) -> None:
    append(lab, *(b"line %d" % number for number in range(50)))
    index.remove(lab.store.state)
    read = (
        "import sys; from pathlib import Path; from memorylab.store.git import locate;"
        "from memorylab.store.repo import Store; from tests.memory import entries;"
        "print(len(entries(Store(locate(Path(sys.argv[1]))))))"
    )
    several = [
        subprocess.Popen(
            [sys.executable, "-c", read, str(lab.path)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        )
        for _ in range(6)
    ]
    assert [process.communicate()[0].strip() for process in several] == ["50"] * 6
    with sqlite3.connect(path(lab)) as database:
        assert database.execute("SELECT count(*) FROM entries").fetchone() == (50,)


def test_where_nobody_asked_for_a_memory_nothing_is_left(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("plain", init=False)
    told(lab.store)
    assert not lab.store.state.exists()


def test_a_ledger_that_is_not_whole_here_is_read_from_git_each_time(lab: Lab) -> None:
    append(lab, b"line")
    writer = str(lab.store.writer())
    blob = lab.git("ls-tree", "-r", "--format=%(objectname)", refs.LEDGER + writer)
    file = lab.path / ".git" / "objects" / blob[:2] / blob[2:]
    content = file.read_bytes()
    file.unlink()
    (entry,) = told(lab.store)
    assert entry.line.endswith(b"is not here")
    file.write_bytes(content)
    assert [entry.line for entry in told(lab.store)] == [b"line"]


def test_a_line_by_the_commit_that_it_stands_on(lab: Lab) -> None:
    """The same line on two commits is two entries, and every clone takes the same one for its place."""
    first = lab.git("rev-parse", "HEAD")
    lab.git("commit", "-q", "--allow-empty", "-m", "next")
    second = lab.git("rev-parse", "HEAD")
    lab.experiment("wider", 0.9, knob="DEPTH", to=9)
    run = lab.memory.runs[-1]
    line = lab.memory.lines[run.run_id]
    for commit in (first, second):
        append(lab, line, commit=commit)
    expected = min(first, second, run.commit)
    assert lab.memory.anchors[run.run_id] == expected
    index.remove(lab.store.state)
    assert lab.memory.anchors[run.run_id] == expected


@pytest.mark.long
def test_the_tree_diff_is_that_of_the_notes(lab: Lab) -> None:
    """In any layout, and after git has changed it."""
    from memorylab.store.growth import differing

    place = lab.store.place
    chance = random.Random(0)
    digits = place.form.digits
    names = [f"{chance.getrandbits(4 * digits):0{digits}x}" for _ in range(120)]

    def tree(contents: dict[str, bytes], layout: random.Random) -> str:
        return lab.write(lambda pack: laid_out(pack, {n: (layout.choice([0, 1, 2]), c) for n, c in contents.items()}))

    for seed in range(20):
        one = {name: b"%d" % chance.randrange(3) for name in chance.sample(names, 60)}
        other = {name: b"%d" % chance.randrange(3) for name in chance.sample(names, 60)}
        found = differing(place, tree(one, random.Random(seed)), tree(other, random.Random(seed // 2)))
        assert found is not None
        before, after = found
        blobs = {content: place.form.object_id("blob", content) for content in (b"0", b"1", b"2")}
        for whole, part in ((one, before), (other, after)):
            assert all(blobs[whole[name]] == oid for name, oid in part.items())
        changed = {name for name in names if one.get(name) != other.get(name)}
        assert {name for name in names if before.get(name) != after.get(name)} == changed
        everything = {name: blobs[content] for name, content in one.items()}
        assert differing(place, None, tree(one, random.Random(seed))) == ({}, everything)
    assert differing(place, None, "1" * digits) is None
