"""Forms of repositories: SHA-256, refs in a reftable, partial clones. What libgit2 cannot open, git itself reads.

The whole suite runs in these with MEMORYLAB_TEST_OBJECTS=sha256 and MEMORYLAB_TEST_REFS=reftable; here are the loop,
and what is of two forms at once.
"""

import json
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

import pytest

from memorylab import templates
from memorylab.errors import StoreBusy
from memorylab.store import git, objects, refs
from memorylab.store.git import locate
from memorylab.store.libgit2 import LibGit2
from memorylab.store.objects import Objects
from memorylab.store.plumbing import Plumbing
from memorylab.store.reader import Reader, are_blobs, commits, contents
from memorylab.store.repo import Store
from memorylab.store.swap import Move, swap
from memorylab.store.transaction import placeholder
from tests.conftest import TRAIN, Lab, is_refusal

REFTABLE = "reftable"
needs_reftable = pytest.mark.skipif(git.version() < (2, 45), reason="this git has no reftable")
EVERY = [
    pytest.param(("sha256", "files"), id="sha256"),
    pytest.param(("sha1", REFTABLE), id="reftable", marks=needs_reftable),
    pytest.param(("sha256", REFTABLE), id="sha256 in a reftable", marks=[needs_reftable, pytest.mark.long]),
]


def made(path: Path, form: tuple[str, str], *options: str) -> Lab:
    """A repository in a form, and nothing in it."""
    names, where = form
    lab = Lab(path)
    stored = [f"--ref-format={where}"] if git.version() >= (2, 45) else []
    lab.path.mkdir()
    lab.git("init", "-q", "-b", "main", "--template=", f"--object-format={names}", *stored, *options)
    return lab


def started(path: Path, form: tuple[str, str], remote: Lab | None = None) -> Lab:
    """One in which a loop can start."""
    lab = made(path, form)
    if remote is not None:
        lab.git("remote", "add", "origin", str(remote.path))
    (lab.path / "train.py").write_text(TRAIN)
    lab.git("add", "train.py")
    lab.git("commit", "-q", "-m", "baseline")
    lab.run("init", "--writer", lab.path.name)
    lab.git("config", "core.hooksPath", "/dev/null")
    return lab


@pytest.mark.parametrize("form", EVERY)
def test_the_loop(form: tuple[str, str], tmp_path: Path) -> None:
    hub = made(tmp_path / "hub.git", form, "--bare")
    (hub.path / "hooks").mkdir()
    shutil.copy(templates.path("hooks/update"), hub.path / "hooks" / "update")
    ann, bob = (started(tmp_path / name, form, hub) for name in ("ann", "bob"))
    place = ann.store.place
    assert (place.form.name, place.reftable) == (form[0], form[1] == REFTABLE)
    ann.experiment("raise depth", 1.0, knob="DEPTH", to=9)
    ann.edit("DEPTH", 10)
    assert "DEPTH" in ann.run("check").stdout
    discarded = ann.experiment("deeper still", 1.4, "--status", "discard")
    ann.git("reset", "-q", "--hard", "HEAD~1")
    ann.edit("DEPTH", 10)
    assert json.loads(ann.run("check", "--json").stdout)["classification"] == "duplicate_run"
    ann.git("checkout", "-q", "train.py")
    ann.run("sync")
    bob.run("sync")
    assert len(bob.memory.runs) == 2 and bob.run("report").stdout
    bob.experiment("raise LR", 0.9, knob="MATRIX_LR", to=0.05)
    bob.run("sync")
    # What plain git takes is put back, by what the archive and the refs hold.
    theirs = refs.fetched_as("origin", next(ref for ref in ann.store.tips() if ref.startswith(refs.LEDGER)))
    bob.git("update-ref", "-d", theirs)
    bob.run("status")
    assert len(bob.memory.runs) == 3
    ann.run("sync")
    me = str(ann.store.writer())
    assert json.loads(bob.run("compact", "--writer", me, "--json").stdout)["folded"] == [me]
    assert not [line for line in hub.git("for-each-ref", "--format=%(refname)").splitlines() if line.endswith(me)]
    assert len(bob.memory.runs) == 3
    # The server's hook: nobody rewrites what is there.
    ledger = refs.LEDGER + str(bob.store.writer())
    root = bob.git("commit-tree", "-m", "x", place.form.empty_tree)
    with pytest.raises(AssertionError, match="records are only ever added"):
        bob.git("push", "-q", "origin", f"+{root}:{ledger}")
    for lab in (ann, bob):
        assert all(not one["problems"] for one in json.loads(lab.run("verify", "--json").stdout))
        lab.git("config", "--unset", "core.hooksPath")
        assert lab.run("doctor").stdout and lab.git("fsck", "--strict", "--no-dangling") == ""
    ann.git("reflog", "expire", "--expire=now", "--all")
    ann.git("gc", "-q", "--prune=now")
    ann.run("restore", ann.memory.find(discarded).run_id)
    assert "DEPTH = 10" in (ann.path / "train.py").read_text()
    ann.run("show", ann.memory.find(discarded).run_id)
    assert "DEPTH" in ann.run("blame").stdout


@pytest.fixture(scope="module", params=["loose", "packed"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, Objects, Objects]:
    """A repository that both can read, of every kind of object."""
    lab = made(tmp_path_factory.mktemp("both") / "lab", ("sha1", "files"))
    (lab.path / "folder").mkdir()
    for name in ("a", "folder/b", "folder/\u00fc", "folder.c"):
        (lab.path / name).write_text(name)
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "b"}
    lab.git("add", ".")
    for n in range(3):
        lab.git("commit", "-q", "--allow-empty", "-m", f"m\u00e4r {n}\n\nSeq: {n}", env=identity)
    lab.git("tag", "-a", "-m", "x", "annotated", env=identity)
    lab.git("switch", "-q", "--orphan", "other")
    lab.git("commit", "-q", "--allow-empty", "-m", "other", env=identity)
    if request.param == "packed":
        lab.git("gc", "-q")
    place = locate(lab.path)
    return lab, LibGit2(place), Plumbing(place, Reader(place))


def test_both_read_the_same(both: tuple[Lab, Objects, Objects]) -> None:
    lab, one, other = both
    found = lab.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").splitlines()
    for oid, kind in map(str.split, found):
        assert one.read(oid) == other.read(oid) and one.read(oid)[0] == kind
        assert oid in one and oid in other
        assert objects.is_commit(one, oid) == objects.is_commit(other, oid) == (kind == "commit")
    oids = [line.split()[0] for line in found]
    gone = ["1" * 40, "f" * 40]
    assert one.missing([*gone, *oids]) == other.missing([*gone, *oids]) == gone
    for name in (*gone, "", "z" * 40, "main", "HEAD", "1" * 39, "1" * 64):
        for each in (one, other):
            with pytest.raises(objects.UNREADABLE):
                each.read(name)
            assert not objects.is_commit(each, name)
    tip, root, apart = (lab.git("rev-parse", name) for name in ("main", "main~2", "other"))
    pairs = {(tip, root): True, (root, tip): False, (tip, tip): False, (tip, apart): False}
    for (later, earlier), wanted in pairs.items():
        assert one.descends(later, earlier) == other.descends(later, earlier) == wanted
    for each in (one, other):
        for names in ((tip, gone[0]), (gone[0], tip)):
            with pytest.raises(objects.UNREADABLE):
                each.descends(*names)
        assert list(objects.tree(each, tip)) == ["a", "folder.c", "folder"]
        assert objects.commit(each, tip).parents == (lab.git("rev-parse", "main~1"),)
        for kind, name in ((objects.commit, "main^{tree}"), (objects.tree, "main:a"), (objects.blob, "main")):
            with pytest.raises(ValueError, match="no "):
                kind(each, lab.git("rev-parse", name))


def test_a_repository_of_the_usual_form_is_read_by_libgit2_and_no_other(tmp_path: Path) -> None:
    usual = made(tmp_path / "usual", ("sha1", "files"))
    assert isinstance(usual.store.objects, LibGit2)
    assert isinstance(made(tmp_path / "new", ("sha256", "files")).store.objects, Plumbing)
    # What git knows and libgit2 does not.
    usual.git("config", "core.repositoryFormatVersion", "1")
    usual.git("config", "extensions.noop-v1", "true")
    assert isinstance(Store(locate(usual.path)).objects, Plumbing)


@pytest.mark.parametrize("names", ["sha1", "sha256"])
def test_an_object_that_was_cut_short(names: str, tmp_path: Path) -> None:
    """As a power cut leaves one. libgit2 went on reading it for ever, and every command with it."""
    lab = made(tmp_path / "lab", (names, "files"))
    (lab.path / "a").write_text("a")
    lab.git("add", ".")
    for number in range(3):
        lab.git("commit", "-q", "--allow-empty", "-m", f"{number} of three")
    tip, cut, root = lab.git("rev-list", "HEAD").split()
    path = lab.path / ".git/objects" / cut[:2] / cut[2:]
    path.chmod(0o600)
    whole = path.read_bytes()
    for length in (0, 1, 2, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        found = Store(locate(lab.path)).objects
        with pytest.raises(objects.UNREADABLE):
            found.read(cut)
        with suppress(*objects.UNREADABLE):
            assert not found.descends(tip, root)
        assert found.read(tip)[0] == "commit"
        place, asked = locate(lab.path), [tip, cut, root, cut, tip]
        assert list(commits(place, asked)) == [tip, None, root, None, tip]
        held = lab.git("rev-parse", f"{tip}:a")
        assert list(contents(place, [held, cut, held])) == [b"a", None, b"a"]
        assert list(are_blobs(place, [held, cut, held])) == [True, False, True]
    path.write_bytes(whole)
    assert Store(locate(lab.path)).objects.read(cut)[0] == "commit"


def test_objects_that_are_borrowed(tmp_path: Path) -> None:
    """`git clone --shared`, of a clone that borrows itself, loose and packed."""
    first = made(tmp_path / "first", ("sha1", "files"))
    first.git("commit", "-q", "--allow-empty", "-m", "one")
    first.git("clone", "-q", "--shared", ".", "../second")
    second = Lab(tmp_path / "second")
    second.git("commit", "-q", "--allow-empty", "-m", "two")
    second.git("clone", "-q", "--shared", ".", "../third")
    third = Lab(tmp_path / "third")
    for change in ((), ("gc", "-q")):
        if change:
            first.git(*change)
        found = LibGit2(locate(third.path))
        two, one = third.git("rev-list", "HEAD").split()
        assert found.read(one)[0] == found.read(two)[0] == "commit" and found.descends(two, one)


@pytest.mark.parametrize("names", ["sha1", "sha256"])
def test_an_object_that_is_not_what_its_name_says(names: str, tmp_path: Path) -> None:
    """git takes what it finds at its word."""
    lab = made(tmp_path / "lab", (names, "files"))
    one, other = (lab.write(lambda pack, content=content: pack.blob(content)) for content in (b"one", b"two"))
    path = lab.path / ".git" / "objects"
    held = path / one[:2] / one[2:]
    held.chmod(0o600)
    shutil.copy(path / other[:2] / other[2:], held)
    with pytest.raises(objects.UNREADABLE):
        objects.blob(lab.store.objects, one)
    assert objects.blob(lab.store.objects, other) == b"two"


@pytest.mark.long
@pytest.mark.parametrize("names", [pytest.param("sha1", marks=pytest.mark.long), "sha256"])
def test_a_partial_clone_by_its_extension(names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As git before 2.24 marked one. Nothing is fetched object by object, and what is read is all there is."""
    hub = made(tmp_path / "hub.git", (names, "files"), "--bare")
    for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        hub.git("config", key, "true")
    ann = started(tmp_path / "ann", (names, "files"), hub)
    for depth in (9, 10, 11):
        ann.experiment(f"depth {depth}", 2 - depth / 100, knob="DEPTH", to=depth)
    ann.git("push", "-q", "origin", "main")
    ann.run("sync")
    options = ("-q", "--filter=blob:none", "--branch=main", "--no-local")
    hub.git("clone", *options, f"file://{hub.path}", str(tmp_path / "part"))
    part = Lab(tmp_path / "part")
    part.git("config", "core.repositoryFormatVersion", "1")
    part.git("config", "--unset", "remote.origin.promisor")
    part.git("config", "extensions.partialClone", "origin")
    assert isinstance(part.store.objects, LibGit2 if names == "sha1" else Plumbing)
    part.git("fetch", "-q", "origin", *refs.fetch_refspecs("origin"))
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(tmp_path / "trace"))
    found = part.store.notes(part.store.chains("ledger")[0][1])
    assert found is not None and None not in [content for _, content in found] and len(found) == 3
    started_by_git = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    fetches = [one["argv"] for one in started_by_git if one["event"] == "start" and "fetch" in one["argv"]]
    assert len(fetches) == 1
    monkeypatch.delenv("GIT_TRACE2_EVENT")
    part.git("config", "core.hooksPath", "/dev/null")
    part.run("init")
    assert len(part.memory.runs) == 3
    assert all(not one["problems"] for one in json.loads(part.run("verify", "--json").stdout))
    patch = part.memory.runs[0].artifacts["train.patch"].blob
    assert part.store.blob(patch) is None
    shutil.move(hub.path, tmp_path / "away")
    assert part.store.blob(patch) is None and part.store.blob(patch, fetch=True) is None
    shutil.move(tmp_path / "away", hub.path)
    assert b"DEPTH" in (part.store.blob(patch, fetch=True) or b"")


@pytest.mark.parametrize("names", ["sha1", pytest.param("sha256", marks=pytest.mark.long)])
def test_two_forms_do_not_share(names: str, tmp_path: Path) -> None:
    other = "sha1" if names == "sha256" else "sha256"
    hub = made(tmp_path / "hub.git", (other, "files"), "--bare")
    lab = started(tmp_path / "lab", (names, "files"), hub)
    lab.experiment("raise depth", 1.0, knob="DEPTH", to=9)
    theirs = started(tmp_path / "theirs", (other, "files"), hub)
    theirs.experiment("raise LR", 1.0, knob="MATRIX_LR", to=0.05)
    # Nothing is there yet, so that ours goes first; then there is something to be fetched.
    for _ in range(2):
        said = lab.run("sync", rc=3).stderr
        assert is_refusal(said) and "by another hash" in said
        theirs.run("sync")
    assert len(lab.memory.runs) == 1 and len(theirs.memory.runs) == 1
    # The way there is: the file has no objects.
    ledger = theirs.path / "results" / "memorylab" / "experiments.jsonl"
    (added,) = json.loads(lab.run("import", "--json", str(ledger)).stdout)
    (run,) = theirs.memory.runs
    assert added["added"] == 1
    brought = lab.memory.find(run.run_id)
    assert brought.commit == run.commit and brought.metrics == run.metrics
    for command in (["report"], ["status"], ["show", run.run_id], ["history"], ["check", "--description", "raise LR"]):
        lab.run(*command)
    said = lab.run("restore", run.run_id, rc=3).stderr
    assert is_refusal(said)
    assert all(not one["problems"] for one in json.loads(lab.run("verify", "--json").stdout))


@pytest.mark.long
def test_a_row_names_a_commit_of_any_length(tmp_path: Path) -> None:
    lab = started(tmp_path / "lab", ("sha256", "files"))
    own = lab.git("rev-parse", "HEAD")
    names = {"whole": own, "short": own[:7], "of SHA-1": "1" * 40, "of none": own[:-1] + "g"}
    rows = "".join(f"{name}\t1.5\t1\tkeep\t{idea}\n" for idea, name in names.items() if idea != "short")
    for content in (rows, f"{own[:7]}\t1.4\t1\tkeep\tshort\n"):
        (lab.path / "theirs.tsv").write_text(f"commit\tval_bpb\tmemory_gb\tstatus\tdescription\n{content}")
        lab.run("import", "theirs.tsv")
    memory = lab.memory
    anchors = {run.description: memory.anchors[run.run_id] for run in memory.runs}
    assert anchors["whole"] == anchors["short"] == own
    for idea in ("of SHA-1", "of none"):
        assert anchors[idea] == placeholder(lab.store.place.form, names[idea])
        assert lab.git("cat-file", "-t", anchors[idea]) == "commit"


@pytest.mark.long
@needs_reftable
def test_a_lock_on_a_reftable(tmp_path: Path) -> None:
    """It is one for all refs, and the user's git may hold it; left behind by a kill, it is removed after a minute."""
    lab = started(tmp_path / "lab", ("sha1", REFTABLE))
    lock = lab.path / ".git" / REFTABLE / "tables.list.lock"
    head = lab.git("rev-parse", "HEAD")
    lock.touch()
    with pytest.raises(StoreBusy, match="stays locked") as busy:
        swap(lab.store.place, [Move(f"{refs.JOURNAL}x", None, head)], "x")
    assert str(lock) in busy.value.hint and lock.exists()
    os.utime(lock, (0, 0))
    found = json.loads(lab.run("doctor", "--json", rc=None).stdout)["findings"]
    assert [one["code"] for one in found] == ["lock-of-git"]
    then = time.time() - 100
    os.utime(lock, (then, then))
    swap(lab.store.place, [Move(f"{refs.JOURNAL}x", None, head)], "x")
    assert not lock.exists() and lab.git("rev-parse", f"{refs.JOURNAL}x") == head


@pytest.mark.parametrize("names", ["sha1", "sha256"])
def test_a_tree_that_is_none(names: str, tmp_path: Path) -> None:
    """Anybody may push one: git looks at what it is given only where it was told to."""
    lab = made(tmp_path / "lab", (names, "files"))
    blob = bytes.fromhex(lab.write(lambda pack: pack.blob(b"x")))
    for content in (b"100644 a\0" + blob[:-1], b"100644 a", b"\xff a\0" + blob):
        tree = lab.write_raw("tree", content)
        with pytest.raises(ValueError):
            objects.tree(lab.store.objects, tree)
        assert lab.store.notes(tree) is None
        assert Reader(lab.store.place).tree(tree) is None


@needs_reftable
def test_a_lock_on_a_table_that_a_killed_git_left_goes_with_the_next_record(tmp_path: Path) -> None:
    lab = started(tmp_path / "lab", ("sha1", REFTABLE))
    tables = lab.path / ".git" / "reftable"
    locks = [tables / f"0x00000000000{n}-0x00000000000{n}-0000000{n}.ref.lock" for n in (1, 2)]
    for lock, age in zip(locks, (0, 120), strict=True):
        lock.touch()
        os.utime(lock, (time.time() - age,) * 2)
    lab.experiment("deeper", 1.2, knob="DEPTH", to=12)
    assert [lock.exists() for lock in locks] == [True, False]  # a young one may be somebody's
