"""The store on real repositories: transactions, refs, bare and odd ones."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memorylab.errors import NotARepository, NotFound, StoreBusy
from memorylab.store import git, objects, refs
from memorylab.store.files import locked
from memorylab.store.form import FORMS
from memorylab.store.git import locate
from memorylab.store.objects import FILE
from memorylab.store.pack import NOBODY, Pack
from memorylab.store.reader import Reader
from memorylab.store.swap import Move, swap
from memorylab.store.transaction import placeholder
from tests.conftest import Lab, is_refusal

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def add(lab: Lab, line: bytes = b"{}", **files: bytes) -> str:
    """Add a line on HEAD; its writer."""
    with lab.ledger.writing(NOW) as transaction:
        blobs = {name.replace("_", "."): transaction.create_blob(content) for name, content in files.items()}
        transaction.add(lab.git("rev-parse", "HEAD"), line, blobs, "title")
    return transaction.writer


def test_git_reads_the_notes_and_the_journal(lab: Lab) -> None:
    first = lab.experiment("baseline", 1.0)
    lab.result(0.9)
    lab.run("log", "--log", "run.log", "--description", "again")
    writer = lab.store.writer()
    shown = lab.git("notes", f"--ref=memorylab/ledger/{writer}", "show", first).splitlines()
    # The hook's plan may stand first.
    runs = [found for found in map(json.loads, shown) if found["kind"] == "run"]
    assert [run["description"] for run in runs] == ["baseline", "again"]
    tip = f"{refs.JOURNAL}{writer}"
    assert lab.git("log", "-1", "--format=%s", tip) == f"{runs[1]['status']}: again"
    assert lab.git("rev-parse", f"{tip}^2") == first
    assert json.loads(lab.git("show", f"{tip}:record.json")) == runs[1]
    assert lab.git("show", f"{tip}:run.log").startswith("step 00953")
    assert "# Decision packet" in lab.git("show", f"{tip}:decision_packet.md")
    assert lab.git("log", "-1").count("# Decision packet") == 2
    lab.git("fsck", "--strict", "--no-dangling")


def test_sequence_numbers_have_no_gaps(lab: Lab) -> None:
    for n in range(1, 4):
        with lab.ledger.writing(NOW) as transaction:
            assert transaction.next_sequence == n
            transaction.add(lab.git("rev-parse", "HEAD"), b"%d" % n, {}, f"title {n}")
    assert [entry.line for entry in lab.store.entries()] == [b"1", b"2", b"3"]


def test_a_title_cannot_forge_a_sequence_number(lab: Lab) -> None:
    lab.experiment("x\u2028Seq: 99\x0bSeq: 99", 1.0)
    with lab.ledger.writing(NOW) as transaction:
        assert transaction.next_sequence == lab.memory.runs[0].seq + 1


def test_nothing_is_written_when_the_block_fails(lab: Lab) -> None:
    add(lab)
    before = lab.store.tips()
    with pytest.raises(ZeroDivisionError), lab.ledger.writing(NOW) as transaction:
        transaction.add(lab.git("rev-parse", "HEAD"), b"never", {}, "title")
        raise ZeroDivisionError
    assert lab.store.tips() == before
    with lab.ledger.writing(NOW):
        pass
    assert lab.store.tips() == before


def test_a_busy_store_says_so(lab: Lab) -> None:
    store = lab.store
    with (
        locked(store.state / "lock"),
        pytest.raises(StoreBusy, match="0 seconds"),
        lab.ledger.writing(NOW, seconds=0),
    ):
        pass


def test_a_ref_that_was_moved_by_hand_is_not_moved_over(lab: Lab) -> None:
    writer = add(lab)
    head, place = lab.git("rev-parse", "HEAD"), lab.store.place
    nobody = "refs/memorylab/journal/nobody"
    with pytest.raises(StoreBusy, match="moved"):
        swap(place, [Move(nobody, None, head), Move(refs.JOURNAL + writer, None, head)], "x")
    with pytest.raises(StoreBusy, match="moved"):
        swap(place, [Move(nobody, head, head)], "x")
    assert nobody not in refs.at(place, [nobody]), "all or none"


def test_refs_that_git_packed_are_read_and_moved(lab: Lab) -> None:
    add(lab, b"one")
    lab.git("pack-refs", "--all", "--prune")
    add(lab, b"two")
    assert [entry.line for entry in lab.store.entries()] == [b"one", b"two"]


def test_a_note_that_git_fanned_out_is_appended_to_where_it_stands(lab: Lab) -> None:
    writer = add(lab, b"one")
    for n in range(40):
        commit = lab.commit(f"c{n}")
        lab.git("notes", f"--ref=memorylab/ledger/{writer}", "add", "-m", f"{n}", commit)
    add(lab, b"two")
    lab.git("notes", f"--ref=memorylab/ledger/{writer}", "append", "-m", "three", "HEAD")
    add(lab, b"four")
    ours = [entry.line for entry in lab.store.entries() if entry.anchor == commit]
    assert ours == [b"39", b"two", b"three", b"four"]
    assert len(list(lab.store.entries())) == 44


@pytest.mark.parametrize("value", [b" ", b"A <b>", b",", b"\\b", b"J\xfcrgen"])
def test_an_identity_that_libgit2_refuses_is_replaced(lab: Lab, value: bytes) -> None:
    """`git commit` drops angle brackets; every `log` of such a user ended as a bug."""
    with (lab.path / ".git" / "config").open("ab") as config:
        config.write(b'\n[user]\n\tname = "%s"\n\temail = "%s"\n' % (value, value))
    writer = add(lab)
    assert lab.git("log", "-1", "--format=%an <%ae>", refs.JOURNAL + writer)


def test_a_user_without_identity_can_log(lab: Lab, sealed) -> None:  # type: ignore[no-untyped-def]
    (sealed / ".gitconfig").write_text("")
    writer = add(lab)
    assert lab.git("log", "-1", "--format=%an", refs.JOURNAL + writer) == writer


@pytest.mark.parametrize("target", ["blob", "gitlink", "missing blob"])
def test_a_ledger_that_is_none_does_not_stop_the_others(lab: Lab, target: str) -> None:
    """Anyone who may push can make such refs."""
    lab.experiment("baseline", 1.0)
    head = lab.git("rev-parse", "HEAD")
    found = lab.write(lambda pack: pack.blob(b"not a tree"))
    if target != "blob":
        entry = objects.LINK if target == "gitlink" else FILE, "1" * len(head)
        found = lab.write(lambda pack: pack.commit(pack.tree({head: entry}), [], NOBODY, "x"))
    for kind in ("ledger", "decisions"):
        lab.git("update-ref", f"{refs.REMOTES}origin/notes/{kind}/hostile", found)
    assert "1 run" in lab.run("status").output
    lab.experiment("after", 0.9, knob="DEPTH", to=9)
    assert len(lab.memory.runs) == 2


def test_only_refs_of_the_memory_are_its_tips(lab: Lab) -> None:
    writer = add(lab)
    lab.git("tag", "v1")
    lab.git("notes", "add", "-m", "mine", "HEAD")
    assert set(lab.store.tips()) == {refs.JOURNAL + writer, refs.LEDGER + writer}


@pytest.mark.parametrize(
    ("ref", "named"),
    [
        ("refs/notes/memorylab/ledger/w", ("ledger", "w")),
        ("refs/notes/memorylab/decisions/w", ("decisions", "w")),
        ("refs/memorylab/journal/w", ("journal", "w")),
        ("refs/memorylab/journal/archive/w", ("archived journals", "w")),
        ("refs/notes/memorylab/archive/w", ("archived notes", "w")),
        ("refs/memorylab/remotes/origin/notes/ledger/w", ("ledger", "w")),
        ("refs/memorylab/remotes/a/b/journal/w", ("journal", "w")),
        ("refs/memorylab/remotes/origin/journal/archive/w", ("archived journals", "w")),
        ("refs/memorylab/remotes/origin/notes/ledger/w/x", None),
        ("refs/notes/memorylab/ledger/-x", None),
        ("refs/notes/memorylab/ledger/" + "w" * 121, None),
        ("refs/notes/commits", None),
        ("refs/memorylab/remotes/origin/claims", None),
    ],
)
def test_what_a_ref_is(ref: str, named: tuple[str, str] | None) -> None:
    assert refs.kind_of(refs.local_name(ref)) == named


def test_a_revision_that_is_none(lab: Lab) -> None:
    for revision in ("nothing", "", "HEAD~99", "HEAD^{tree}", "HEAD:train.py", "caf\udce9", "-x"):
        with pytest.raises(NotFound):
            Reader(lab.store.place).resolve(revision)
    assert Reader(lab.store.place).resolve("HEAD").oid == lab.git("rev-parse", "HEAD")


def test_branch_and_detached_head(lab: Lab) -> None:
    place = lab.store.place
    assert git.branch(place) == "main"
    lab.git("switch", "-qc", "autoresearch/mär5")
    assert git.branch(place) == "autoresearch/mär5"
    lab.git("switch", "-q", "--detach")
    assert git.branch(place) is None


def test_ancestors_the_nearest_first(lab: Lab) -> None:
    root = lab.git("rev-parse", "HEAD")
    a = lab.commit("a")
    lab.commit("between")
    b = lab.commit("b")
    lab.git("switch", "-qc", "side", a)
    c = lab.commit("c")
    lab.git("merge", "-q", "--no-ff", "-m", "merge", "main")
    d = lab.git("rev-parse", "HEAD")
    found = Reader(lab.store.place).ancestors
    between = lab.git("rev-parse", f"{b}^")
    assert list(found(d)) == [c, b, a, root, between] and list(found(b)) == [between, a, root]
    assert list(found(root)) == list(found("f" * len(d))) == list(found(d[:7])) == []


def test_a_placeholder_is_the_same_everywhere(make_lab: Callable[..., Lab]) -> None:
    """Also as it was made before: ledgers that are shared have notes on it."""
    known = {
        "sha1": "ef86f4635a541a57c0b15ced56b429834be85cbf",
        "sha256": "18dec5a3591833db1b62495d226a5c466c291462398d5f3f47f0c5db9b375b5e",
    }
    for name, wanted in known.items():
        assert placeholder(FORMS[name], "abc") == wanted != placeholder(FORMS[name], "abd")
    for lab in (make_lab("one"), make_lab("two")):
        with lab.ledger.writing(NOW) as transaction:
            transaction.add(transaction.stand_in("abc"), b"{}", {}, "title")
        assert lab.git("cat-file", "-t", placeholder(lab.store.place.form, "abc")) == "commit"


def test_a_repository_that_cannot_be_opened_is_said_so(lab: Lab) -> None:
    (lab.path / "plain").mkdir()
    with pytest.raises(NotARepository):
        locate(lab.path.parent)
    with (lab.path / ".git" / "config").open("a") as config:
        config.write("[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tfromTheFuture = true\n")
    said = lab.run("status", rc=3).stderr
    assert "fromthefuture" in said and is_refusal(said)


def test_a_parent_beyond_the_end_of_a_shallow_clone_is_none(lab: Lab, tmp_path: Path) -> None:
    parent = lab.git("rev-parse", "HEAD")
    lab.commit("second")
    assert Reader(lab.store.place).resolve("HEAD").parents == (parent,)
    lab.git("clone", "-q", "--depth=1", f"file://{lab.path}", str(tmp_path / "shallow"))
    assert Reader(locate(tmp_path / "shallow")).resolve("HEAD").parents == ()


def test_what_was_taken_from_our_refs_is_back_before_they_are_written_to(lab: Lab) -> None:
    """A hook writes though no command has looked since."""
    writer = add(lab, b"one")
    for _, ref in refs.of(writer):
        lab.git("update-ref", "-d", ref)
    add(lab, b"two")
    assert [entry.line for entry in lab.store.entries()] == [b"one", b"two"]


def test_a_commit_that_is_not_here_is_not_annotated(lab: Lab) -> None:
    """git would say so of the journal, at the next fsck."""
    before = lab.store.tips()
    for missing in ("1" * lab.store.place.form.digits, lab.git("rev-parse", "HEAD^{tree}")):
        with pytest.raises(NotFound, match="no commit"), lab.ledger.writing(NOW) as transaction:
            transaction.add(missing, b"{}", {}, "title")
    assert lab.store.tips() == before


@pytest.mark.parametrize("number", [3, 120])
def test_a_ledger_that_lacks_a_note_is_not_taken_for_a_whole_one(lab: Lab, number: int) -> None:
    store = lab.store
    pack = Pack(store.place)
    digits = store.place.form.digits
    names = [f"{n:0{digits}x}" for n in range(number)]
    entries = {name: (FILE, pack.blob(b"%d" % n)) for n, name in enumerate(names)}
    whole, lacking = pack.tree(entries), pack.tree(entries | {"f" * digits: (FILE, "1" * digits)})
    pack.write()
    (found,) = store.growth([(None, whole)])
    assert found is not None and sorted(found.added) == [(name, b"%d" % n) for n, name in enumerate(names)]
    assert list(store.growth([(None, lacking), (whole, lacking), (None, "2" * digits)])) == [None, None, None]
