"""compact: retired writers' refs go from the remote into an archive, and no clone notices but by their number."""

import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.swarm import kills
from memorylab.commands import log
from memorylab.commands.session import Session
from memorylab.store import refs
from tests.conftest import Hub, Lab, Templates

pytestmark = pytest.mark.long  # for their length alone

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = NOW - timedelta(days=90)
FOLDER = Path("results") / "memorylab"
JOURNALS, NOTES = refs.ARCHIVED_JOURNALS, refs.ARCHIVED_NOTES


class Swarm:
    """A bare remote and clones of it."""

    def __init__(self, templates: Templates, folder: Path) -> None:
        self.templates, self.folder = templates, folder
        folder.mkdir(exist_ok=True)
        self.bare = Hub(templates, folder / "bare.git")

    def clone(self, name: str) -> Lab:
        return self.bare.join(name)

    def refs(self, bare: Lab | None = None) -> dict[str, str]:
        """What the remote has of the memory."""
        return remembered(bare or self.bare)


def remembered(lab: Lab) -> dict[str, str]:
    """ref -> tip of all memory refs."""
    listed = lab.git("for-each-ref", "--format=%(refname) %(objectname)", refs.NOTES, "refs/memorylab/")
    return dict(line.split(" ", 1) for line in listed.splitlines())  # type: ignore[misc]


@pytest.fixture
def swarm(tmp_path: Path, templates: Templates, monkeypatch: pytest.MonkeyPatch) -> Swarm:
    monkeypatch.setattr("memorylab.store.transport.time.sleep", lambda seconds: None)
    return Swarm(templates, tmp_path / "swarm")


def experiment(lab: Lab, depth: int, when: datetime = NOW) -> str:
    """One logged run that nobody was told of; its id. Without the hook, which starts a process."""
    lab.edit("DEPTH", depth)
    lab.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-am", f"depth {depth}")
    lab.result(1 + depth / 1000)
    return log.log(Session(lab.path, when), log.Request(log=lab.path / "run.log")).run.run_id


def writer(lab: Lab) -> str:
    found = lab.store.writer()
    assert found is not None
    return found


def own(name: str) -> set[str]:
    return {ref for _, ref in refs.of(name)}


def archives(name: str) -> set[str]:
    return {JOURNALS + name, NOTES + name}


def compact(lab: Lab, *arguments: str, rc: int = 0) -> dict[str, object]:
    done = lab.run("compact", "--json", *arguments, rc=rc)
    return dict(json.loads(done.stdout)) if rc == 0 else {"said": done.stderr}


def views(lab: Lab) -> dict[str, bytes]:
    """Every file that shows the runs, by its path."""
    lab.run("status")
    folder = lab.path / FOLDER
    paths = [folder / "experiments.jsonl", *(path for path in (folder / "runs").rglob("*") if path.is_file())]
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(paths)}


def runs(lab: Lab) -> list[str]:
    return [run.run_id for run in lab.memory.runs]


def forget(lab: Lab) -> None:
    lab.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    lab.git("gc", "-q", "--prune=now")


@pytest.fixture
def two(swarm: Swarm) -> tuple[Lab, Lab]:
    """An archiver with a run of its own, and a clone whose writer was silent for long; both have shared."""

    def make(folder: Path) -> None:
        made = Swarm(swarm.templates, folder)
        archiver, old = made.clone("archiver"), made.clone("old")
        experiment(archiver, 9)
        experiment(old, 12, LONG_AGO)
        for lab in (old, archiver):
            lab.run("sync")

    shutil.rmtree(swarm.bare.path)
    swarm.templates.copy("an archiver and one who was silent", make, swarm.folder)
    return Lab(swarm.folder / "archiver"), Lab(swarm.folder / "old")


# -- who is folded


def test_the_silent_are_folded_and_the_others_are_not(swarm: Swarm) -> None:
    archiver, old, new = (swarm.clone(name) for name in ("archiver", "old", "new"))
    experiment(archiver, 9, LONG_AGO)
    experiment(old, 12, LONG_AGO)
    experiment(new, 13)
    for lab in (archiver, old, new):
        lab.run("sync")
    before = swarm.refs()
    assert len(before) == 9
    assert compact(archiver, "--days", "91")["folded"] == []
    dry = compact(archiver, "--dry-run")
    assert dry == {"remote": "origin", "folded": [writer(old)], "left": [], "refs_left": 9, "dry_run": True}
    assert swarm.refs() == before and not archives(writer(archiver)) & remembered(archiver).keys()
    done = compact(archiver)
    assert done == {"remote": "origin", "folded": [writer(old)], "left": [], "refs_left": 8, "dry_run": False}
    gone = own(writer(old))
    kept = {ref: tip for ref, tip in before.items() if ref not in gone}
    after = swarm.refs()
    assert {ref: after[ref] for ref in kept} == kept
    assert after.keys() - kept.keys() == archives(writer(archiver))


def test_by_name_also_the_recent_are_folded(swarm: Swarm) -> None:
    archiver, old, new = (swarm.clone(name) for name in ("archiver", "old", "new"))
    for n, lab in enumerate((old, new)):
        experiment(lab, n, (LONG_AGO, NOW)[n])
        lab.run("sync")
    assert compact(archiver, "--writer", writer(new))["folded"] == [writer(new)]
    assert not own(writer(new)) & swarm.refs().keys() and own(writer(old)) <= swarm.refs().keys()
    # By now it is archived: to ask for it again is no mistake, and finds nothing to do.
    tips = swarm.refs()
    assert compact(archiver, "--writer", writer(new))["folded"] == []
    assert swarm.refs() == tips
    both = compact(archiver, "--writer", writer(new), "--writer", writer(old))
    assert both["folded"] == [writer(old)]


@pytest.mark.parametrize("name", ["nobody", "me"])
def test_a_writer_who_is_not_there_is_named(swarm: Swarm, two: tuple[Lab, Lab], name: str) -> None:
    archiver, _ = two
    before = swarm.refs()
    named = writer(archiver) if name == "me" else "nobody-00000000"
    said = compact(archiver, "--writer", named, rc=3)["said"]
    assert f"origin has no writer {named!r} besides us" in str(said)
    assert swarm.refs() == before


def test_nothing_is_changed_where_the_remote_is_away(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, _ = two
    swarm.bare.path.rename(swarm.folder / "elsewhere.git")
    before = remembered(archiver)
    said = str(compact(archiver, rc=3)["said"])
    assert "origin was not reached" in said and "Nothing was changed." in said and said.count("\n") == 1
    assert remembered(archiver) == before


def test_a_clone_that_remembers_nothing_yet_can_compact(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    clone = Lab(swarm.folder / "new")
    swarm.bare.git("clone", "-q", str(swarm.bare.path), str(clone.path))
    assert compact(clone, "--dry-run")["folded"] == [writer(two[1])]
    assert clone.store.writer() is None
    assert compact(clone)["folded"] == [writer(two[1])]
    assert archives(writer(clone)) <= swarm.refs().keys()


def test_what_it_says(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    from memorylab.commands import compact as command

    archiver = swarm.clone("archiver")
    done = command.Compacted("origin", [f"w{n:02}" for n in range(23)], ["late"], 7, False)
    lines = command.render(done).splitlines()
    assert lines[0] == "origin: 23 writers folded, 7 refs there now"
    assert lines[-2:] == ["  and 3 more", "  late has moved on, or away from what is archived, and was left"]
    assert len(lines) == 23
    assert archiver.run("compact", "--dry-run").stdout == "origin: 0 writers would be folded, 0 refs there now\n"
    assert archiver.run("compact").stdout == "origin: 0 writers folded, 0 refs there now\n"


# -- nothing is lost, and nobody notices


def test_every_clone_has_the_same(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, old = two
    run = runs(old)[0]
    here, offline = swarm.clone("here"), swarm.clone("offline")
    experiment(here, 10)
    experiment(offline, 11)
    for lab in (here, offline, archiver, here):
        lab.run("sync")
    before = views(here)
    assert len(runs(here)) == 4
    compact(archiver)
    assert views(here) == before == views(archiver)
    tracked = {refs.fetched_as("origin", ref) for ref in own(writer(old))}
    fresh = swarm.clone("fresh")
    for lab in (archiver, here, offline, fresh, old):
        done = lab.run("sync")
        assert done.stderr == ""
        assert not tracked & remembered(lab).keys()
        assert views(lab) == before
        # Folded or not, what only a gitlink names is reached by the archive's parents.
        if lab is not old:
            forget(lab)
        assert "-DEPTH = 8" in lab.run("diff", run, "--json").output
        lab.git("checkout", "-q", "train.py")
        lab.run("restore", run)
        assert "DEPTH = 12" in (lab.path / "train.py").read_text()
        lab.git("fsck", "--strict", "--no-dangling")
        lab.run("verify")
    forget(swarm.bare)
    swarm.bare.git("fsck", "--strict", "--no-dangling")
    assert views(swarm.clone("last")) == before


def test_an_archive_as_git_shows_it(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, old = two
    tips = swarm.refs()
    compact(archiver)
    name = writer(old)
    for ref, kinds in ((JOURNALS, ("journal",)), (NOTES, ("decisions", "ledger"))):
        archive = ref + writer(archiver)
        listed = swarm.bare.git("ls-tree", "-r", archive).splitlines()
        held = {kind: tips[refs.OWN[kind] + name] for kind in kinds}
        assert listed == [f"160000 commit {tip}\t{kind}/{name}" for kind, tip in held.items()]
        assert swarm.bare.git("log", "-1", "--format=%s%n%P", archive).split("\n")[0] == f"Archive of {name}"
        assert set(swarm.bare.git("log", "-1", "--format=%P", archive).split()) == set(held.values())
    # What is below refs/notes/ is taken for notes by who asks for all of them.
    assert f"memorylab/decisions/{name}" not in archiver.git("log", "--notes=*", "-1", "--all")
    assert swarm.bare.git("notes", f"--ref={NOTES}{writer(archiver)}", "list") == ""


def test_many_writers_in_one_commit(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memorylab.store.compact._BATCH", 2)
    archiver = swarm.clone("archiver")
    folded = []
    for n in range(3):
        lab = swarm.clone(f"old{n}")
        experiment(lab, 10 + n, LONG_AGO)
        lab.run("sync")
        folded.append(writer(lab))
    archiver.run("sync")
    before = views(archiver)
    assert compact(archiver)["folded"] == sorted(folded)
    assert swarm.refs().keys() == archives(writer(archiver))
    assert swarm.bare.git("log", "-1", "--format=%s", JOURNALS + writer(archiver)) == "Archive of 3 writers"
    swarm.bare.git("fsck", "--strict", "--no-dangling")
    assert views(archiver) == before == views(swarm.clone("fresh"))


def test_the_same_twice(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, _ = two
    compact(archiver)
    before = swarm.refs(), remembered(archiver)
    assert compact(archiver)["folded"] == []
    assert (swarm.refs(), remembered(archiver)) == before


def test_a_plain_fetch_that_prunes_loses_nothing(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, old = two
    clone = swarm.clone("clone")
    before = views(clone)
    compact(archiver)
    clone.git("fetch", "-q", "--prune")
    assert not own(writer(old)) & {refs.local_name(ref) for ref in remembered(clone)}
    done = clone.run("status")
    assert done.stderr == "" and views(clone) == before
    clone.run("verify")


def test_a_clone_without_artifacts_gets_them_out_of_the_archive(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, old = two
    run = runs(old)[0]
    compact(archiver)
    clone = Lab(swarm.folder / "clone")
    swarm.bare.git("clone", "-q", str(swarm.bare.path), str(clone.path))
    clone.git("config", "memorylab.notesOnly", "true")
    clone.run("init")
    assert set(runs(clone)) == set(runs(archiver))
    assert not any("/journal/" in ref for ref in remembered(clone) if ref.startswith(refs.REMOTES))
    assert "-DEPTH = 8" in clone.run("diff", run, "--json").output


# -- a writer who comes back


@pytest.mark.long
def test_a_writer_comes_back_and_is_folded_again(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, old = two
    clone = swarm.clone("clone")
    for depth in (13, 14):
        compact(archiver, "--writer", writer(old))
        assert not own(writer(old)) & swarm.refs().keys()
        clone.run("sync")
        if depth == 14:
            # Before anything new of its own there is nothing to push.
            assert "went" not in old.run("sync").output
            assert not own(writer(old)) & swarm.refs().keys()
        experiment(old, depth)
        done = json.loads(old.run("sync", "--json").stdout)
        # It was said to have been deleted there, though it was folded.
        assert done["went"] == 1 and done["waiting"] == 0 and done["remarks"] == []
        assert own(writer(old)) <= swarm.refs().keys()
        for lab in (archiver, clone):
            done = json.loads(lab.run("sync", "--json").stdout)
            assert done["came"] == 1 and done["writers"] == 1 and done["remarks"] == []
    compact(archiver, "--writer", writer(old))
    everywhere = [views(lab) for lab in (archiver, swarm.clone("fresh"))]
    for lab in (clone, old):
        assert lab.run("sync").stderr == ""
        everywhere.append(views(lab))
        assert not lab.run("verify").stderr
    assert all(view == everywhere[0] for view in everywhere)
    assert sorted(runs(clone)) == sorted(runs(old)) and len(set(runs(old))) == len(runs(old)) == 4


def test_what_is_older_than_the_archive_does_not_replace_it(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    """The archive then named the older one, and what came after it was in no view."""
    archiver, old = two
    then = {ref: tip for ref, tip in swarm.refs().items() if ref in own(writer(old))}
    experiment(old, 13, LONG_AGO)
    old.run("sync")
    compact(archiver)
    before = views(archiver)
    # A clone of the writer's that was put back from a backup, or somebody's plain push.
    for ref, tip in then.items():
        swarm.bare.git("update-ref", ref, tip)
    assert compact(archiver)["folded"] == [writer(old)]
    assert not own(writer(old)) & swarm.refs().keys()
    assert views(archiver) == before == views(swarm.clone("fresh"))


def test_a_fork_of_what_is_archived_is_left(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    """The archive then named the fork, and what it had held before was in no view."""
    archiver, old = two
    backup = swarm.folder / "backup"
    shutil.copytree(old.path, backup, symlinks=True)
    experiment(old, 13, LONG_AGO)
    old.run("sync")
    compact(archiver)
    shutil.rmtree(old.path)
    backup.rename(old.path)
    experiment(old, 14, LONG_AGO)
    forked = {ref: tip for ref, tip in remembered(old).items() if ref in own(writer(old))}
    old.git("push", "-q", "origin", *(f"{ref}:{ref}" for ref in forked))
    clone = swarm.clone("clone")
    before = views(clone)
    assert before["experiments.jsonl"].count(b"\n") == 4
    done = compact(archiver)
    assert (done["folded"], done["left"]) == ([], [writer(old)])
    assert forked.items() <= swarm.refs().items()
    assert views(archiver) == before == views(swarm.clone("fresh"))


# -- others push at the same time


MOVES = """
while read -r old new ref; do
    case $ref in %s*) ;; *) continue ;; esac
    git for-each-ref --format="update refs/%%(refname:lstrip=2) %%(objectname)" refs/later/ | git update-ref --stdin
done
"""


def arrange(swarm: Swarm, name: str, script: str) -> None:
    hook = swarm.bare.path / "hooks" / name
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


@pytest.mark.long
@pytest.mark.parametrize("kinds", [("journal", "ledger", "decisions"), ("journal", "ledger"), ("decisions",)])
def test_who_pushes_between_listing_and_deletion_is_left(
    swarm: Swarm, two: tuple[Lab, Lab], kinds: tuple[str, ...]
) -> None:
    """A plan moves two refs of a writer's three; the third goes, and is in the archive."""
    archiver, old = two
    experiment(old, 13, LONG_AGO)
    moved = {refs.OWN[kind] + writer(old): old.git("rev-parse", refs.OWN[kind] + writer(old)) for kind in kinds}
    old.git("push", "-q", "origin", *(f"{tip}:refs/later/{ref[len('refs/') :]}" for ref, tip in moved.items()))
    arrange(swarm, "post-receive", MOVES % refs.ARCHIVED_JOURNALS)
    done = compact(archiver)
    assert (done["folded"], done["left"]) == ([], [writer(old)])
    assert {ref: tip for ref, tip in swarm.refs().items() if ref in own(writer(old))} == moved
    (swarm.bare.path / "hooks" / "post-receive").unlink()
    for lab in (old, archiver, old):
        assert lab.run("sync").stderr == ""
    whole = views(old)
    assert views(archiver) == whole == views(swarm.clone("fresh"))
    assert compact(archiver)["folded"] == [writer(old)]
    assert not own(writer(old)) & swarm.refs().keys()
    assert views(swarm.clone("last")) == whole


def test_two_who_fold_the_same_at_once(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    """Who finds everything gone has nothing left to do, and says so."""
    archiver, old = two
    second = swarm.clone("second")
    gone = "".join(f"delete {ref}\n" for ref in own(writer(old)))
    compacted = f"""
while read -r old new ref; do
    case $ref in {JOURNALS}*) git update-ref --stdin <<end
{gone}end
    esac
done
"""
    arrange(swarm, "post-receive", compacted)
    done = compact(second)
    assert (done["folded"], done["left"]) == ([writer(old)], [])
    assert views(archiver) == views(second) == views(swarm.clone("fresh"))
    tracked = {refs.fetched_as("origin", ref) for ref in own(writer(old))}
    assert not tracked & remembered(second).keys()


def test_an_archive_that_the_remote_does_not_keep_deletes_nothing(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, old = two
    before = swarm.refs()
    arrange(swarm, "post-receive", 'while read -r old new ref; do git update-ref -d "$ref"; done')
    said = str(compact(archiver, rc=3)["said"])
    assert "origin does not have the archive that it has taken" in said
    assert swarm.refs() == before
    (swarm.bare.path / "hooks" / "post-receive").unlink()
    assert compact(archiver)["folded"] == [writer(old)]


def test_a_remote_that_takes_no_archive_deletes_nothing(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, _ = two
    before = swarm.refs()
    arrange(swarm, "update", 'case $1 in */archive/*) echo "no archives here" >&2; exit 1 ;; esac')
    said = str(compact(archiver, rc=3)["said"])
    assert "origin does not take the archive: " in said and "no archives here" in said
    assert swarm.refs() == before


def test_a_remote_that_deletes_nothing_is_said_to(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, _ = two
    before = swarm.refs()
    arrange(swarm, "update", 'case $3 in *[!0]*) ;; *) echo "no deletions here" >&2; exit 1 ;; esac')
    said = str(compact(archiver, rc=3)["said"])
    assert "origin deletes nothing: " in said and "no deletions here" in said
    after = swarm.refs()
    assert before.items() <= after.items() and archives(writer(archiver)) <= after.keys()
    (swarm.bare.path / "hooks" / "update").unlink()
    assert compact(archiver)["refs_left"] == 5


# -- a server with the hook


@pytest.mark.long
@pytest.mark.parametrize("owners", [False, True])
def test_with_the_hook_on_the_server(swarm: Swarm, monkeypatch: pytest.MonkeyPatch, owners: bool) -> None:
    swarm.bare.run("init")
    if owners:
        swarm.bare.git("config", "memorylab.server.owners", "true")
        swarm.bare.git("config", "memorylab.server.archiver", "archivist")
    archiver, old, other = (swarm.clone(name) for name in ("archiver", "old", "other"))
    for lab, user in ((archiver, "archivist"), (old, "olga"), (other, "otto")):
        experiment(lab, len(user), LONG_AGO)
        monkeypatch.setenv("MEMORYLAB_USER", user)
        lab.run("sync")
    before = swarm.refs()
    if owners:
        said = str(compact(other, "--writer", writer(old), rc=3)["said"])
        assert "origin does not take the archive: " in said and "otto is not a memorylab.server.archiver" in said
        assert swarm.refs() == before
    monkeypatch.setenv("MEMORYLAB_USER", "archivist")
    done = compact(archiver, "--writer", writer(old))
    assert done["folded"] == [writer(old)] and not own(writer(old)) & swarm.refs().keys()
    fresh = swarm.clone("fresh")
    whole = views(fresh)
    assert len(runs(fresh)) == 3
    monkeypatch.setenv("MEMORYLAB_USER", "olga")
    experiment(old, 20)
    assert json.loads(old.run("sync", "--json").stdout)["went"] == 1
    # What is back is again nobody's to delete but with an archive.
    monkeypatch.setenv("MEMORYLAB_USER", "archivist")
    refused = subprocess.run(
        ["git", "push", "-q", "origin", f":{refs.JOURNAL}{writer(old)}"], cwd=archiver.path, capture_output=True,
        check=False,
    )  # fmt: skip
    assert refused.returncode == 1 and b"no archive here holds all of it" in refused.stderr
    assert compact(archiver, "--writer", writer(old))["folded"] == [writer(old)]
    assert len(runs(swarm.clone("last"))) == 4 and whole.items() - views(archiver).items() <= {
        ("experiments.jsonl", whole["experiments.jsonl"])
    }


# -- what becomes of the archive


def test_an_archive_that_was_deleted_there_comes_back(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, _ = two
    clone = swarm.clone("clone")
    compact(archiver)
    clone.run("sync")
    whole, tips = views(clone), swarm.refs()
    for ref in archives(writer(archiver)):
        swarm.bare.git("update-ref", "-d", ref)
    assert f"the ledger of {writer(archiver)} was deleted there; the copy here is whole" in clone.run("sync").stderr
    clone.git("fetch", "-q", "--prune")
    assert views(clone) == whole
    forget(clone)
    clone.run("verify")
    said = archiver.run("sync").stderr
    assert "what is ours was deleted there, and was pushed again" in said
    assert swarm.refs() == tips
    assert views(swarm.clone("fresh")) == whole
    assert clone.run("sync").stderr == ""


# -- what is no ledger


def test_refs_that_are_no_commits_are_left(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    """A plain `git fetch` takes them; to ask for their time, or make them parents, was a bug's traceback."""
    archiver, old = two
    blob = swarm.bare.git("hash-object", "-w", "-t", "blob", "/dev/null")
    tree = swarm.bare.git("hash-object", "-w", "-t", "tree", "/dev/null")
    head = swarm.bare.git("rev-parse", "main")
    swarm.bare.git("tag", "-a", "-m", "tag", "tag", "main")
    tag = swarm.bare.git("rev-parse", "tag")
    hostile = {
        refs.JOURNAL + "blob": blob, refs.JOURNAL + "tag": tag, refs.JOURNAL + "half": head, refs.LEDGER + "half": tree,
        refs.LEDGER + "notes": head, refs.DECISIONS + "blob": blob,
    }  # fmt: skip
    for ref, oid in hostile.items():
        swarm.bare.git("update-ref", ref, oid)
    archiver.git("fetch", "-q")
    assert compact(archiver)["folded"] == [writer(old)]
    assert hostile.items() <= swarm.refs().items()
    said = str(compact(archiver, "--writer", "half", rc=3)["said"])
    assert "What origin has of half is not what is here." in said


def test_a_ledger_that_was_rewritten_there_is_left_whole(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    """Its journal was folded and its ledger was not."""
    archiver, old = two
    swarm.bare.git("update-ref", refs.LEDGER + writer(old), swarm.bare.git("rev-parse", "main"))
    before = swarm.refs()
    assert compact(archiver)["folded"] == []
    assert swarm.refs() == before


def test_a_clone_without_journals_cannot_compact(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    clone = Lab(swarm.folder / "clone")
    swarm.bare.git("clone", "-q", str(swarm.bare.path), str(clone.path))
    clone.git("config", "memorylab.notesOnly", "true")
    clone.run("init")
    before = swarm.refs()
    assert "memorylab.notesOnly" in str(compact(clone, rc=3)["said"])
    assert swarm.refs() == before


# -- killed


@pytest.mark.long
def test_killed_at_some_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every one: python -m benchmarks.swarm.kills"""
    monkeypatch.setattr("memorylab.store.swap.time.sleep", lambda seconds: None)
    lab = kills.Killed(tmp_path / "swarm", retired=1)
    before = len(kills.refs_of(lab.remote))
    left = []
    # The first dozen steps only look at what there is.
    for due in range(13, 100, 6):
        if kills.compact_and_die(lab.archiver, due):
            break
        left.append(len(kills.refs_of(lab.remote)))
        lab.check(fresh=False)
        lab.complete()
        lab.restore()
    assert left == sorted(left, key=lambda found: (before, before + 2, before - 1).index(found))
    assert {before, before + 2} <= set(left)


@pytest.mark.long
def test_killed_while_the_remote_takes_and_deletes(tmp_path: Path) -> None:
    """The update hook of a remote is asked for each ref in turn: both archives, then each of three to delete."""
    lab = kills.Killed(tmp_path / "swarm", retired=1)
    before = len(kills.refs_of(lab.remote))
    left = []
    for due in range(1, 6):
        hook, counted = lab.remote / "hooks" / "update", lab.remote / "counted"
        hook.write_text(f"#!/bin/sh\necho >>{counted}\n[ $(wc -l <{counted}) -lt {due} ] || kill -KILL 0\n")
        hook.chmod(0o755)
        assert not kills.compact_and_die(lab.archiver, 0)
        hook.unlink()
        left.append(len(kills.refs_of(lab.remote)))
        lab.check(fresh=False)
        lab.complete()
        lab.restore()
    assert left == [before, before, before + 2, before + 1, before]


def test_an_archive_that_was_rewritten_there_is_refused(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    archiver, old = two
    clone = swarm.clone("clone")
    compact(archiver)
    clone.run("sync")
    whole = views(clone)
    head = swarm.bare.git("rev-parse", "main")
    for ref in archives(writer(archiver)):
        swarm.bare.git("update-ref", ref, head)
    assert f"the ledger of {writer(archiver)} was rewritten there; refused" in clone.run("sync").stderr
    assert views(clone) == whole
    clone.run("verify")
    # There may be no way back under this name, but there is one to where everyone has everything.
    archiver.run("sync")
    archiver.run("sync")
    assert views(archiver) == whole == views(swarm.clone("fresh"))


@pytest.mark.long
def test_a_second_archiver_folds_who_came_back(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    """Of two archives that held a writer one was believed at random: the writer's refs were pushed again, missed by
    others, and the later records called deleted."""
    archiver, old = two
    second, clone = swarm.clone("second"), swarm.clone("clone")
    archived = []
    for lab in (archiver, second, archiver):
        compact(lab, "--writer", writer(old))
        archived.append(lab)
        assert not own(writer(old)) & swarm.refs().keys()
        everyone = (old, archiver, second, clone)
        for one in everyone:
            done = one.run("sync")
            assert done.stderr == "", (len(archived), one.path.name)
        assert not own(writer(old)) & swarm.refs().keys()
        whole = views(old)
        assert all(views(one) == whole for one in (*everyone, swarm.clone(f"fresh{len(archived)}")))
        for one in everyone:
            assert not own(writer(old)) & {refs.local_name(ref) for ref in remembered(one) if "/remotes/" in ref}
            one.run("verify")
        clone.git("fetch", "-q", "--prune")
        assert clone.run("status").stderr == ""
        experiment(old, 20 + len(archived))
        old.run("sync")
        clone.run("sync")
    assert archives(writer(archiver)) | archives(writer(second)) <= swarm.refs().keys()


def test_the_archiver_back_from_a_backup(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    """Its archive is behind the remote's then."""
    archiver, old = two
    other = swarm.clone("other")
    experiment(other, 14, LONG_AGO)
    other.run("sync")
    compact(archiver, "--writer", writer(old))
    backup = swarm.folder / "backup"
    shutil.copytree(archiver.path, backup, symlinks=True)
    compact(archiver, "--writer", writer(other))
    whole = views(archiver)
    shutil.rmtree(archiver.path)
    backup.rename(archiver.path)
    experiment(archiver, 20)
    done = json.loads(archiver.run("sync", "--json").stdout)
    assert done["went"] == 1 and done["waiting"] == 0
    assert compact(archiver)["folded"] == []
    after = views(archiver)
    assert whole.items() - after.items() <= {("experiments.jsonl", whole["experiments.jsonl"])}
    assert after == views(swarm.clone("fresh"))


def test_the_lock_on_all_refs_that_a_killed_one_left_goes_with_the_next(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    """It had deleted all, so that the next has nothing to delete, and would not meet it."""
    archiver, _ = two
    assert compact(archiver)["folded"]
    locks = [folder / "packed-refs.lock" for folder in (swarm.bare.path, archiver.path / ".git")]
    for age in (0, 120):
        for lock in locks:
            lock.touch()
            os.utime(lock, (time.time() - age,) * 2)
        assert not compact(archiver)["folded"]
        assert [lock.exists() for lock in locks] == [age == 0] * 2  # a young one may be somebody's


def test_an_archive_that_a_push_empties_keeps_what_it_held(swarm: Swarm, two: tuple[Lab, Lab]) -> None:
    """git takes the commit as any other: it is on top of the one before."""
    archiver, _ = two
    compact(archiver)
    other = swarm.clone("other")
    other.run("sync")
    there, archive = runs(other), NOTES + writer(archiver)
    empty = swarm.bare.git("hash-object", "-w", "-t", "tree", "/dev/null")
    emptied = swarm.bare.git("commit-tree", "-p", archive, "-m", "x", empty)
    swarm.bare.git("update-ref", archive, emptied)
    assert "was cut short there; refused" in other.run("sync").stderr
    assert runs(other) == there and len(there) == 2
