"""Every kind of damage, made in a real repository: the doctor finds it, writes nothing unless it is told to, mends it,
and afterwards all is as it was."""

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from memorylab import index
from memorylab.errors import Killed
from memorylab.store import git, notes, refs, writer
from memorylab.store.git import locate
from memorylab.store.objects import FILE, FOLDER
from memorylab.store.pack import Pack
from tests import test_kills
from tests.conftest import FORM, Hub, Lab, Templates
from tests.test_sync import ann, bob, hub, ids, log, me, own, pauses, refs_in

__all__ = ["ann", "bob", "hub", "pauses"]  # fixtures

CACHES = (index.FILE, ".lock")
TABLE = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabcdef0\t0.97\t44.0\tkeep\tbaseline\n"


@pytest.fixture(autouse=True)
def healthy_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hooks are proved in tests/test_doctor.py: it takes as long as all the rest."""
    monkeypatch.setattr("memorylab.commands.doctor.canary.comes_through", lambda *asked: True)


def remember(lab: Lab) -> None:
    """Records of every kind, two runs of one commit among them."""
    for depth in (9, 10, 11):
        lab.edit("DEPTH", depth)
        lab.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-am", f"depth {depth}")
        lab.run("hook", "post-commit")
        log(lab, f"depth {depth}", 1 + depth / 100)
    log(lab, "again", 1.2)
    lab.run("amend", lab.git("rev-parse", "HEAD~1"), "--notes", "seen")
    (lab.path / "table.tsv").write_text(TABLE)
    lab.run("import", "table.tsv")
    (lab.path / "table.tsv").unlink()
    # Nothing of what was tried is on a branch.
    lab.git("reset", "-q", "--hard", "HEAD~3")
    lab.git("reflog", "expire", "--expire=now", "--all")
    lab.run("status")


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    return templates.told("records of every kind", remember, tmp_path)


# -- what a damage is --------------------------------------------------------------------------------------------------


def everything(lab: Lab) -> dict[str, bytes]:
    """What is in .git, but for caches."""
    folder = lab.path / ".git"
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in paths
        if not any(word in path.name for word in CACHES) or "memorylab" not in path.parts
    }  # fmt: skip


def doctor(lab: Lab, *options: str, rc: int | None = None) -> dict:
    return json.loads(lab.run("doctor", "--json", *options, rc=rc).stdout)


def codes(found: dict, part: str = "findings") -> set[str]:
    return {one["code"] for one in found[part] if one["severity"] != "advice"}


def journal_of(lab: Lab) -> str:
    return refs.JOURNAL + me(lab)


def ledger_of(lab: Lab) -> str:
    return refs.LEDGER + me(lab)


def decisions_of(lab: Lab) -> str:
    return refs.OWN["decisions"] + me(lab)


def unsee(lab: Lab) -> None:
    """Take away what would put a ref back."""
    (lab.path / ".git/memorylab/seen.json").unlink(missing_ok=True)
    lab.git("update-ref", "-d", refs.SEEN)


def loose(lab: Lab, oid: str) -> Path:
    return lab.path / ".git/objects" / oid[:2] / oid[2:]


def set_ref(lab: Lab, ref: str, content: str) -> None:
    path = lab.path / ".git" / ref
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def cut_journal(lab: Lab, many: int = 3) -> None:
    """As many latest entries are gone for good."""
    unsee(lab)
    gone = lab.git("rev-list", "--first-parent", f"-{many}", journal_of(lab)).split()
    lab.git("update-ref", journal_of(lab), f"{journal_of(lab)}~{many}")
    for oid in gone:
        loose(lab, oid).unlink()


def lose_journal(lab: Lab) -> None:
    unsee(lab)
    gone = lab.git("rev-list", "--first-parent", journal_of(lab)).split()[:-1]
    lab.git("update-ref", "-d", journal_of(lab))
    for oid in gone:
        if loose(lab, oid).exists():
            loose(lab, oid).unlink()


def lose_entry(lab: Lab) -> None:
    """One commit in the middle of the journal."""
    loose(lab, lab.git("rev-parse", f"{journal_of(lab)}~3")).unlink()


def empty_entry(lab: Lab) -> None:
    path = loose(lab, lab.git("rev-parse", f"{journal_of(lab)}~3"))
    path.chmod(0o644)
    path.write_bytes(b"")


def cut_entry_short(lab: Lab) -> None:
    path = loose(lab, lab.git("rev-parse", f"{journal_of(lab)}~3"))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:40])


def lose_record(lab: Lab) -> None:
    loose(lab, lab.git("rev-parse", f"{journal_of(lab)}~4:record.json")).unlink()


def garble_record(lab: Lab) -> None:
    path = loose(lab, lab.git("rev-parse", f"{journal_of(lab)}~4:record.json"))
    path.chmod(0o644)
    path.write_bytes(b"no object")


def lose_tree_of_entry(lab: Lab) -> None:
    loose(lab, lab.git("rev-parse", f"{journal_of(lab)}~4^{{tree}}")).unlink()


def lose_packet(lab: Lab) -> None:
    entries = lab.git("rev-list", "--first-parent", journal_of(lab)).split()
    packed = next(oid for oid in entries if "decision_packet.md" in lab.git("ls-tree", "--name-only", oid))
    loose(lab, lab.git("rev-parse", f"{packed}:decision_packet.md")).unlink()
    loose(lab, lab.git("rev-parse", f"{packed}:train.patch")).unlink()


def garble_journal_ref(lab: Lab) -> None:
    unsee(lab)
    set_ref(lab, journal_of(lab), "")


def garble_ledger_ref(lab: Lab) -> None:
    unsee(lab)
    set_ref(lab, ledger_of(lab), "\x1b[31mno commit\n")


def dangle_journal_ref(lab: Lab) -> None:
    unsee(lab)
    set_ref(lab, journal_of(lab), "12345678" * (FORM.digits // 8) + "\n")


def dangle_ledger_ref(lab: Lab) -> None:
    unsee(lab)
    set_ref(lab, ledger_of(lab), "12345678" * (FORM.digits // 8) + "\n")


def dangle_display(lab: Lab) -> None:
    set_ref(lab, refs.DISPLAY, "12345678" * (FORM.digits // 8) + "\n")


def delete_refs(lab: Lab) -> None:
    for ref in own(lab):
        lab.git("update-ref", "-d", ref)


def move_back(lab: Lab) -> None:
    lab.git("update-ref", journal_of(lab), f"{journal_of(lab)}~3")


def lose_notes(lab: Lab) -> None:
    unsee(lab)
    lab.git("update-ref", "-d", ledger_of(lab))
    lab.git("update-ref", "-d", decisions_of(lab))


def lose_some_notes(lab: Lab) -> None:
    """Not the latest: a killed process leaves those out, and any command completes them."""
    for name in ("ledger", "decisions"):
        noted = lab.git("notes", "--ref", f"memorylab/{name}/{me(lab)}", "list").split()[1::2]
        lab.git("notes", "--ref", f"memorylab/{name}/{me(lab)}", "remove", *noted[:2])


def lose_decisions(lab: Lab) -> None:
    unsee(lab)
    lab.git("update-ref", "-d", decisions_of(lab))


def lose_ledger_tree(lab: Lab) -> None:
    loose(lab, lab.git("rev-parse", f"{ledger_of(lab)}^{{tree}}")).unlink()


def lose_note(lab: Lab) -> None:
    """One of several records, which no journal entry has as it is."""
    noted = lab.git("notes", "--ref", f"memorylab/ledger/{me(lab)}", "list").split()[::2]
    loose(lab, next(one for one in noted if lab.git("cat-file", "-p", one).count("\n"))).unlink()


def lose_only_copy(lab: Lab) -> None:
    """A note of one record is the file of its entry in the journal, too: both are gone, and the index has the line."""
    noted = lab.git("notes", "--ref", f"memorylab/ledger/{me(lab)}", "list").split()[::2]
    loose(lab, next(one for one in noted if not lab.git("cat-file", "-p", one).count("\n"))).unlink()


def lose_all_but_views(lab: Lab) -> None:
    """The same, and the index is gone."""
    lose_only_copy(lab)
    for path in (lab.path / ".git/memorylab").glob("index.sqlite*"):
        path.unlink()


def lose_artifact(lab: Lab) -> None:
    run = next(run for run in lab.memory.runs if "run.log" in run.artifacts)
    loose(lab, run.artifacts["run.log"].blob).unlink()


def retree(lab: Lab, ref: str, make: Callable[[Pack, dict[str, str]], str]) -> None:
    """Write a notes tree anew."""
    place = locate(lab.path)
    found = {anchor: str(blob) for anchor, blob in notes.read(lab.store.objects, lab.git("rev-parse", ref))}
    pack = Pack(place)
    tip = lab.git("rev-parse", ref)
    made = pack.commit(make(pack, found), [tip], "x <x> 0 +0000", "Notes added by 'git notes'\n")
    pack.write()
    lab.git("update-ref", ref, made)


def double_note(lab: Lab) -> None:
    """Flat, and in a folder, with other lines: as a merge of two layouts leaves it."""

    def make(pack: Pack, found: dict[str, str]) -> str:
        anchor = max(found, key=lambda one: len(lines_at(lab, one)))
        first, *rest = lines_at(lab, anchor)
        halves = [pack.blob(first + b"\n"), pack.blob(b"".join(line + b"\n" for line in rest or [first]))]
        flat = {name: (FILE, blob) for name, blob in found.items()} | {anchor: (FILE, halves[0])}
        return pack.tree(flat | {anchor[:2]: (FOLDER, pack.tree({anchor[2:]: (FILE, halves[1])}))})

    retree(lab, ledger_of(lab), make)


def lines_at(lab: Lab, anchor: str) -> list[bytes]:
    return lab.git("notes", "--ref", f"memorylab/ledger/{me(lab)}", "show", anchor).encode().splitlines()


def copy_note(lab: Lab) -> None:
    """What notes.rewriteRef = refs/notes/* does when a commit is amended."""
    noted = lab.git("notes", "--ref", f"memorylab/ledger/{me(lab)}", "list").split()[1::2]
    lab.git("notes", "--ref", f"memorylab/ledger/{me(lab)}", "copy", noted[0], "HEAD")


def leave_lock(lab: Lab) -> None:
    path = lab.path / ".git" / f"{journal_of(lab)}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() - 300, time.time() - 300))


def garble_index(lab: Lab) -> None:
    path = lab.path / ".git/memorylab" / index.FILE
    path.write_bytes(b"SQLite format 3\0" + os.urandom(4096))
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def replace_index(lab: Lab) -> None:
    index.remove(lab.path / ".git/memorylab")
    (lab.path / ".git/memorylab" / index.FILE).mkdir()


def link_index_to_nowhere(lab: Lab) -> None:
    index.remove(lab.path / ".git/memorylab")
    (lab.path / ".git/memorylab" / index.FILE).symlink_to("/nowhere/index")


def garble_page(lab: Lab) -> None:
    """One page, not the first: the file opens."""
    with (lab.path / ".git/memorylab" / index.FILE).open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 4096)


def falsify_index(lab: Lab) -> None:
    """It says that it holds what the refs hold."""
    import sqlite3

    database = sqlite3.connect(lab.path / ".git/memorylab" / index.FILE)
    database.execute("DELETE FROM entries WHERE number = 1")
    database.commit()
    database.close()


def falsify_runs(lab: Lab) -> None:
    import sqlite3

    database = sqlite3.connect(lab.path / ".git/memorylab" / index.FILE)
    database.execute("UPDATE places SET value = 0.5 WHERE at = 0")
    database.commit()
    database.close()


def lose_config(lab: Lab) -> None:
    lab.git("config", "--unset-all", "log.excludeDecoration")


def garble_writer(lab: Lab) -> None:
    (lab.path / ".git/memorylab/writer.json").write_bytes(b"\0\0\0")


def spool(lab: Lab) -> None:
    lab.edit("DEPTH", 17)
    lab.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-am", "depth 17")
    (lab.path / ".git/memorylab/spool").write_bytes(lab.git("rev-parse", "HEAD").encode() + b"\n\xff\xfe nothing\n")


def take_the_place_of_local_files(lab: Lab) -> None:
    """As a container does that mounts a file which is not there. Every command stopped at the first."""
    for name in ("spool", "lock", "seen.json", "seen.lock", "writer.json"):
        path = lab.path / ".git/memorylab" / name
        path.unlink(missing_ok=True)
        (path / "in it").mkdir(parents=True)


def take_the_place_of_notes(lab: Lab) -> None:
    """What `git notes --ref memorylab add` does where there are none yet."""
    refs_of_notes = [ref for ref in own(lab) if ref.startswith("refs/notes/")]
    lab.git("pack-refs", "--all")
    for ref in refs_of_notes:
        lab.git("update-ref", "-d", ref)
    lab.git("notes", "--ref", "memorylab", "add", "-m", "mine", "HEAD")


def take_the_place_of_the_journal(lab: Lab) -> None:
    lab.git("update-ref", "-d", journal_of(lab))
    lab.git("update-ref", f"{journal_of(lab)}/x", "HEAD")


def lose_list_of_pack(lab: Lab) -> None:
    lab.git("gc", "-q")
    for path in (lab.path / ".git/objects/pack").glob("*.idx"):
        path.unlink()


def garble_list_of_pack(lab: Lab) -> None:
    """As a power cut leaves it: there, and empty."""
    lab.git("gc", "-q")
    for path in (lab.path / ".git/objects/pack").glob("*.idx"):
        path.chmod(0o644)
        path.write_bytes(b"")


def garble_multi_pack_index(lab: Lab) -> None:
    """git takes what is in it for offsets, and crashes."""
    lab.git("repack", "-q")
    lab.git("multi-pack-index", "write")
    garble(lab.path / ".git/objects/pack/multi-pack-index")


def garble_commit_graph(lab: Lab) -> None:
    lab.git("commit-graph", "write", "--reachable")
    garble(lab.path / ".git/objects/info/commit-graph")


def cut_chain_of_commit_graphs(lab: Lab) -> None:
    lab.git("commit-graph", "write", "--reachable", "--split")
    path = next((lab.path / ".git/objects/info/commit-graphs").glob("*.graph"))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:300])


def garble(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[200:-30:7] = (byte ^ 0xFF for byte in content[200:-30:7])
    path.write_bytes(content)


def cut_packed_refs(lab: Lab) -> None:
    lab.git("pack-refs", "--all")
    path = lab.path / ".git/packed-refs"
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"refs/memorylab/journal") - 8])


def break_seen(lab: Lab) -> None:
    """What was there once and is not needed any more is not whole."""
    kept = lab.git("rev-parse", refs.SEEN)
    other = lab.git("commit-tree", "-m", "gone", lab.git("rev-parse", "HEAD^{tree}"))
    made = lab.git("commit-tree", "-m", "Seen", "-p", kept, "-p", other, lab.git("rev-parse", f"{kept}^{{tree}}"))
    lab.git("update-ref", refs.SEEN, made)
    loose(lab, other).unlink()


# damage -> what it is called. Of those that several examinations see, one.
DAMAGES: dict[Callable[[Lab], None], str] = {
    cut_journal: "notes-without-journal",
    lose_journal: "notes-without-journal",
    lose_entry: "journal-broken",
    empty_entry: "object-damaged",
    cut_entry_short: "object-damaged",
    lose_record: "journal-broken",
    garble_record: "object-damaged",
    lose_tree_of_entry: "objects-missing",
    lose_packet: "objects-missing",
    garble_journal_ref: "ref-unreadable",
    garble_ledger_ref: "ref-unreadable",
    dangle_journal_ref: "ref-dangling",
    dangle_ledger_ref: "ref-dangling",
    dangle_display: "ref-dangling",
    delete_refs: "ref-lost",
    move_back: "ref-lost",
    lose_notes: "journal-without-notes",
    lose_some_notes: "journal-without-notes",
    lose_decisions: "decisions-missing",
    lose_ledger_tree: "notes-unreadable",
    lose_note: "notes-unreadable",
    lose_only_copy: "objects-missing",
    lose_all_but_views: "objects-missing",
    lose_artifact: "objects-missing",
    double_note: "notes-doubled",
    copy_note: "notes-copied",
    leave_lock: "lock-stale",
    garble_index: "index-damaged",
    garble_page: "index-damaged",
    replace_index: "index-damaged",
    link_index_to_nowhere: "index-damaged",
    falsify_index: "index-disagrees",
    falsify_runs: "index-disagrees",
    lose_config: "config-missing",
    garble_writer: "writer-unreadable",
    spool: "spool-left",
    take_the_place_of_local_files: "state-in-the-way",
    break_seen: "seen-broken",
    lose_list_of_pack: "pack-unlisted",
    garble_list_of_pack: "pack-unlisted",
    garble_multi_pack_index: "list-damaged",
    garble_commit_graph: "list-damaged",
    cut_chain_of_commit_graphs: "list-damaged",
    cut_packed_refs: "packed-refs-damaged",
    take_the_place_of_notes: "ref-in-the-way",
    take_the_place_of_the_journal: "ref-in-the-way",
}
CHEAP = {lose_journal, lose_some_notes}
FILES = {
    cut_packed_refs,
    garble_journal_ref,
    garble_ledger_ref,
    dangle_journal_ref,
    dangle_ledger_ref,
    dangle_display,
    leave_lock,
}
needs_files = pytest.mark.skipif("MEMORYLAB_TEST_REFS" in os.environ, reason="these refs are files")


def named(damage: Callable[..., None]) -> str:
    return damage.__name__.replace("_", " ")


def assert_mended(lab: Lab, before: list[str], records: int) -> None:
    """The operator's night goes on."""
    lab.run("verify")
    assert set(ids(lab)) == set(before) and not lab.memory.unreadable
    entries = list(lab.store.journal(lab.git("rev-parse", journal_of(lab))))
    assert [entry.seq for entry in entries[::-1]] == list(range(1, len(entries) + 1)) and len(entries) >= records
    lab.git("fsck", "--strict", "--no-dangling")
    lab.run("status")
    assert log(lab, "the night goes on") in ids(lab)
    lab.run("verify")
    lab.git("gc", "-q", "--prune=now")
    assert doctor(lab, rc=0)["findings"] == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(one, id=named(one), marks=[needs_files] * (one in FILES) + [pytest.mark.long] * (one not in CHEAP))
        for one in DAMAGES
    ],
)
def test_what_is_damaged_is_found_and_mended(told: Lab, damage: Callable[[Lab], None]) -> None:
    code = DAMAGES[damage]
    before = ids(told)
    records = len(list(told.store.journal(told.git("rev-parse", journal_of(told)))))
    assert doctor(told, rc=0)["findings"] == []
    damage(told)
    was = everything(told)
    found = doctor(told, rc=1)
    assert code in codes(found) and not found["mended"]
    assert all(len(one["message"].splitlines()) == 1 for one in found["findings"])
    assert everything(told) == was, "nothing is written without --repair"
    text = told.run("doctor", rc=1).stdout
    assert f" {code}: " in text and "\x1b" not in text and "`git memorylab doctor --repair` mends" in text
    done = doctor(told, "--repair", rc=0)
    assert code in codes(done, "mended") and codes(done) == set()
    assert_mended(told, before, records)


@pytest.mark.long
def test_what_is_made_again_is_what_was(told: Lab) -> None:
    """With the same record, author and time an entry is the same commit: nobody who has it is contradicted."""
    for change in (lose_tree_of_entry, lose_record, lose_packet):
        before = refs_in(told, *own(told))
        change(told)
        doctor(told, "--repair", rc=0)
        assert refs_in(told, *own(told)) == before


@pytest.mark.long
def test_a_journal_made_of_notes_alone_is_what_it_was(lab: Lab) -> None:
    """Of all that it held, only the logs and the notes are here: packets and patches are made again."""
    lab.run("hook", "post-commit")
    for depth in (9, 10):
        lab.edit("DEPTH", depth)
        lab.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-am", f"depth {depth}")
        log(lab, f"depth {depth}", 1 + depth / 100)
    before = refs_in(lab, *own(lab))
    unsee(lab)
    entries = lab.git("rev-list", "--first-parent", journal_of(lab)).split()
    trees = [lab.git("rev-parse", f"{oid}^{{tree}}") for oid in entries[:-1]]
    blobs = [line.split()[2:] for tree in trees for line in lab.git("ls-tree", tree).splitlines()]
    packets = {oid for oid, name in blobs if name not in ("run.log", "record.json")}
    lab.git("update-ref", "-d", journal_of(lab))
    lab.git("update-ref", "-d", decisions_of(lab))
    for oid in {*entries, *trees, *packets} - {FORM.empty_tree}:
        loose(lab, oid).unlink(missing_ok=True)
    done = doctor(lab, "--repair", rc=0)
    assert "notes-without-journal" in codes(done, "mended")
    after = refs_in(lab, *own(lab))
    assert after[journal_of(lab)] == before[journal_of(lab)]
    assert after[ledger_of(lab)] == before[ledger_of(lab)] and decisions_of(lab) in after
    assert len(packets) >= 6 and all(loose(lab, oid).exists() for oid in packets)
    lab.run("verify")


# -- with others ------------------------------------------------------------------------------------------------------


def few(lab: Lab) -> None:
    """Three runs of HEAD, and one that is on no branch."""
    for number in range(3):
        log(lab, f"run {number} of {lab.path.name}")
    lab.edit("DEPTH", 30)
    lab.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-am", f"depth 30 of {lab.path.name}")
    log(lab, "off the branch")
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.git("reflog", "expire", "--expire=now", "--all")


@pytest.fixture
def team(hub: Hub, ann: Lab, bob: Lab) -> tuple[Lab, Lab]:
    """Ann has all of Bob's, the remote all of both."""
    few(bob)
    bob.run("sync")
    few(ann)
    ann.run("sync")
    return ann, bob


def copy_of(lab: Lab, kind: str, whose: Lab) -> str:
    return refs.fetched_as("origin", refs.OWN[kind] + me(whose))


def lose_copy_object(ann: Lab, bob: Lab) -> None:
    loose(ann, ann.git("rev-parse", f"{copy_of(ann, 'journal', bob)}~2")).unlink()


def lose_experiment(ann: Lab, bob: Lab) -> None:
    """The commit that a run was on, which nothing but the journal keeps."""
    loose(ann, ann.git("rev-parse", f"{copy_of(ann, 'journal', bob)}^2")).unlink()


def lose_own_artifact(ann: Lab, bob: Lab) -> None:
    """What neither notes nor anything else here can make again."""
    loose(ann, ann.git("rev-parse", f"{journal_of(ann)}:run.log")).unlink()


def lose_own_experiment(ann: Lab, bob: Lab) -> None:
    loose(ann, ann.git("rev-parse", f"{journal_of(ann)}^2")).unlink()


def empty_own_experiment(ann: Lab, bob: Lab) -> None:
    """git ends where it is asked of it, with whatever else it was asked."""
    path = loose(ann, ann.git("rev-parse", f"{journal_of(ann)}^2"))
    path.chmod(0o644)
    path.write_bytes(b"")


def garble_pack(ann: Lab, bob: Lab) -> None:
    """In the middle, as a bad sector leaves it. The remote has all that is in it."""
    ann.git("gc", "-q")
    (path,) = (ann.path / ".git/objects/pack").glob("*.pack")
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"X" * 64 + content[len(content) // 2 + 64 :])


def lose_all_own(ann: Lab, bob: Lab) -> None:
    """Refs, what was seen, and the copy."""
    unsee(ann)
    for ref in own(ann):
        ann.git("update-ref", "-d", ref)


def garble_copy(ann: Lab, bob: Lab) -> None:
    unsee(ann)
    set_ref(ann, copy_of(ann, "journal", bob), "")


def dangle_copy(ann: Lab, bob: Lab) -> None:
    unsee(ann)
    set_ref(ann, copy_of(ann, "ledger", bob), "12345678" * (FORM.digits // 8) + "\n")


def prune_copy(ann: Lab, bob: Lab) -> None:
    """As `git notes prune` and the like do: a commit on top, with less."""
    ref = copy_of(ann, "ledger", bob)

    def make(pack: Pack, found: dict[str, str]) -> str:
        return pack.tree({name: (FILE, blob) for name, blob in list(found.items())[1:]})

    retree(ann, ref, make)
    unsee(ann)
    ann.run("status")  # which remembers where it is


def fall_behind(ann: Lab, bob: Lab) -> None:
    """A clone out of a backup."""
    unsee(ann)
    for kind, many in (("journal", 2), ("ledger", 2), ("decisions", 2)):
        ann.git("update-ref", refs.OWN[kind] + me(ann), f"{refs.OWN[kind]}{me(ann)}~{many}")


def lose_refspecs(ann: Lab, bob: Lab) -> None:
    ann.git("config", "--unset-all", "remote.origin.fetch", "memorylab")


SHARED: dict[Callable[[Lab, Lab], None], str] = {
    lose_copy_object: "copy-damaged",
    lose_experiment: "objects-missing",
    lose_own_artifact: "objects-missing",
    lose_own_experiment: "objects-missing",
    empty_own_experiment: "object-damaged",
    garble_pack: "pack-damaged",
    lose_all_own: "journal-behind",
    garble_copy: "ref-unreadable",
    dangle_copy: "ref-dangling",
    prune_copy: "copy-damaged",
    fall_behind: "journal-behind",
    lose_refspecs: "refspec-missing",
}


@pytest.mark.long
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(one, id=named(one), marks=needs_files if one in (garble_copy, dangle_copy) else ())
        for one in SHARED
    ],
)
def test_what_others_have_is_fetched(team: tuple[Lab, Lab], hub: Hub, damage: Callable[[Lab, Lab], None]) -> None:
    ann, bob = team
    before, there = ids(ann), refs_in(hub, "refs/")
    assert codes(doctor(ann, rc=0)) == set()
    damage(ann, bob)
    was = everything(ann)
    assert SHARED[damage] in codes(doctor(ann, rc=1))
    assert everything(ann) == was
    assert codes(doctor(ann, "--repair", rc=0)) == set()
    assert refs_in(hub, "refs/") == there, "a repair tells nobody anything"
    ann.git("fsck", "--strict", "--no-dangling")
    assert ids(ann) == before
    ann.run("verify")
    assert ann.run("sync").stdout == "origin: nothing new\n" and refs_in(hub, "refs/") == there
    log(ann, "the night goes on")
    ann.run("sync")
    bob.run("sync")
    assert ids(bob) == ids(ann) and len(ids(ann)) == len(before) + 1


@pytest.mark.long
def test_what_no_remote_has_is_made_again_without_its_artifacts(team: tuple[Lab, Lab], hub: Hub) -> None:
    """The journal goes on in its numbers; what is lost is said, and asks for nothing that would not help."""
    ann, _ = team
    for number in range(2):
        log(ann, f"only here {number}", 1.5 + number)
    logs = {ann.git("rev-parse", f"{journal_of(ann)}~{n}:run.log") for n in range(2)}
    shutil.move(hub.path, hub.path.with_name("away"))
    cut_journal(ann, 2)
    for oid in logs:
        loose(ann, oid).unlink()
    before = ids(ann)
    done = doctor(ann, "--repair", rc=1)
    assert codes(done) == {"artifacts-lost"} and codes(done, "mended") >= {"notes-without-journal"}
    assert "2 runs of" in done["findings"][0]["message"] and not done["findings"][0]["mends"]
    assert ids(ann) == before
    shutil.move(hub.path.with_name("away"), hub.path)
    log(ann, "the night goes on")
    assert json.loads(ann.run("sync", "--json").stdout)["went"] == 3


@pytest.mark.long
def test_a_clone_that_another_writes_as_gets_a_name_of_its_own(team: tuple[Lab, Lab], hub: Hub) -> None:
    """`mv`, then `cp -r`: each is known by one half of its fingerprint."""
    ann, bob = team
    name = me(ann)
    ann.path.rename(ann.path.with_name("moved"))
    moved = Lab(ann.path.with_name("moved"))
    shutil.copytree(moved.path, ann.path, symlinks=True)
    log(ann, "in the copy")
    ann.run("sync")
    log(moved, "in the moved one")
    moved.git("fetch", "-q", check=False)
    before = set(ids(moved)) | set(ids(ann))
    assert codes(doctor(moved, rc=1)) == {"writer-forked"}
    done = doctor(moved, "--repair", rc=0)
    assert me(moved) != name and me(moved) in done["remarks"][0]
    for lab in (moved, ann, bob, moved):
        lab.run("sync")
        lab.run("verify")
    assert set(ids(bob)) == set(ids(moved)) == before


@pytest.mark.long
def test_a_copy_is_told_that_it_is_one(told: Lab) -> None:
    """And damage of what it has of the other is somebody else's."""
    other = Lab(told.path.with_name("copied"))
    shutil.copytree(told.path, other.path, symlinks=True)
    found = doctor(other, rc=0)
    assert [one["code"] for one in found["findings"]] == ["writer-copied"] and me(told) in found["advice"][0]


@pytest.mark.long
def test_a_parting_that_was_killed_is_finished(told: Lab) -> None:
    before, name = ids(told), me(told)
    writer.change(told.path / ".git", "")
    assert codes(doctor(told, rc=1)) == {"writer-unsettled"}
    assert codes(doctor(told, "--repair", rc=0)) == set()
    assert me(told) != name and ids(told) == before
    told.run("verify")


# -- what only a person can do ----------------------------------------------------------------------------------------


@pytest.mark.long
def test_records_that_are_nowhere_are_told_of(told: Lab) -> None:
    """Number 3 is neither noted nor in any object. The others stay as they are."""
    unsee(told)
    for number, anchor in enumerate({entry.anchor for entry in told.store.entries()}):
        told.git("branch", f"kept-{number}", anchor)
    entries = list(told.store.journal(told.git("rev-parse", journal_of(told))))[::-1]
    lost = entries[2]
    for oid in told.git("rev-list", "--first-parent", journal_of(told)).split()[: len(entries) - 2]:
        loose(told, oid).unlink()
    told.git("update-ref", "-d", journal_of(told))

    def make(pack: Pack, found: dict[str, str]) -> str:
        left = [line for line in lines_at(told, lost.anchor) if line != lost.line]
        kept = {name: (FILE, blob) for name, blob in found.items() if name != lost.anchor}
        return pack.tree(kept | ({lost.anchor: (FILE, pack.blob(b"\n".join(left) + b"\n"))} if left else {}))

    retree(told, ledger_of(told), make)
    told.git("update-ref", ledger_of(told), told.git("commit-tree", "-m", "x", f"{ledger_of(told)}^{{tree}}"))
    told.git("reflog", "expire", "--expire=now", "--all")
    told.git("gc", "-q", "--prune=now")
    index.remove(told.store.state)
    done = doctor(told, "--repair", rc=1)
    assert codes(done) == {"records-lost", "artifacts-lost"}  # the gc took run.log of those that are left
    assert "1 record (3)" in done["findings"][0]["message"] and ": run.log of " in done["findings"][1]["message"]
    left = list(told.store.journal(told.git("rev-parse", journal_of(told))))[::-1]
    assert [one.line for one in left] == [one.line for one in entries if one != lost]
    log(told, "the night goes on")
    assert next(told.store.journal(told.git("rev-parse", journal_of(told)))).seq == len(entries) + 1


@pytest.mark.long
def test_the_index_is_the_last_that_has_the_records(told: Lab) -> None:
    """Every pack is gone. The records are noted again, also on commits that only another clone can have."""
    before = ids(told)
    told.git("gc", "-q")
    shutil.rmtree(told.path / ".git/objects/pack")
    done = doctor(told, "--repair", rc=1)
    assert "experiment-missing" in codes(done)
    assert ids(told) == before
    index.remove(told.store.state)
    again = doctor(told, "--repair", rc=1)
    assert codes(again) == codes(done) and ids(told) == before


@pytest.mark.long
def test_what_only_the_index_has_of_others_is_set_aside(team: tuple[Lab, Lab], hub: Hub) -> None:
    ann, bob = team
    lines = {entry.line for entry in bob.store.entries() if entry.writer == me(bob)}
    loose(ann, ann.git("rev-parse", f"{copy_of(ann, 'ledger', bob)}^{{tree}}")).unlink()
    shutil.move(hub.path, hub.path.with_name("away"))
    done = doctor(ann, "--repair", rc=1)
    assert "index-disagrees" in codes(done, "mended") and "records.jsonl" in " ".join(done["remarks"])
    assert set((ann.store.state / "damaged" / "records.jsonl").read_bytes().splitlines()) == lines
    shutil.move(hub.path.with_name("away"), hub.path)
    assert codes(doctor(ann, "--repair", rc=0)) == set()


@pytest.mark.long
def test_a_folder_in_the_place_of_a_local_file_is_no_bug(told: Lab) -> None:
    (told.path / ".git/memorylab/spool").mkdir()
    told.run("status")
    (told.path / ".git/memorylab/lock").unlink()
    (told.path / ".git/memorylab/lock").mkdir()
    told.result(1.5)
    process = told.spawn("log", "--log", "run.log")
    said = process.communicate()[1]
    assert (
        process.returncode == 3 and "memorylab/lock: Is a directory" in said and "hint: `git memorylab doctor`" in said
    )


@needs_files
@pytest.mark.parametrize("what", ["object", pytest.param("ref", marks=pytest.mark.long)])
def test_nothing_is_written_over_what_is_damaged(told: Lab, what: str) -> None:
    """A journal whose tip could not be read was begun anew, and what was left of that was taken for its number 1."""
    before, name, tip = ids(told), me(told), told.git("rev-parse", journal_of(told))
    path = loose(told, tip) if what == "object" else told.path / ".git" / journal_of(told)
    path.chmod(0o644)
    path.write_bytes(b"")
    told.result(1.5)
    for command in (("log", "--log", "run.log"), *((("status",),) if what == "ref" else ())):
        assert "hint: `git memorylab doctor`" in told.run(*command, rc=3).stderr
    assert codes(doctor(told, "--repair", rc=0)) == set()
    assert ids(told) == before and me(told) == name
    told.run("log", "--log", "run.log")
    told.run("verify")


@pytest.mark.long
@pytest.mark.parametrize("how", ["moved", pytest.param("lost", marks=needs_files)])
def test_no_clone_parts_from_a_damaged_journal(team: tuple[Lab, Lab], hub: Hub, how: str) -> None:
    """It takes its journal along under the new name, and lets go of the rest: what was not shared was lost."""
    ann, _ = team
    for number in range(2):
        log(ann, f"only here {number}", 1.5 + number)
    before, name = ids(ann), me(ann)
    unsee(ann)
    if how == "moved":
        ann.git("update-ref", journal_of(ann), ann.git("commit-tree", "-m", "x", "HEAD^{tree}"))
    else:
        loose(ann, ann.git("rev-parse", journal_of(ann))).unlink()
    assert "`git memorylab doctor`" in ann.run("sync", rc=3).stderr
    assert me(ann) == name and ids(ann) == before
    assert codes(doctor(ann, "--repair", rc=0)) == set()
    assert me(ann) == name and ids(ann) == before
    assert json.loads(ann.run("sync", "--json").stdout)["went"] == 2
    ann.run("verify")


@pytest.mark.long
@pytest.mark.parametrize("at", [-1, 0, 11])
def test_a_pack_that_git_does_not_open(told: Lab, at: int) -> None:
    """A wrong byte at either end: git opens no such pack, and nothing in it was taken for whole."""
    told.git("gc", "-q")
    before, tip = ids(told), told.git("rev-parse", "HEAD")
    (pack,) = (told.path / ".git/objects/pack").glob("*.pack")
    content = bytearray(pack.read_bytes())
    content[at] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(content)
    pack.chmod(0o444)
    done = doctor(told, "--repair", rc=0)
    assert "pack-damaged" in codes(done, "mended") and ids(told) == before
    told.git("fsck", "--no-dangling")
    assert told.git("rev-parse", "HEAD") == tip
    told.run("verify")


@pytest.mark.long
def test_a_damaged_pack_of_a_partial_clone(team: tuple[Lab, Lab], hub: Hub) -> None:
    """What was packed anew was no longer marked as what may lack something, which the remote has: git missed it."""
    ann, _ = team
    ann.git("push", "-q", "origin", "HEAD:refs/heads/main")
    hub.git("config", "uploadpack.allowFilter", "true")
    hub.git("config", "uploadpack.allowAnySHA1InWant", "true")
    hub.git("symbolic-ref", "HEAD", "refs/heads/main")
    ann.git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{hub.path}", "../partial")
    partial = Lab(ann.path.with_name("partial"))
    (pack,) = (partial.path / ".git/objects/pack").glob("*.pack")
    last = pack.read_bytes()
    pack.chmod(0o644)
    pack.write_bytes(last[:-1] + bytes([last[-1] ^ 1]))
    done = doctor(partial, "--repair", rc=None)
    assert "pack-damaged" in codes(done, "mended")
    partial.git("fsck")
    assert len(list(pack.parent.glob("*.pack"))) == len(list(pack.parent.glob("*.promisor")))


@pytest.mark.long
def test_a_pack_that_is_lost_is_one_thing(team: tuple[Lab, Lab], hub: Hub) -> None:
    """Each ref had a line, and git's commit graph went on naming what is gone, which git fsck complains of."""
    ann, _ = team
    before = ids(ann)
    ann.git("push", "-q", "origin", "HEAD:refs/heads/main")
    ann.git("gc", "-q")
    ann.git("multi-pack-index", "write")
    shutil.rmtree(ann.path / ".git/objects/pack")
    found = doctor(ann, rc=1)
    dangling = [one["message"] for one in found["findings"] if one["code"] == "ref-dangling"]
    assert 1 <= len(dangling) <= 2 and "more point to what is not here" in dangling[0]
    doctor(ann, "--repair", rc=None)
    assert ids(ann) == before
    ann.git("commit-graph", "verify")


def test_where_git_crashes_doctor_is_named(hub: Hub, ann: Lab) -> None:
    """It was to be tried again, and a remote not reached, whenever a list of git's was damaged."""
    log(ann, "one")
    crash = "kill -SEGV $PPID; true"
    with pytest.raises(Killed) as crashed:
        git.run(locate(ann.path), "-c", f"alias.crash=!{crash}", "crash")
    assert crashed.value.hint == git.MEND
    ann.git("config", "remote.origin.uploadpack", crash)
    said = ann.run("sync", rc=3).stderr
    assert "git ls-remote was ended by signal" in said and "hint: `git memorylab doctor`" in said


@pytest.mark.long
@pytest.mark.parametrize("what", ["^{tree}", ":record.json"])
def test_a_push_that_ends_at_damage_here_is_no_refusal(team: tuple[Lab, Lab], hub: Hub, what: str) -> None:
    """git says that the remote could not unpack it, and the remote was said to refuse it."""
    ann, _ = team
    for number in range(2):
        log(ann, f"only here {number}", 1.5 + number)
    loose(ann, ann.git("rev-parse", f"{journal_of(ann)}~1{what}")).unlink()
    said = ann.run("sync", rc=3).stderr
    assert "Not all is here that" in said and "hint: `git memorylab doctor`" in said and "refuses" not in said
    assert codes(doctor(ann, "--repair", rc=0)) == set()
    assert json.loads(ann.run("sync", "--json").stdout)["went"] == 2


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_clone_wrote_before_it_forgot_its_name_is_shared(team: tuple[Lab, Lab], hub: Hub, when: str) -> None:
    """It got a new name, and nobody moved the refs of the old one any more: what they had stayed here, unsaid."""
    ann, bob = team
    for number in range(2):
        log(ann, f"only here {number}", 1.5 + number)
    name = me(ann)
    (ann.store.state / "writer.json").unlink()
    code = "writer-unreadable"
    if when == "after":
        log(ann, "under another name")
        ann.run("sync")
        code = "writer-left"
    found = doctor(ann, rc=1)
    assert codes(found) == {code} and name in str(found["findings"])
    before = ids(ann)
    assert codes(doctor(ann, "--repair", rc=0)) == set()
    assert (me(ann) == name) == (when == "before") and ids(ann) == before
    ann.run("sync")
    ann.run("verify")
    bob.run("sync")
    bob.run("verify")
    assert set(ids(bob)) == set(before)


@pytest.mark.long
def test_refs_that_nobody_here_made_are_told_of(told: Lab) -> None:
    told.git("update-ref", f"{refs.JOURNAL}somebody", f"{journal_of(told)}~3^2")
    for options in ((), ("--repair",)):
        found = doctor(told, *options, rc=1)
        assert codes(found) == {"stranger-damaged"} and not found["findings"][0]["mends"]
        assert f"{refs.JOURNAL}somebody" in found["findings"][0]["message"]


@pytest.mark.long
def test_a_journal_that_is_damaged_is_no_fork(team: tuple[Lab, Lab], hub: Hub) -> None:
    ann, _ = team
    log(ann, "only here")
    loose(ann, ann.git("rev-parse", f"{journal_of(ann)}~1")).unlink()
    assert "writer-forked" not in codes(doctor(ann, rc=1))
    name = me(ann)
    assert codes(doctor(ann, "--repair", rc=0)) == set() and me(ann) == name


@pytest.mark.long
@pytest.mark.parametrize("how", ["doctor", "sync", "was at it"])
def test_a_lost_experiment_is_no_fork(team: tuple[Lab, Lab], hub: Hub, how: str) -> None:
    """git cannot tell whether one journal leads to the other then. A clone that took it for a fork was stuck there."""
    ann, _ = team
    ann.edit("DEPTH", 31)
    ann.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-am", "depth 31")
    log(ann, "only here")
    log(ann, "again")
    before, name, lost = ids(ann), me(ann), ann.git("rev-parse", "HEAD")
    kept = loose(ann, lost).read_bytes()
    loose(ann, lost).unlink()
    if how == "sync":
        assert "`git memorylab doctor`" in ann.run("sync", rc=3).stderr
    if how == "was at it":
        writer.change(ann.path / ".git", ann.git("rev-parse", copy_of(ann, "journal", ann)))
    done = doctor(ann, "--repair", rc=1)
    assert {"writer-forked", "writer-unsettled"}.isdisjoint(codes(done)) and "objects-missing" in codes(done)
    assert me(ann) == name and ids(ann) == before
    loose(ann, lost).write_bytes(kept)
    assert codes(doctor(ann, "--repair", rc=0)) == set() and me(ann) == name
    assert json.loads(ann.run("sync", "--json").stdout)["went"] == 2


@pytest.mark.long
def test_damage_here_is_no_remote_that_is_away(team: tuple[Lab, Lab], hub: Hub) -> None:
    ann, _ = team
    log(ann, "only here")
    path = loose(ann, ann.git("rev-parse", "HEAD"))
    path.chmod(0o644)
    path.write_bytes(b"")
    said = ann.run("sync", rc=3).stderr
    assert "was not reached" not in said and "hint: `git memorylab doctor`" in said


def test_gits_own_locks_are_left_alone(told: Lab) -> None:
    path = told.path / ".git/index.lock"
    path.touch()
    assert doctor(told, rc=0)["findings"] == []  # a commit may be at it
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    done = doctor(told, "--repair", rc=1)
    assert codes(done) == {"lock-of-git"} and "60 minutes" in done["findings"][0]["message"] and path.exists()


@pytest.mark.long
def test_a_commit_that_nothing_keeps_is_kept(told: Lab) -> None:
    """An imported run's, which the journal pins no more than a branch does."""
    commit = told.git("commit-tree", "-m", "gone from every branch", told.git("rev-parse", "HEAD^{tree}"))
    table = told.path.parent / "other.tsv"
    table.write_text(TABLE.replace("abcdef0", commit[:7]).replace("0.97", "0.96"))
    told.run("import", str(table))
    anchored = {entry.anchor for entry in told.store.entries()}
    if commit not in anchored:
        assert codes(doctor(told, rc=1)) == {"experiment-unpinned"}
    assert codes(doctor(told, "--repair", rc=0)) == set()
    told.git("gc", "-q", "--prune=now")
    assert told.git("cat-file", "-t", commit) == "commit"


@pytest.mark.long
def test_an_overfull_tree_is_laid_out_anew(lab: Lab) -> None:
    """Its notes are what they were, and `git notes` reads them."""
    log(lab, "one")
    many = [FORM.object_id("blob", b"%d" % n) for n in range(300)]

    def make(pack: Pack, found: dict[str, str]) -> str:
        flat = {name: (FILE, blob) for name, blob in found.items()}
        return pack.tree(flat | {name: (FILE, pack.blob(b"# packet\n")) for name in many})

    retree(lab, decisions_of(lab), make)
    found = doctor(lab, rc=0)
    assert [one["code"] for one in found["findings"]] == ["notes-flat"] and "301 notes" in found["advice"][0]
    before = dict(line.split()[::-1] for line in lab.git("notes", "--ref", decisions_of(lab), "list").splitlines())
    doctor(lab, "--repair", rc=0)
    after = dict(line.split()[::-1] for line in lab.git("notes", "--ref", decisions_of(lab), "list").splitlines())
    assert before == after and len(after) == 301
    assert len(lab.git("ls-tree", decisions_of(lab)).splitlines()) <= 256
    assert doctor(lab, rc=0)["findings"] == []


# -- several at once, and killed in between ----------------------------------------------------------------------------

# What can befall one clone in one night. What has it forget where its refs were does not meet their deletion: nothing
# would be left that says so.
FORGETFUL = {garble_journal_ref, dangle_journal_ref, lose_decisions, cut_journal}
TOGETHER = [
    lose_entry, empty_entry, cut_entry_short, lose_record, garble_record, lose_tree_of_entry, lose_packet,
    garble_journal_ref, dangle_journal_ref, delete_refs, lose_decisions, double_note, copy_note, leave_lock,
    garble_index, falsify_index, lose_config, spool, break_seen, cut_journal, lose_some_notes, lose_artifact,
]  # fmt: skip


@pytest.mark.long
def test_any_damages_together(told: Lab) -> None:
    kept = told.path.with_name("kept")
    shutil.copytree(told.path, kept, symlinks=True)
    before, name = ids(told), me(told)
    records = {entry.line for entry in told.store.entries()}

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(TOGETHER), min_size=2, max_size=5, unique=True))
    def check(damages: list[Callable[[Lab], None]]) -> None:
        damages = [one for one in damages if one not in FILES or "MEMORYLAB_TEST_REFS" not in os.environ]
        assume(delete_refs not in damages or not FORGETFUL & set(damages))
        shutil.rmtree(told.path)
        shutil.copytree(kept, told.path, symlinks=True)
        writer.save(told.path / ".git", name)
        done = []
        for damage in damages:
            with suppress(AssertionError, StopIteration, FileNotFoundError, sqlite3.Error):  # what it damages is gone
                damage(told)
                done.append(damage)
        found = doctor(told, "--repair")
        assert codes(found) == set(), (done, found["findings"])
        assert ids(told) == before and {entry.line for entry in told.store.entries()} >= records
        told.run("verify")
        told.git("fsck", "--strict", "--no-dangling")

    check()


class Killer(test_kills.Killer):
    """Kills before a file is moved or a git is started, counted from the first repair on."""

    seen = False

    def __call__(self, frame: FrameType, event: str, function: object) -> None:
        self.seen = self.seen or (event == "call" and frame.f_code.co_name == "_repair")
        if self.seen and event == "c_call" and getattr(function, "__name__", "") in ("replace", "fork_exec", "unlink"):
            self.taken += 1
            if self.taken == self.due:
                os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.long
@pytest.mark.parametrize("due", [3, 9, 17, 25, 33, 41, 49, 57])
def test_a_repair_that_is_killed_is_gone_on_with(told: Lab, due: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_kills.Killer", Killer)
    before = ids(told)
    records = {entry.line for entry in told.store.entries()}
    lose_entry(told)
    lose_decisions(told)
    double_note(told)
    assert not test_kills.log_and_die(told, due, "doctor", "--repair")
    assert {entry.line for entry in told.store.entries()} >= records, "half a repair loses nothing"
    assert codes(doctor(told, "--repair", rc=0)) == set()
    assert ids(told) == before
    told.run("verify")


@pytest.mark.long
def test_a_repair_while_somebody_logs(told: Lab) -> None:
    before = set(ids(told))
    lose_entry(told)
    lose_some_notes(told)
    told.result(1.5)
    others = [told.spawn("log", "--log", "run.log", "--description", f"meanwhile {n}") for n in range(2)]
    doctor(told, "--repair")
    outcomes = [one.communicate(timeout=60) for one in others]
    logged = sum(one.returncode == 0 for one in others)
    assert codes(doctor(told, "--repair", rc=0)) == set(), outcomes
    assert before <= set(ids(told)) and len(ids(told)) == len(before) + logged
    told.run("verify")


@pytest.mark.long
def test_what_a_later_version_wrote_is_mended_to_the_byte(told: Lab) -> None:
    """It is not understood, but it says whose it is and under which number."""
    of_later = {"v": 2, "kind": "dream", "writer": me(told), "commit": "x", "of": "sheep"}
    with told.ledger.writing(datetime(2026, 1, 1, tzinfo=UTC)) as transaction:
        seq = transaction.next_sequence
        line = json.dumps({**of_later, "seq": seq}).encode()
        transaction.add(told.git("rev-parse", "HEAD"), line, {}, "dream")
    log(told, "after it")
    for damage in (lose_some_notes, cut_journal, lose_notes):
        damage(told)
        assert codes(doctor(told, "--repair", rc=0)) == set()
        found = {entry.seq: entry.line for entry in told.store.journal(told.git("rev-parse", journal_of(told)))}
        assert found[seq] == line and len(found) == seq + 1
        assert line in told.git("notes", "--ref", ledger_of(told), "show", "HEAD").encode().splitlines()
