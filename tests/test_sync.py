"""sync with real bare remotes: what comes and goes, what a user's settings must not disturb, what damage is refused."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from memorylab.store import refs
from tests.conftest import FORM, Hub, Lab, Templates, is_refusal
from tests.servers import free_port
from tests.test_concurrency import journal
from tests.test_gc import forget
from tests.test_kills import log_and_die

MEMORY = ("refs/notes/memorylab/", "refs/memorylab/")
PACK = Path("results") / "memorylab"
VIEWS = (PACK / "experiments.jsonl", PACK / "champion_challenger.json", Path("results.tsv"))
SETTINGS = (
    ("push.followTags", "true"), ("push.gpgSign", "if-asked"), ("push.default", "nothing"),
    ("push.recurseSubmodules", "check"), ("submodule.recurse", "true"), ("fetch.recurseSubmodules", "true"),
    ("fetch.prune", "true"), ("fetch.pruneTags", "true"), ("remote.origin.prune", "true"),
    ("remote.origin.tagOpt", "--tags"), ("remote.origin.mirror", "true"), ("transfer.fsckObjects", "true"),
    ("log.showSignature", "true"), ("log.decorate", "full"), ("color.ui", "always"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between attempts; nobody is here whom waiting would help."""
    waited: list[float] = []
    monkeypatch.setattr("memorylab.store.transport.time", SimpleNamespace(sleep=waited.append, time=time.time))
    return waited


@pytest.fixture
def hub(tmp_path: Path, templates: Templates) -> Hub:
    return Hub(templates, tmp_path / "hub.git")


@pytest.fixture
def ann(hub: Hub) -> Lab:
    return hub.join("ann")


@pytest.fixture
def bob(hub: Hub) -> Lab:
    return hub.join("bob")


def log(lab: Lab, description: str, value: float = 1.0, *options: str) -> str:
    """Log a run of HEAD; its id. Ten times as fast as `Lab.experiment`, which commits."""
    lab.result(value)
    done = lab.run("log", "--log", "run.log", "--description", description, "--json", *options)
    return str(json.loads(done.stdout)["run_id"])


def me(lab: Lab) -> str:
    found = lab.store.writer()
    assert found is not None
    return found


def own(lab: Lab) -> list[str]:
    return [ref for _, ref in refs.of(me(lab))]


def refs_in(lab: Lab, *prefixes: str) -> dict[str, str]:
    listed = lab.git("for-each-ref", "--format=%(refname) %(objectname)", *prefixes)
    return dict(line.split(" ") for line in listed.splitlines())


def synced(lab: Lab, *options: str, rc: int = 0) -> dict:
    return json.loads(lab.run("sync", "--json", *options, rc=rc).stdout)


def ids(lab: Lab) -> list[str]:
    return sorted(run.run_id for run in lab.memory.runs)


def views(lab: Lab) -> list[bytes]:
    lab.run("status")
    return [(lab.path / view).read_bytes() for view in VIEWS]


def assert_whole(*labs: Lab) -> None:
    """Every clone has all records once, sees the same, and every ledger in it proves to be whole."""
    for lab in labs:
        lab.run("verify")
        assert not lab.memory.unreadable
        assert views(lab) == views(labs[0])
        shown = [json.loads(line)["run_id"] for line in (lab.path / VIEWS[0]).read_text().splitlines()]
        assert len(shown) == len(set(shown)) and sorted(shown) == ids(lab)


def install_hook(repository: Path, name: str, script: str) -> Path:
    hook = repository / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)
    return hook


# -- what comes and goes ----------------------------------------------------------------------------------------------


def test_records_of_every_kind_travel(hub: Lab, ann: Lab, bob: Lab, tmp_path: Path) -> None:
    commit = ann.experiment("deeper", 0.9, knob="DEPTH", to=12)
    ann.git("commit", "-q", "--amend", "-m", "deeper, said better")
    ann.run("amend", commit, "--notes", "see below")
    table = tmp_path / "old.tsv"
    table.write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\n0123456\t1.2\t3.0\tkeep\told one\n")
    ann.run("import", str(table))
    kinds = [record["kind"] for record, _ in journal(ann, me(ann))]
    assert sorted(kinds) == ["amend", "plan", "plan", "rewrite", "run", "run"]
    assert ann.run("sync").output == "origin: 6 records went\n"
    ann.run("claim", "raise MATRIX_LR to 0.06")  # which shares it itself
    said = synced(bob)
    assert said["came"] == 7 and said["writers"] == 1 and said["changed"]
    one, other = ann.memory, bob.memory
    assert one == other and len(one.runs) == len(one.plans) == 2 and len(one.rewrites) == len(one.claims) == 1
    assert other.find(commit).notes == "see below"
    files = [artifact.blob for run in other.runs for artifact in run.artifacts.values()]
    assert len(files) >= 3 and all(bob.store.blob(oid) is not None for oid in files)
    assert_whole(ann, bob)
    assert ann.run("sync").output == bob.run("sync").output == "origin: nothing new\n"
    hub.git("fsck", "--strict", "--no-dangling")


@pytest.mark.long
def test_the_diff_of_a_discarded_experiment_is_there(hub: Lab, ann: Lab, bob: Lab) -> None:
    commit = ann.experiment("deeper", 1.2, knob="DEPTH", to=12)
    ann.git("reset", "-q", "--hard", "HEAD~1")
    forget(ann)
    ann.run("sync")
    bob.run("sync")
    forget(bob)
    hub.git("gc", "-q", "--prune=now")
    shown = json.loads(bob.run("diff", commit[:10], "--json").stdout)["patch"]
    assert "-DEPTH = 8" in shown and "+DEPTH = 12" in shown
    bob.run("restore", commit[:10])
    assert "DEPTH = 12" in (bob.path / "train.py").read_text()
    assert (bob.path / PACK / "runs" / ids(bob)[0] / "train.patch").exists()


def test_log_shares_when_it_is_told_to(hub: Lab, ann: Lab) -> None:
    ann.result(1.0)
    said = ann.run("log", "--log", "run.log", "--description", "one", "--sync").stderr
    assert said == "note: origin: 1 record went\n"
    assert refs_in(hub, *MEMORY) == {ref: ann.git("rev-parse", ref) for ref in own(ann)}


@pytest.mark.long
@pytest.mark.parametrize("value", ["yes", "true", "on", "1", None])
def test_autosync(hub: Lab, ann: Lab, value: str | None) -> None:
    if value is None:
        with (ann.path / ".git" / "config").open("a") as config:
            config.write("[memorylab]\n\tautosync\n")
    else:
        ann.git("config", "memorylab.autosync", value)
    log(ann, "one")
    assert hub.git("rev-parse", own(ann)[0]) == ann.git("rev-parse", own(ann)[0])


def test_without_autosync_nothing_goes(hub: Lab, ann: Lab) -> None:
    ann.git("config", "memorylab.autosync", "off")
    log(ann, "one")
    assert not refs_in(hub, *MEMORY)


@pytest.mark.long
def test_what_a_machine_reads(hub: Lab, ann: Lab, bob: Lab) -> None:
    log(ann, "one")
    log(ann, "two")
    said = synced(ann)
    assert said == {
        "remote": "origin", "reached": True, "reason": "", "came": 0, "writers": 0, "went": 2, "waiting": 0,
        "refused": False, "changed": False, "attempts": 1, "remarks": [],
    }  # fmt: skip
    assert synced(bob) == said | {"came": 2, "writers": 1, "went": 0, "changed": True}


@pytest.mark.long
def test_both_ways_at_once_is_one_line(hub: Lab, ann: Lab, bob: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    log(bob, "two")
    done = bob.run("sync")
    assert done.stdout == "origin: 1 record of 1 writer came, 1 record went\n" and done.stderr == ""


def test_only_our_own_refs_are_pushed(hub: Lab, ann: Lab, bob: Lab) -> None:
    """By name: no branch, no tag, nothing else of the memory, nobody else's ledger that a fetch has put beside ours."""
    log(bob, "his")
    bob.run("sync")
    shared = refs_in(hub)
    log(ann, "hers")
    ann.git("fetch", "-q", "origin", "refs/notes/*:refs/notes/*")
    ann.git("commit", "-q", "--allow-empty", "-m", "not to be pushed")
    head = ann.git("rev-parse", "HEAD")
    ann.git("tag", "-a", "v1", "-m", "one")
    for ref in ("heads/side", "notes/commits", "notes/memorylab/ledger/eve-00000000", "memorylab/x"):
        ann.git("update-ref", f"refs/{ref}", head)
    ann.run("sync")
    assert refs_in(hub) == shared | {ref: ann.git("rev-parse", ref) for ref in own(ann)}


@pytest.mark.long
def test_nothing_is_pushed_unless_all_is_taken(hub: Lab, ann: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    before = refs_in(hub)
    refusal = 'case "$1" in refs/notes/memorylab/decisions/*) echo no decisions here; exit 1;; esac'
    hook = install_hook(hub.path, "update", refusal)
    log(ann, "two")
    log(ann, "three")
    done = ann.run("sync", rc=3)
    assert done.stdout == "origin: nothing new\n"
    assert "origin refuses what is ours: no decisions here" in done.stderr and "2 records wait here" in done.stderr
    assert done.stderr.count("\n") == 1
    said = synced(ann, rc=3)
    assert said["refused"] and said["waiting"] == 2 and said["attempts"] == 1
    assert refs_in(hub) == before
    assert "2 records of ours not on origin yet" in ann.run("status").stdout
    hook.unlink()
    assert synced(ann)["went"] == 2
    assert "not on origin" not in ann.run("status").stdout


def test_taking_alone(hub: Lab, ann: Lab, bob: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    log(bob, "two")
    assert bob.run("sync", "--no-push").stdout == "origin: 1 record of 1 writer came\n"
    assert not any(ref in refs_in(hub) for ref in own(bob))
    assert "1 record of ours not on origin yet" in bob.run("status").stdout


@pytest.mark.long
@pytest.mark.parametrize("setting", [False, True])
def test_notes_only(hub: Lab, ann: Lab, bob: Lab, setting: bool) -> None:
    commit = ann.experiment("deeper", 1.2, knob="DEPTH", to=12)
    ann.git("reset", "-q", "--hard", "HEAD~1")
    ann.run("sync")
    if setting:
        bob.git("config", "memorylab.notesOnly", "on")
    log(bob, "his")
    assert synced(bob, *(() if setting else ("--notes-only",)))["went"] == 1
    assert ids(ann)[0] in ids(bob)
    assert not refs_in(bob, refs.fetched_as("origin", refs.JOURNAL + me(ann)))
    assert bob.git("cat-file", "-e", commit, check=False) == "" and not bob.store.has(commit)
    # The code comes when it is asked for.
    assert "+DEPTH = 12" in bob.run("diff", commit[:10], "--json").stdout
    assert bob.store.has(commit)


def test_a_clone_that_never_wrote_can_read(hub: Hub, ann: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    reader = hub.join("reader", init=False)
    assert reader.run("sync").stdout == "origin: 1 record of 1 writer came\n"
    assert reader.store.writer() is None and ids(reader) == ids(ann)


@pytest.mark.long
def test_a_shallow_clone_shares_as_any_other(hub: Lab, ann: Lab) -> None:
    for n in range(3):
        ann.git("commit", "-q", "--allow-empty", "-m", f"step {n}")
    ann.git("push", "-q", "origin", "main")
    log(ann, "one")
    ann.run("sync")
    shallow = Lab(hub.path.parent / "shallow")
    hub.git("clone", "-q", "--depth=1", f"file://{hub.path}", str(shallow.path))
    shallow.run("init")
    log(shallow, "two")
    assert synced(shallow)["went"] == 1
    ann.run("sync")
    assert len(ids(ann)) == 2
    assert_whole(ann, shallow)
    hub.git("fsck", "--no-dangling")


# -- which remote -----------------------------------------------------------------------------------------------------


def test_an_unknown_remote_is_one_sentence(ann: Lab) -> None:
    done = ann.run("sync", "upstream", rc=3)
    assert done.stdout == "" and is_refusal(done.stderr) and "no remote called 'upstream'" in done.stderr
    ann.git("config", "memorylab.remote", "elsewhere")
    assert "no remote called 'elsewhere'" in ann.run("sync", rc=3).stderr


def test_without_a_remote(lab: Lab) -> None:
    done = lab.run("sync", rc=3)
    assert "no remote" in done.stderr and "git remote add origin URL" in done.stderr
    log(lab, "one", 1.0, "--sync")
    lab.result(1.0)
    assert "note: not shared: This clone has no remote" in lab.run("log", "--log", "run.log", "--sync").stderr


@pytest.mark.long
def test_of_several_remotes_one_must_be_chosen(lab: Lab, hub: Lab, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        hub.git("clone", "-q", "--bare", ".", str(tmp_path / name))
        lab.git("remote", "add", name, str(tmp_path / name))
    log(lab, "one")
    done = lab.run("sync", rc=3)
    assert done.stderr == "error: Which of the remotes one, two, three?\nhint: Name it, or set memorylab.remote.\n"

    def chosen() -> str:
        return str(synced(lab)["remote"])

    assert synced(lab, "three")["remote"] == "three"
    lab.git("config", "branch.main.remote", "one")
    assert chosen() == "one"
    lab.git("config", "remote.pushDefault", "two")
    assert chosen() == "two"
    lab.git("config", "memorylab.remote", "three")
    assert chosen() == "three"


def test_origin_is_chosen_where_nothing_else_is_said(ann: Lab, hub: Lab) -> None:
    ann.git("checkout", "-q", "--detach")
    ann.git("remote", "add", "other", str(hub.path))
    assert synced(ann)["remote"] == "origin"


@pytest.mark.long
def test_a_remote_that_came_after_init(lab: Lab, hub: Lab, bob: Lab) -> None:
    """Is set up as init would have, once, so that plain git fetches its memory too."""
    lab.git("remote", "add", "origin", str(hub.path))
    lab.run("sync")
    log(bob, "his")
    bob.run("sync")
    lab.git("fetch", "-q")
    assert ids(lab) == ids(bob)
    lab.run("sync")
    fetched = lab.git("config", "--get-all", "remote.origin.fetch").splitlines()
    assert sorted(fetched) == sorted({"+refs/heads/*:refs/remotes/origin/*", *refs.fetch_refspecs("origin")})


@pytest.mark.long
def test_a_configuration_that_is_locked(hub: Lab, lab: Lab) -> None:
    """Another sync, or the user, is writing to it; of two at once one ended in an error."""
    lab.git("remote", "add", "origin", str(hub.path))
    log(lab, "ours")
    lock = lab.path / ".git" / "config.lock"
    lock.write_text("")
    assert synced(lab)["went"] == 1
    lock.unlink()
    lab.run("sync")
    fetched = lab.git("config", "--get-all", "remote.origin.fetch").splitlines()
    assert set(refs.fetch_refspecs("origin")) < set(fetched) and len(fetched) == 3


@pytest.mark.long
def test_a_remote_name_with_a_slash(lab: Lab, hub: Lab, bob: Lab) -> None:
    """`git remote add` of 2.39 also takes a name that begins as another does."""
    empty = Lab(hub.path.parent / "empty.git")
    hub.git("init", "-q", "--bare", str(empty.path))
    lab.git("remote", "add", "team/origin", str(hub.path))
    lab.git("remote", "add", "team", str(empty.path))
    log(bob, "his")
    bob.run("sync")
    log(lab, "ours")
    done = lab.run("sync", "team/origin")
    assert done.stdout == "team/origin: 1 record of 1 writer came, 1 record went\n" and not done.stderr
    assert len(ids(lab)) == 2
    # What the one has is nothing that the other has lost, nor what it has of ours.
    done = lab.run("sync", "team")
    assert done.stdout == "team: 1 record went\n" and not done.stderr
    assert set(refs_in(empty)) == set(own(lab))


@pytest.mark.long
def test_a_remote_name_with_an_equals_sign(lab: Lab, hub: Lab) -> None:
    """`git -c` ends the name of a setting there: nothing could be pushed."""
    lab.git("remote", "add", "team=origin", str(hub.path))
    lab.git("config", "remote.team=origin.mirror", "true")
    log(lab, "ours")
    assert lab.run("sync", "team=origin").stdout == "team=origin: 1 record went\n"
    assert set(refs_in(hub)) >= set(own(lab))


# -- what must not disturb --------------------------------------------------------------------------------------------


@pytest.mark.long
def test_settings_do_not_disturb(hub: Lab, ann: Lab, bob: Lab) -> None:
    log(bob, "his")
    bob.run("sync")
    shared = refs_in(hub)
    for name, value in SETTINGS:
        ann.git("config", name, value)
    hub.git("config", "receive.fsckObjects", "true")
    ann.git("tag", "-a", "v1", "-m", "one")
    (ann.path / ".git" / "FETCH_HEAD").write_text("the user's\n")
    log(ann, "hers")
    assert synced(ann)["came"] == 1
    assert synced(ann)["went"] == 0
    log(ann, "more")
    assert synced(ann)["went"] == 1
    assert refs_in(hub) == shared | {ref: ann.git("rev-parse", ref) for ref in own(ann)}
    assert (ann.path / ".git" / "FETCH_HEAD").read_text() == "the user's\n"
    assert "not on origin" not in ann.run("status").stdout
    assert set(ids(bob)) < set(ids(ann))
    ann.run("verify")


@pytest.mark.long
@pytest.mark.parametrize("setting", ["push.recurseSubmodules=check", "fetch.recurseSubmodules=true"])
def test_submodules_are_nobodys_concern(
    hub: Lab, ann: Lab, bob: Lab, make_lab: Callable[..., Lab], setting: str
) -> None:
    """One that was not pushed is no reason that the memory is not, and none is fetched with it."""
    source = make_lab("source")
    ann.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(source.path), "sub")
    sub, asked = Lab(ann.path / "sub"), source.path.with_name("asked")
    sub.git("commit", "-q", "--allow-empty", "-m", "not pushed")
    sub.git("config", "remote.origin.uploadpack", f"touch '{asked}'; git-upload-pack")
    ann.git("add", "sub")
    ann.commit("with a submodule")
    log(ann, "hers")
    log(bob, "his")
    bob.run("sync")
    ann.git("config", *setting.split("="))
    said = synced(ann)
    assert said["came"] == 1 and said["went"] == 1 and not said["remarks"]
    assert not asked.exists()


@pytest.mark.long
@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_protocol(hub: Lab, ann: Lab, bob: Lab, version: str) -> None:
    for lab in (ann, bob):
        lab.git("config", "protocol.version", version)
        log(lab, "one")
        lab.run("sync")
    ann.run("sync")
    assert_whole(ann, bob)


@pytest.mark.long
@pytest.mark.parametrize("mirror", ["+refs/*:refs/*", "+refs/notes/*:refs/notes/*"])
def test_a_refspec_of_the_users_does_not_move_our_refs(hub: Lab, ann: Lab, bob: Lab, mirror: str) -> None:
    """Fetching a ref by its name also went where the configured refspecs send it: over our own, cut short."""
    log(ann, "one")
    ann.run("sync")
    earlier = {ref: ann.git("rev-parse", ref) for ref in own(ann)}
    log(ann, "two")
    ann.run("sync")
    ann.git("config", "--unset-all", "remote.origin.fetch")
    ann.git("config", "--add", "remote.origin.fetch", mirror)
    log(ann, "three")
    ours = {ref: ann.git("rev-parse", ref) for ref in own(ann)}
    log(bob, "his")
    bob.run("sync")
    for ref, oid in earlier.items():
        hub.git("update-ref", ref, oid)
    said = synced(ann)
    assert {ref: ann.git("rev-parse", ref) for ref in own(ann)} == ours == refs_in(hub, *own(ann))
    assert said["went"] == 2 and said["came"] == 1 and said["waiting"] == 0
    assert "not on origin" not in ann.run("status").stdout
    assert synced(ann)["remarks"] == []


@pytest.mark.long
def test_two_syncs_of_one_clone_at_once(hub: Lab, lab: Lab, bob: Lab) -> None:
    log(bob, "his")
    bob.run("sync")
    lab.git("remote", "add", "origin", str(hub.path))
    log(lab, "ours")
    started = [lab.spawn("sync", "--json") for _ in range(3)]
    said = []
    for process in started:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0 and err == ""
        said.append(json.loads(out))
    assert sum(one["went"] for one in said) == sum(one["came"] for one in said) == 1
    fetched = lab.git("config", "--get-all", "remote.origin.fetch").splitlines()
    assert sorted(fetched) == sorted({"+refs/heads/*:refs/remotes/origin/*", *refs.fetch_refspecs("origin")})
    bob.run("sync")
    assert_whole(lab, bob)


@pytest.mark.long
def test_a_log_during_a_sync(hub: Lab, ann: Lab) -> None:
    """From git's own hook, when what is to be pushed is settled."""
    ann.result(1.0)
    log(ann, "one")
    second = "git memorylab log --log run.log --description two >/dev/null"
    install_hook(ann.path / ".git", "pre-push", f'rm "$0"; cd {ann.path}; {second}')
    said = synced(ann)
    assert said["went"] == 1 and len(ids(ann)) == 2
    assert "1 record of ours not on origin yet" in ann.run("status").stdout
    assert synced(ann)["went"] == 1
    assert refs_in(hub, *own(ann)) == refs_in(ann, *own(ann))
    assert [record["seq"] for record, _ in journal(ann, me(ann))] == [1, 2]


# -- a remote that is away --------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("away", ["moved", "closed port"])
def test_offline_is_no_error(hub: Lab, ann: Lab, bob: Lab, away: str) -> None:
    log(ann, "one")
    ann.run("sync")
    log(bob, "his")
    bob.run("sync")
    if away == "moved":
        hub.path.rename(hub.path.with_name("gone"))
    else:
        ann.git("remote", "set-url", "origin", f"git://127.0.0.1:{free_port()}/hub.git")
    log(ann, "two")
    done = ann.run("sync")
    assert done.stdout.startswith("origin was not reached (") and done.stdout.endswith("; 1 record waits here\n")
    assert done.stdout.count("\n") == 1 and done.stderr == ""
    log(ann, "three", 1.0, "--sync")
    said = synced(ann)
    assert not said["reached"] and said["reason"] and said["waiting"] == 2
    assert "2 records of ours not on origin yet" in ann.run("status").stdout
    if away == "moved":
        hub.path.with_name("gone").rename(hub.path)
    else:
        ann.git("remote", "set-url", "origin", str(hub.path))
    assert ann.run("sync").stdout == "origin: 1 record of 1 writer came, 2 records went\n"
    bob.run("sync")
    assert_whole(ann, bob)


def failing(lab: Lab, program: str, script: str) -> Path:
    """Have git start a script instead of the remote's program; the file that gets a line each time."""
    path, count = lab.path.parent / program, lab.path.parent / f"{program}.count"
    path.write_text(f"#!/bin/sh\necho >>{count}\n{script}\n")
    path.chmod(0o755)
    lab.git("config", f"remote.origin.{program.replace('-', '')}", str(path))
    return count


@pytest.mark.long
def test_an_attempt_is_made_five_times_and_no_more(ann: Lab, pauses: list[float]) -> None:
    log(ann, "one")
    count = failing(ann, "upload-pack", "exit 1")
    said = synced(ann)
    assert not said["reached"] and said["attempts"] == len(count.read_text()) == 5
    # Jittered, each from a range twice as wide, six seconds at the most; none after the last attempt.
    assert len(pauses) == 4 and all(0 <= wait <= 0.2 * 2**n for n, wait in enumerate(pauses))
    assert len(set(pauses)) > 1, "256 steps each: two of four may well be equal"


@pytest.mark.long
def test_a_remote_that_comes_back_meanwhile(hub: Lab, ann: Lab, pauses: list[float]) -> None:
    log(ann, "one")
    count = failing(ann, "receive-pack", '[ $(wc -l <"$0.count") -gt 2 ] || exit 1\nexec git-receive-pack "$@"')
    said = synced(ann)
    assert said["reached"] and said["attempts"] == 3 and said["went"] == 1 and len(pauses) == 2
    assert len(count.read_text()) == 3
    assert refs_in(hub, *own(ann)) == refs_in(ann, *own(ann))


@pytest.mark.long
def test_what_came_before_the_remote_went_away_is_shown(hub: Lab, ann: Lab, bob: Lab) -> None:
    """Only the last attempt counted, in which nothing came any more."""
    log(bob, "his")
    bob.run("sync")
    log(ann, "hers")
    failing(ann, "receive-pack", "exit 1")
    said = synced(ann)
    assert not said["reached"] and said["waiting"] == 1 and said["changed"]
    shown = [json.loads(line)["run_id"] for line in (ann.path / VIEWS[0]).read_text().splitlines()]
    assert set(ids(bob)) < set(shown)


@pytest.mark.long
def test_a_remote_that_lets_nobody_in_is_asked_once(ann: Lab, pauses: list[float]) -> None:
    log(ann, "one")
    count = failing(ann, "upload-pack", "echo fatal: Authentication failed for us >&2; exit 1")
    done = ann.run("sync", rc=3)
    assert "lets nobody in" in done.stderr and "Authentication failed" in done.stderr
    assert len(count.read_text()) == 1 and not pauses
    # A run that is logged stays logged.
    ann.result(1.0)
    said = ann.run("log", "--log", "run.log", "--description", "two", "--sync").stderr
    assert said.startswith("note: not shared: The remote lets nobody in") and len(ids(ann)) == 2


@pytest.mark.long
def test_a_remote_that_stays_busy_is_not_said_to_have_taken_ours(hub: Lab, ann: Lab) -> None:
    """It was passed over in silence: "nothing new"."""
    log(ann, "one")
    ann.run("sync")
    hub.git("config", "core.filesRefLockTimeout", "0")
    lock = hub.path / f"{own(ann)[1]}.lock"
    lock.write_text("")
    log(ann, "two")
    done = ann.run("sync")
    assert "1 record waits here" in done.output
    said = synced(ann)
    assert said["waiting"] == 1 and said["attempts"] == 5 and not said["refused"]
    assert "1 record of ours not on origin yet" in ann.run("status").stdout
    lock.unlink()
    assert synced(ann)["went"] == 1


@pytest.mark.long
def test_a_lock_that_a_killed_fetch_left_is_no_damage(hub: Lab, ann: Lab, bob: Lab) -> None:
    """It was said that the ledger had been rewritten."""
    log(bob, "one")
    bob.run("sync")
    ann.run("sync")
    log(bob, "two")
    bob.run("sync")
    lock = ann.path / ".git" / f"{refs.fetched_as('origin', refs.LEDGER + me(bob))}.lock"
    lock.write_text("")
    done = ann.run("sync")
    assert "rewritten" not in done.stderr and "could not be stored" in done.stderr
    # git holds a lock for milliseconds.
    os.utime(lock, (0, 0))
    assert ann.run("sync").stderr == ""
    assert not lock.exists()
    assert_whole(ann, bob)


# -- damage -----------------------------------------------------------------------------------------------------------


def unrelated(lab: Lab, parent: str = "") -> str:
    """A commit that nobody knows."""
    lab.git("hash-object", "-t", "tree", "-w", "/dev/null")
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return lab.git(*identity, "commit-tree", EMPTY_TREE, *(["-p", parent] if parent else []), "-m", "damage")


EMPTY_TREE = FORM.empty_tree


def damage(hub: Lab, ref: str, how: str) -> None:
    """Do to a remote's ref what only force can do."""
    tip = hub.git("rev-parse", ref)
    if how == "unrelated":
        hub.git("update-ref", ref, unrelated(hub))
    elif how == "amended":
        hub.git("update-ref", ref, unrelated(hub, f"{tip}^"))
    elif how == "truncated":
        hub.git("update-ref", ref, f"{tip}^")
    elif how == "deleted":
        hub.git("update-ref", "-d", ref)
    elif how == "blob":
        hub.git("update-ref", ref, hub.git("rev-parse", "main:train.py"))
    elif how == "tree":
        hub.git("update-ref", ref, hub.git("rev-parse", "main^{tree}"))
    else:
        # A tag of the very commit that was there, so that it would be a fast-forward.
        hub.git("tag", "-a", "-m", "a tag", "damage", tip)
        hub.git("update-ref", ref, hub.git("rev-parse", "damage"))
        hub.git("tag", "-d", "damage")


DAMAGES = {
    "unrelated": "the ledger of {} was rewritten there; refused, the copy here is as it was",
    "amended": "the ledger of {} was rewritten there; refused, the copy here is as it was",
    "truncated": "the ledger of {} was cut short there; refused, the copy here is whole",
    "deleted": "the ledger of {} was deleted there; the copy here is whole",
    "blob": "what is there as the ledger of {} is none, and was refused",
    "tree": "what is there as the ledger of {} is none, and was refused",
    "tag": "what is there as the ledger of {} is none, and was refused",
}


@pytest.fixture
def took(tmp_path: Path, templates: Templates) -> tuple[Lab, Lab, Lab, Lab]:
    """A remote, a clone that took two records, that which gave them, and one that has none."""

    def make(folder: Path) -> None:
        hub = Hub(templates, folder / "hub.git")
        ann, bob, _ = (hub.join(name) for name in ("ann", "bob", "eve"))
        for description in ("one", "two"):
            log(bob, description)
        bob.run("sync")
        ann.run("sync")

    templates.copy("took", make, tmp_path)
    hub, ann, bob, eve = (Lab(tmp_path / name) for name in ("hub.git", "ann", "bob", "eve"))
    return hub, ann, bob, eve


@pytest.mark.long
@pytest.mark.parametrize("how", DAMAGES)
def test_anothers_damaged_ledger_is_refused(took: tuple[Lab, Lab, Lab, Lab], how: str) -> None:
    """One line for the writer, whatever the number of refs; nothing here changes; what others have comes as ever."""
    hub, ann, bob, eve = took
    copies = refs_in(ann, refs.REMOTES)
    assert len(copies) == 3
    for ref in own(bob):
        damage(hub, ref, how)
    log(eve, "more")
    eve.run("sync")
    done = ann.run("sync")
    assert done.stdout == "origin: 1 record of 1 writer came\n"
    assert done.stderr == f"note: origin: {DAMAGES[how].format(me(bob))}\n"
    assert copies.items() < refs_in(ann, refs.REMOTES).items()
    assert set(ids(bob)) | set(ids(eve)) == set(ids(ann))
    ann.run("verify")
    # As long as it is so it is said.
    assert DAMAGES[how].format(me(bob)) in ann.run("sync").stderr
    assert copies.items() < refs_in(ann, refs.REMOTES).items()


@pytest.mark.long
@pytest.mark.parametrize("how", ["truncated", "deleted"])
def test_what_a_remote_has_lost_of_ours_goes_there_again(hub: Lab, ann: Lab, bob: Lab, how: str) -> None:
    for description in ("one", "two"):
        log(ann, description)
    ann.run("sync")
    bob.run("sync")
    before = refs_in(hub)
    for ref in own(ann):
        damage(hub, ref, how)
    bob.run("sync")
    done = ann.run("sync")
    lost = {"truncated": "1 record", "deleted": "2 records"}[how]
    assert done.stdout == f"origin: {lost} went\n"
    assert done.stderr == f"note: origin: what is ours was {how} there, and was pushed again\n"
    assert refs_in(hub) == before
    assert bob.run("sync").stderr == ""
    assert_whole(ann, bob)


@pytest.fixture
def gave(tmp_path: Path, templates: Templates) -> tuple[Lab, Lab, Lab]:
    """A remote, a clone that gave it two of its three records, and one that has none."""

    def make(folder: Path) -> None:
        hub = Hub(templates, folder / "hub.git")
        ann, _ = hub.join("ann"), hub.join("bob")
        log(ann, "one")
        log(ann, "two")
        ann.run("sync")
        log(ann, "three")

    templates.copy("gave", make, tmp_path)
    hub, ann, bob = (Lab(tmp_path / name) for name in ("hub.git", "ann", "bob"))
    return hub, ann, bob


@pytest.mark.long
@pytest.mark.parametrize("how", ["unrelated", "amended", "blob", "tree"])
def test_what_was_put_in_the_place_of_ours_costs_no_record(gave: tuple[Lab, Lab, Lab], how: str) -> None:
    """It cannot be replaced without force; all that it does not hold goes there under another name. What the copy of an
    earlier sync held was taken for what the remote holds."""
    hub, ann, bob = gave
    former, runs = me(ann), ids(ann)
    for _, ref in refs.of(former):
        damage(hub, ref, how)
    theirs = refs_in(hub, *MEMORY)
    done = ann.run("sync")
    assert f"this one is {me(ann)} now, nothing was lost" in done.stderr and me(ann) != former
    assert ids(ann) == runs
    assert theirs.items() < refs_in(hub, *MEMORY).items()
    bob.run("sync")
    assert ids(bob) == runs
    assert not ann.memory.unreadable and not bob.memory.unreadable
    for run in bob.memory.runs:
        assert "run.log" in run.artifacts and all(bob.store.has(one.blob) for one in run.artifacts.values())
    log(ann, "four")
    assert synced(ann)["went"] == 1


@pytest.mark.long
def test_a_tag_of_ours_is_gone_on_from(hub: Lab, ann: Lab) -> None:
    log(ann, "one")
    ann.run("sync")
    for ref in own(ann):
        damage(hub, ref, "tag")
    log(ann, "two")
    assert synced(ann)["remarks"] == []
    assert refs_in(hub, *MEMORY) == refs_in(ann, *own(ann))


@pytest.mark.long
def test_a_commit_with_two_parents_in_the_place_of_ours(hub: Hub, ann: Lab) -> None:
    """It looked like a journal's entry, and each sync ended in an error."""
    log(ann, "one")
    ann.run("sync")
    head = hub.git("rev-parse", "main")
    merge = hub.git("-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", EMPTY_TREE, "-p", head, "-p",
                    unrelated(hub), "-m", "x")  # fmt: skip
    hub.git("update-ref", own(ann)[0], merge)
    log(ann, "two")
    runs = ids(ann)
    ann.run("sync")
    new = hub.join("new")
    assert ids(new) == ids(ann) == runs


@pytest.mark.long
@pytest.mark.parametrize("whose", ["another's", "ours"])
def test_a_journal_that_was_deleted_alone(hub: Hub, ann: Lab, bob: Lab, whose: str) -> None:
    log(bob, "one")
    bob.run("sync")
    ann.run("sync")
    hub.git("update-ref", "-d", refs.JOURNAL + me(bob))
    if whose == "ours":
        assert "what is ours was deleted there, and was pushed again" in bob.run("sync").stderr
        assert refs_in(hub, *own(bob)) == refs_in(bob, *own(bob))
        return
    done = ann.run("sync")
    assert done.stderr == f"note: origin: the ledger of {me(bob)} was deleted there; the copy here is whole\n"
    assert_whole(ann)
    new = hub.join("new")
    assert ids(new) == ids(bob)
    assert "notes only" in new.run("verify").stdout


@pytest.mark.long
def test_somebodys_mirror_push(hub: Lab, ann: Lab, bob: Lab, tmp_path: Path) -> None:
    """`git push --mirror` from a clone without a memory deletes everybody's; each brings back what is its own."""
    for lab in (ann, bob):
        log(lab, f"by {lab.path.name}")
        lab.run("sync")
    ann.run("sync")
    before = refs_in(hub)
    hub.git("clone", "-q", str(hub.path), str(tmp_path / "plain"))
    Lab(tmp_path / "plain").git("push", "-q", "--mirror")
    assert not refs_in(hub, *MEMORY)
    for lab in (ann, bob):
        lab.git("fetch", "-q", "--prune")
        done = lab.run("sync")
        assert "what is ours was deleted there, and was pushed again" in done.stderr
    assert refs_in(hub, *MEMORY).items() <= before.items() and len(refs_in(hub, *MEMORY)) == 6
    ann.run("sync")
    assert_whole(ann, bob)


@pytest.mark.long
@pytest.mark.parametrize("notes_only", [False, True])
def test_more_refs_than_are_fetched_by_name(hub: Lab, ann: Lab, bob: Lab, notes_only: bool) -> None:
    """And among them some that are not the memory's, or cannot be stored."""
    log(bob, "one")
    bob.run("sync")
    ann.run("sync")
    ledger, entry = (hub.git("rev-parse", prefix + me(bob)) for prefix in (refs.LEDGER, refs.JOURNAL))
    lines = [f"create {refs.LEDGER}w{n:08x} {ledger}\n" for n in range(101)]
    lines += [f"create {refs.JOURNAL}w{n:08x} {entry}\n" for n in range(2)]
    lines += [f"delete {refs.LEDGER}{me(bob)}\n", f"delete {refs.JOURNAL}{me(bob)}\n"]
    subprocess.run(["git", "update-ref", "--stdin"], cwd=hub.path, input="".join(lines), text=True, check=True)
    for ref in (f"{refs.LEDGER}{me(bob)}/x", f"{refs.JOURNAL}{me(bob)}/y", f"{refs.NOTES}odd"):
        hub.git("update-ref", ref, ledger)
    done = ann.run("sync", *(["--notes-only"] if notes_only else []))
    assert done.stderr == f"note: origin: the ledger of {me(bob)} was deleted there; the copy here is whole\n"
    found = refs_in(ann, refs.REMOTES)
    assert sum("/notes/ledger/w" in name for name in found) == 101
    assert sum("/journal/w" in name for name in found) == (0 if notes_only else 2)
    assert ids(bob) == ids(ann)


@pytest.mark.long
def test_a_remote_that_has_ours_as_another_sync_left_it(hub: Lab, ann: Lab) -> None:
    """A push that was killed before it noted where the ref is now was told of as damage by the next one."""
    log(ann, "one")
    ann.run("sync")
    copies = refs_in(ann, refs.REMOTES)
    log(ann, "two")
    ann.run("sync")
    for name, oid in copies.items():
        ann.git("update-ref", name, oid)
    log(ann, "three")
    done = ann.run("sync")
    assert done.stdout == "origin: 1 record went\n" and done.stderr == ""


# -- killed -----------------------------------------------------------------------------------------------------------

# Where the whole process group is killed, this clone's git and the remote's with it: by whose hook, at which of its
# calls. git calls reference-transaction for refs that are about to move (prepared) and have moved (committed).
HOOKS = {
    "before anything is sent": ("ann", "pre-push", ""),
    "when the remote has the objects": ("hub", "pre-receive", ""),
    "between the refs": ("hub", "update", "notes/memorylab/ledger"),
    "when the remote has moved its refs": ("hub", "reference-transaction", "committed"),
    "before the remote has answered": ("hub", "post-receive", ""),
    "before what came is stored": ("ann", "reference-transaction", "prepared"),
    "when what came is stored": ("ann", "reference-transaction", "committed"),
}
# At which of the remote's answers it is killed, the list of refs or the pack, and behind how much of it.
CUTS = {
    "before the refs": (1, "dd bs=1 count=1"), "in the refs": (1, "dd bs=1 count=300"), "after the refs": (1, "cat"),
    "in the pack": (2, "dd bs=1 count=1500"), "after the pack": (2, "cat"),
}  # fmt: skip


def die(lab: Lab) -> None:
    """A sync that is killed, with all that it has started."""
    process = lab.spawn("sync", start_new_session=True)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def assert_all_arrives(hub: Lab, ann: Lab, bob: Lab, runs: list[str]) -> None:
    """One more sync is enough."""
    done = ann.run("sync")
    assert done.stderr == ""
    assert refs_in(hub, *own(ann)) == refs_in(ann, *own(ann))
    assert ids(ann) == runs
    bob.run("sync")
    assert_whole(ann, bob)
    assert [record["seq"] for record, _ in journal(ann, me(ann))] == [1, 2]
    for lab in (hub, ann):
        lab.git("fsck", "--strict", "--no-dangling")


@pytest.fixture
def busy(hub: Lab, ann: Lab, bob: Lab) -> list[str]:
    """Each has something that the other has not; the ids of all."""
    for lab in (ann, bob):
        log(lab, "one")
        lab.run("sync")
    ann.run("sync")
    for lab in (ann, bob):
        log(lab, "two")
    bob.run("sync")
    return sorted({*ids(ann), *ids(bob)})


@pytest.mark.long
@pytest.mark.parametrize("when", HOOKS)
def test_killed_by_a_hook(hub: Lab, ann: Lab, bob: Lab, busy: list[str], when: str) -> None:
    where, name, what = HOOKS[when]
    repository = hub.path if where == "hub" else ann.path / ".git"
    hook = install_hook(repository, name, f'case "$1" in *{what}*) kill -9 0;; esac')
    die(ann)
    hook.unlink()
    for lock in (ann.path / ".git" / "refs").rglob("*.lock"):
        os.utime(lock, (0, 0))
    assert_all_arrives(hub, ann, bob, busy)


@pytest.mark.long
@pytest.mark.parametrize("where", CUTS)
def test_killed_while_something_comes(hub: Lab, ann: Lab, bob: Lab, busy: list[str], where: str) -> None:
    answer, part = CUTS[where]
    others = f'[ $(wc -l <"$0.count") = {answer} ] || exec git-upload-pack "$@"'
    failing(ann, "upload-pack", f'{others}\ngit-upload-pack "$@" | ({part} 2>/dev/null; kill -9 0)')
    die(ann)
    ann.git("config", "--unset", "remote.origin.uploadpack")
    assert_all_arrives(hub, ann, bob, busy)


@pytest.mark.long
@pytest.mark.parametrize("start", range(2, 10, 2))
def test_killed_while_its_git_goes_on(
    hub: Lab, ann: Lab, bob: Lab, busy: list[str], start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process alone, just when it has started a git or before it would start the next; that one is on its own."""
    monkeypatch.setattr("tests.test_kills.STEPS", ("fork_exec",))
    monkeypatch.setattr("tests.test_kills.CALLERS", ("subprocess",))
    assert not log_and_die(ann, start, "sync")
    assert_all_arrives(hub, ann, bob, busy)
