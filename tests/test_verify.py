"""verify: what is whole is said to be, each damage is found and named, and nothing that was fetched stops it."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from memorylab.core.record import Run, decode, encode
from memorylab.store import archive, notes, objects, refs
from memorylab.store import reader as reading
from memorylab.store.notestree import NotesTree
from memorylab.store.pack import Pack
from memorylab.store.repo import Journaled
from tests.conftest import Lab

pytestmark = pytest.mark.long  # for their length alone

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = "nobody <nobody@example.org> 0 +0000"
TABLE = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabcdef0\t0.97\t44.0\tkeep\tbaseline\n"


class Reader(Lab):
    """A clone that has fetched another's ledger, of which it knows no other state."""

    @property
    def victim(self) -> str:
        return next(name for name, _ in self.store.chains("journal"))

    def ref(self, kind: str, writer: str = "") -> str:
        return refs.fetched_as("origin", refs.OWN[kind] + (writer or self.victim))

    def tip(self, kind: str) -> str:
        return self.git("rev-parse", self.ref(kind))

    def set(self, kind: str, oid: object, writer: str = "") -> None:
        self.git("update-ref", self.ref(kind, writer), str(oid))

    @property
    def entries(self) -> list[Journaled]:
        """Of the victim's journal, the earliest first."""
        return list(self.store.journal(self.tip("journal")))[::-1]

    @property
    def run_entry(self) -> Journaled:
        return next(entry for entry in self.entries if entry.files)

    def entry(
        self, parent: str, like: Journaled, tree: object = None, message: str = "", more: tuple[str, ...] = ()
    ) -> str:
        """A commit as an entry of a journal."""
        written = str(tree) if tree else self.git("rev-parse", f"{like.oid}^{{tree}}")
        parents = [parent, like.anchor, *more]
        text = message or f"entry\n\nSeq: {like.seq}\n"
        return self.write(lambda pack: pack.commit(written, parents, NOBODY, text))

    def tree(self, like: Journaled, **changed: object) -> str:
        """The tree of an entry, with other content (bytes, an oid, None: without it) for some of its files."""
        pack = Pack(self.store.place)
        entries = objects.tree(self.store.objects, like.oid)
        for name, content in changed.items():
            name = name.replace("_json", ".json").replace("_log", ".log")
            if content is None:
                del entries[name]
            else:
                oid = pack.blob(content) if isinstance(content, bytes) else str(content)
                is_tree = oid not in pack and self.git("cat-file", "-t", oid) == "tree"
                entries[name] = objects.FOLDER if is_tree else objects.FILE, oid
        made = pack.tree(entries)
        pack.write()
        return made

    def raw(self, oid: str) -> bytes:
        return self.store.objects.read(oid)[1]

    def fold(self, tips: dict[str, dict[str, str]]) -> str:
        """An archive of some tips."""
        return self.write(lambda pack: archive.fold(pack, self.store.objects, None, tips, NOBODY))

    def rewrite(self, change: Callable[[Journaled], dict[str, object] | None]) -> None:
        """Write the journal anew, with what `change` gives for each entry; None leaves one out."""
        root = self.git("rev-list", "--max-parents=0", "--first-parent", self.tip("journal"))
        for entry in self.entries:
            made = change(entry)
            if made is not None:
                root = self.entry(root, entry, **made)  # type: ignore[arg-type]
        self.set("journal", root)

    def renote(self, anchor: str, content: bytes) -> None:
        """Write one note of the ledger anew."""
        place = self.store.place
        pack = Pack(place)
        tree = NotesTree(reading.Reader(place), pack, self.tip("ledger"))
        tree.set(anchor, content)
        made = pack.commit(tree.write(), [self.tip("ledger")], "x <x> 0 +0000", "x")
        pack.write()
        self.set("ledger", made)

    def verify(self, *arguments: str, rc: int = 3) -> dict[str, list[str]]:
        """writer -> problems."""
        found = json.loads(self.run("verify", "--json", *arguments, rc=rc).stdout)
        return {one["writer"]: one["problems"] for one in found}

    def problems(self) -> list[str]:
        """Those of the victim, who alone has any."""
        found = {writer: problems for writer, problems in self.verify().items() if problems}
        assert list(found) == [self.victim]
        said = self.run("verify", rc=3).stdout
        assert f"{self.victim}: " in said and ", whole" not in said.splitlines()[0]
        return found[self.victim]


def everything(lab: Lab) -> None:
    """Every kind of record, with the hooks called as git calls them."""
    for depth in (9, 10):
        lab.edit("DEPTH", depth)
        lab.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-am", f"depth {depth}")
        lab.run("hook", "post-commit")
        lab.result(1 + depth / 100)
        lab.run("log", "--log", "run.log")
    old = lab.git("rev-parse", "HEAD")
    lab.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "--amend", "-m", "depth ten")
    lab.run("hook", "post-rewrite", "amend", stdin=f"{old} {lab.git('rev-parse', 'HEAD')}\n")
    lab.run("amend", old, "--notes", "seen")
    lab.run("claim", "warm up longer")
    lab.run("claim", "--withdraw", lab.memory.claims[-1].id)
    (lab.path / "table.tsv").write_text(TABLE)
    lab.run("import", "table.tsv")
    (lab.path / "table.tsv").unlink()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


@pytest.fixture
def reader(make_lab: Callable[..., Lab], kept: Path, tmp_path: Path) -> Iterator[Reader]:
    if not (kept / "reader").exists():
        victim = make_lab("victim")
        everything(victim)
        made = make_lab("making", init=False)
        made.git("fetch", "-q", str(victim.path), *(
            f"{shared}:{refs.fetched_as('origin', shared)}" for shared in refs.SHARED
        ))  # fmt: skip
        shutil.copytree(made.path, kept / "reader")
    shutil.copytree(kept / "reader", tmp_path / "reader")
    yield Reader(tmp_path / "reader")


# -- whole


def test_a_ledger_with_all_kinds_of_records_is_whole(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    assert lab.run("verify").stdout == "Nothing is remembered here yet.\n"
    everything(lab)
    records = [decode(entry.line) for entry in lab.store.entries()]
    assert {type(record).__name__ for record in records} == {"Run", "Plan", "Amend", "Rewrite", "Claim"}
    assert lab.run("verify").stdout == f"{lab.store.writer()}: {len(records)} records, whole\n"
    assert json.loads(lab.run("verify", "--json").stdout) == [
        {
            "writer": lab.store.writer(), "records": len(records), "problems": [], "journal": True, "signed": 0,
            "signers": [],
        }
    ]  # fmt: skip
    lab.git("gc", "-q", "--prune=now")
    lab.run("verify")


def test_fetched_ones_are_verified_too(reader: Reader) -> None:
    count = len(reader.entries)
    assert reader.run("verify").stdout == f"{reader.victim}: {count} records, whole\n"


def test_notes_alone(reader: Reader) -> None:
    victim = reader.victim
    reader.git("update-ref", "-d", reader.ref("journal"))
    assert f"{victim}: 9 records, whole, notes only\n" == reader.run("verify").stdout


def test_archives_are_verified_too(reader: Reader) -> None:
    victim = reader.victim
    fold(reader)
    assert reader.run("verify").stdout == f"{victim}: 9 records, whole\n"
    # What is in the archive, or the archive itself, may be damaged as anything else.
    journals = refs.fetched_as("origin", f"{refs.ARCHIVED_JOURNALS}keeper")
    held = reader.git("rev-parse", f"{journals}:journal/{victim}")
    like = next(reader.store.journal(held))
    forged = reader.entry(reader.git("rev-parse", f"{held}^"), like, reader.tree(like, record_json=b"{}"))
    reader.git("update-ref", journals, reader.fold({"journal": {victim: forged}}))
    assert any("entry 9 cannot be read" in problem for problem in reader.verify()[victim])
    for gone in (reader.git("rev-parse", f"{journals}:journal"), reader.git("rev-parse", f"{journals}^{{tree}}")):
        remove(reader, gone)
        problems = reader.verify()
        short = reader.git("rev-parse", journals)[:7]
        assert problems.pop("keeper") == [f"the archived journals at {short} cannot be read"]
        assert problems == {victim: []}
    assert f"{victim}: 9 records, whole, notes only" in reader.run("verify", rc=3).stdout


def remove(lab: Lab, oid: str) -> None:
    (lab.path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()


def fold(reader: Reader) -> None:
    """What `compact` does with the victim, by an archiver whose archives were fetched."""
    tips = {kind: {reader.victim: reader.tip(kind)} for kind in refs.OWN}
    notes = reader.fold({kind: tips[kind] for kind in ("ledger", "decisions")})
    journals = reader.fold({"journal": tips["journal"]})
    gone = [reader.ref(kind) for kind in refs.OWN]
    reader.git("update-ref", refs.fetched_as("origin", f"{refs.ARCHIVED_NOTES}keeper"), notes)
    reader.git("update-ref", refs.fetched_as("origin", f"{refs.ARCHIVED_JOURNALS}keeper"), journals)
    for ref in gone:
        reader.git("update-ref", "-d", ref)


# -- damages


def change(run: Run, **to: object) -> bytes:
    return encode(msgspec.structs.replace(run, **to)) + b"\n"


def an_entry_is_missing(reader: Reader) -> list[str]:
    gone = reader.run_entry
    run = decode(gone.line)
    following = next(entry for entry in reader.entries if entry.seq == gone.seq + 1)
    reader.rewrite(lambda entry: None if entry == gone else {})
    new = next(entry for entry in reader.entries if entry.seq == following.seq)
    return [
        f"entry {gone.seq} is missing: {reader.git('rev-parse', f'{new.oid}^')[:7]} is number {gone.seq - 1}",
        f"{run.id} is noted on {gone.anchor[:7]} and is not in the journal",
    ]


def the_first_entry_is_missing(reader: Reader) -> list[str]:
    gone = reader.entries[0]
    reader.rewrite(lambda entry: None if entry == gone else {})
    return [
        "the journal begins with number 2",
        f"{decode(gone.line).id} is noted on {gone.anchor[:7]} and is not in the journal",
    ]


def the_last_entry_is_missing(reader: Reader) -> list[str]:
    gone = reader.entries[-1]
    reader.set("journal", reader.git("rev-parse", f"{gone.oid}^"))
    return [f"{decode(gone.line).id} is noted on {gone.anchor[:7]} and is not in the journal"]


def the_last_note_is_missing(reader: Reader) -> list[str]:
    gone = reader.entries[-1]
    reader.set("ledger", reader.git("rev-parse", f"{reader.tip('ledger')}^"))
    return [f"{decode(gone.line).id} is in the journal and is not noted on {gone.anchor[:7]}"]


def a_note_is_changed(reader: Reader) -> list[str]:
    entry = reader.run_entry
    run = decode(entry.line)
    assert isinstance(run, Run)
    reader.renote(entry.anchor, change(run, notes="better than it was"))
    noted = [decode(x.line).id for x in reader.entries if x.anchor == entry.anchor and x != entry]
    return [
        f"{run.id} is noted on {entry.anchor[:7]} and is not in the journal",
        *(f"{one} is in the journal and is not noted on {entry.anchor[:7]}" for one in [run.id, *noted]),
    ]


def a_record_is_changed(reader: Reader) -> list[str]:
    entry = reader.run_entry
    run = decode(entry.line)
    assert isinstance(run, Run)
    forged = reader.tree(entry, record_json=change(run, metrics={"val_bpb": 0.5}))
    reader.rewrite(lambda one: {"tree": forged} if one == entry else {})
    return [
        f"{run.id} is noted on {entry.anchor[:7]} and is not in the journal",
        f"{run.id} is in the journal and is not noted on {entry.anchor[:7]}",
    ]


def a_record_is_another_writers(reader: Reader) -> list[str]:
    entry = reader.run_entry
    run = decode(entry.line)
    assert isinstance(run, Run)
    line = change(run, writer="mallory")
    reader.rewrite(lambda one: {"tree": reader.tree(entry, record_json=line)} if one == entry else {})
    rest = [one.line + b"\n" for one in reader.entries if one.anchor == entry.anchor and one.seq != entry.seq]
    reader.renote(entry.anchor, b"".join([line, *rest]))
    return [f"entry {entry.seq} says it is number {entry.seq} of mallory"]


def a_record_is_there_twice(reader: Reader) -> list[str]:
    last = reader.entries[-1]
    run = decode(last.line)
    assert isinstance(run, Run)
    line = change(run, seq=last.seq + 1)
    tree = reader.tree(last, record_json=line)
    reader.set("journal", reader.entry(last.oid, last, tree, f"x\n\nSeq: {last.seq + 1}\n"))
    reader.renote(last.anchor, last.line + b"\n" + line)
    return [f"{run.id} is there twice"]


def an_artifact_is_missing(reader: Reader) -> list[str]:
    entry = reader.run_entry
    tree = reader.tree(entry, run_log=None)
    reader.rewrite(lambda one: {"tree": tree} if one == entry else {})
    return [f"the artifacts of {decode(entry.line).id} are not those that it names: run.log"]


def an_artifact_is_another(reader: Reader) -> list[str]:
    entry = reader.run_entry
    tree = reader.tree(entry, run_log=b"val_bpb: 0.1\n")
    reader.rewrite(lambda one: {"tree": tree} if one == entry else {})
    return [f"the artifacts of {decode(entry.line).id} are not those that it names: run.log, run.log"]


def an_artifact_is_not_here(reader: Reader) -> list[str]:
    """It was not missed: only its name was looked at."""
    entry = reader.run_entry
    remove(reader, entry.files["run.log"])
    return [f"what {decode(entry.line).id} pins is not here: run.log"]


def the_code_is_not_here(reader: Reader) -> list[str]:
    entry = reader.run_entry
    remove(reader, entry.anchor)
    pinned = [one for one in reader.entries if one.anchor == entry.anchor]
    return [f"what {decode(one.line).id} pins is not here: {entry.anchor[:7]}" for one in pinned[::-1]]


def a_record_is_not_here(reader: Reader) -> list[str]:
    entry = reader.entries[0]
    remove(reader, reader.git("rev-parse", f"{entry.oid}:record.json"))
    return ["is not here", f"{decode(entry.line).id} is noted on {entry.anchor[:7]} and is not in the journal"]


def a_note_is_not_here(reader: Reader) -> list[str]:
    # A note of one line is the same blob as its record in the journal.
    anchor = reader.run_entry.anchor
    remove(reader, dict(notes.read(reader.store.objects, reader.tip("ledger")))[anchor])
    noted = [one for one in reader.entries if one.anchor == anchor]
    return [
        f"the note on {anchor[:7]} is not here",
        *(f"{decode(one.line).id} is in the journal and is not noted on {anchor[:7]}" for one in noted),
    ]


def the_ledger_is_none(reader: Reader) -> list[str]:
    reader.set("ledger", reader.write(lambda pack: pack.blob(b"{}")))
    return ["the ledger cannot be read", *([" is in the journal and is not noted on "] * 9)]


def an_entry_is_not_here(reader: Reader) -> list[str]:
    entry = reader.entries[3]
    remove(reader, entry.oid)
    lost = [(decode(line.line), line.anchor) for line in reader.store.entries()]
    return [
        "is not here",
        *(f"{one.id} is noted on {anchor[:7]} and is not in the journal" for one, anchor in lost if one.seq <= 4),
    ]


def the_root_is_missing(reader: Reader) -> list[str]:
    remove(reader, reader.git("rev-list", "--max-parents=0", "--first-parent", reader.tip("journal")))
    return ["is not here"]


def the_root_is_none(reader: Reader) -> list[str]:
    """A commit of one parent hid what was before it."""
    root = reader.write(lambda pack: pack.commit(pack.tree({}), [reader.tip("journal")], NOBODY, "Journal\n"))
    reader.set("journal", root)
    reader.set("ledger", reader.write(lambda pack: pack.commit(pack.tree({}), [reader.tip("ledger")], NOBODY, "x")))
    return [f"{root[:7]} is no entry of a journal, and not its root"]


def two_copies_have_forked(reader: Reader) -> list[str]:
    last = reader.entries[-1]
    other = reader.entry(reader.git("rev-parse", f"{last.oid}^"), last, message="another\n\nSeq: 9\n")
    reader.git("update-ref", refs.fetched_as("upstream", refs.JOURNAL + reader.victim), other)
    first, second = sorted((reader.tip("journal"), other), key=lambda oid: oid == other)
    return [f"there are two journals, {first[:7]} and {second[:7]}, of which neither goes on from the other"]


DAMAGES = [
    an_entry_is_missing, the_first_entry_is_missing, the_last_entry_is_missing, the_last_note_is_missing,
    a_note_is_changed, a_record_is_changed, a_record_is_another_writers, a_record_is_there_twice,
    an_artifact_is_missing, an_artifact_is_another, an_artifact_is_not_here, the_code_is_not_here,
    a_record_is_not_here, a_note_is_not_here, the_ledger_is_none, an_entry_is_not_here, the_root_is_missing,
    the_root_is_none, two_copies_have_forked,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damage_is_found_and_named(reader: Reader, damage: Callable[[Reader], list[str]]) -> None:
    """Each problem in full, or what it has to contain; and no other."""
    assert reader.verify(rc=0) == {reader.victim: []}
    wanted = damage(reader)
    found = reader.problems()
    assert len(found) == len(wanted), found
    for part in wanted:
        assert any(part in problem for problem in found), (part, found)


def test_a_copy_that_is_only_behind_is_no_problem(reader: Reader) -> None:
    for kind in refs.OWN:
        behind = reader.git("rev-parse", f"{reader.tip(kind)}^")
        reader.git("update-ref", refs.fetched_as("behind", refs.OWN[kind] + reader.victim), behind)
        reader.git("update-ref", refs.fetched_as("aaa", refs.OWN[kind] + reader.victim), behind)
    assert reader.run("verify").stdout == f"{reader.victim}: 9 records, whole\n"


def test_many_problems_are_told_in_part(reader: Reader) -> None:
    def double(entry: Journaled) -> dict[str, object]:
        return {"message": f"x\n\nSeq: {entry.seq * 2}\n", "tree": reader.tree(entry, extra=b"x")}

    reader.rewrite(double)
    # Of nine entries: eight gaps, nine numbers and nine files that the records do not have, and no first one.
    assert len(reader.problems()) == 8 + 9 + 9 + 1
    said = reader.run("verify", rc=3).stdout.splitlines()
    assert said[0] == f"{reader.victim}: 9 records, 27 problems"
    assert len(said) == 22 and said[-1] == "  and 7 more"


# -- hostile


def a_record_of_2_mb(reader: Reader, last: Journaled) -> object:
    return {"tree": reader.tree(last, record_json=b'{"v":1,"x":"' + b"x" * (2 << 20) + b'"}')}


def no_record(reader: Reader, last: Journaled) -> object:
    return {"tree": reader.tree(last, record_json=None)}


def a_tree_for_a_record(reader: Reader, last: Journaled) -> object:
    return {"tree": reader.tree(last, record_json=reader.git("rev-parse", "HEAD^{tree}"))}


def no_utf8(reader: Reader, last: Journaled) -> object:
    return {"tree": reader.tree(last, record_json=b'{"kind":"run","description":"\xff\xfe\xed\xa0\x80"}\n')}


def three_parents(reader: Reader, last: Journaled) -> object:
    return {"more": (reader.git("rev-parse", "HEAD"),)}


def deep_json(reader: Reader, last: Journaled) -> object:
    return {"tree": reader.tree(last, record_json=b"[" * 100_000)}


def a_name_that_is_no_utf8(reader: Reader, last: Journaled) -> object:
    blob = reader.write(lambda pack: pack.blob(b"x"))
    raw = reader.raw(reader.git("rev-parse", f"{last.oid}^{{tree}}"))
    return {"tree": reader.write_raw("tree", raw + b"100644 \xff\x1b[31m\n\0" + bytes.fromhex(blob))}


def a_number_that_is_none(reader: Reader, last: Journaled) -> object:
    """int() of it raises: a bug's traceback."""
    return {"message": "x\n\nSeq: \u00b2\n"}


def a_number_of_5000_digits(reader: Reader, last: Journaled) -> object:
    """int() of it raises: a bug's traceback."""
    return {"message": f"x\n\nSeq: {'9' * 5000}\n"}


def an_encoding_that_is_none(reader: Reader, last: Journaled) -> object:
    raw = reader.raw(last.oid)
    head, _, message = raw.partition(b"\n\n")
    raw = head + b"\nencoding no-such-thing\n\n" + message.replace(b"Seq", b"\xff\nSeq")
    return reader.write_raw("commit", raw)


def an_entry_that_pins_nothing(reader: Reader, last: Journaled) -> object:
    raw = reader.raw(last.oid).replace(last.anchor.encode(), b"1" * len(last.oid))
    return reader.write_raw("commit", raw)


def an_entry_whose_tree_is_not_here(reader: Reader, last: Journaled) -> object:
    raw = reader.raw(last.oid)
    raw = raw.replace(reader.git("rev-parse", f"{last.oid}^{{tree}}").encode(), b"1" * len(last.oid))
    return reader.write_raw("commit", raw)


def an_entry_whose_parent_is_a_blob(reader: Reader, last: Journaled) -> object:
    raw = reader.raw(last.oid)
    blob = reader.write(lambda pack: pack.blob(b"x"))
    raw = raw.replace(reader.git("rev-parse", f"{last.oid}^").encode(), blob.encode())
    return reader.write_raw("commit", raw)


def a_blob(reader: Reader, last: Journaled) -> object:
    return reader.write(lambda pack: pack.blob(b"x"))


def a_tag(reader: Reader, last: Journaled) -> object:
    reader.git("tag", "-a", "-m", "x", "tag", last.oid)
    return reader.git("rev-parse", "tag")


HOSTILE = [
    a_record_of_2_mb, no_record, a_tree_for_a_record, no_utf8, three_parents, deep_json, a_name_that_is_no_utf8,
    a_number_that_is_none, a_number_of_5000_digits, an_encoding_that_is_none, an_entry_that_pins_nothing,
    an_entry_whose_tree_is_not_here, an_entry_whose_parent_is_a_blob, a_blob, a_tag,
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.__name__)
def test_nothing_that_was_fetched_is_a_bug(reader: Reader, hostile: Callable[[Reader, Journaled], object]) -> None:
    last = reader.entries[-1]
    made = hostile(reader, last)
    if isinstance(made, dict):
        made = reader.entry(reader.git("rev-parse", f"{last.oid}^"), last, **made)
    # As another writer's too, of whom nothing else is here.
    for writer in (reader.victim, "mallory"):
        reader.set("journal", made, writer)
    (reader.path / "signers").touch()
    found = reader.verify("--allowed-signers", "signers")
    assert found["mallory"] and all("bug" not in problem for problem in found["mallory"])
    said = reader.run("verify", rc=3).stdout
    assert not set(said) & {"\x1b", "\udcff"}
    reader.run("status")


@pytest.mark.parametrize("kind", ["ledger", "decisions"])
def test_notes_that_are_none_are_no_bug(reader: Reader, kind: str) -> None:
    link, folder, nothing = (digit * reader.store.place.form.digits for digit in "123")

    def make(pack: Pack) -> str:
        tree = pack.tree({link: (objects.LINK, nothing), folder: (objects.FOLDER, pack.tree({}))})
        return pack.commit(tree, [], NOBODY, "x")

    reader.set(kind, reader.write(make), "mallory")
    found = reader.verify(rc=3 if kind == "ledger" else 0)
    assert ("mallory" in found) == (kind == "ledger")
