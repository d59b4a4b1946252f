"""Sharing over real servers: git daemon and ssh, whoever pushes, and whenever the connection breaks."""

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import Hub, Lab, Templates, is_refusal
from tests.servers import Ssh, cut, daemon, port_of, sshd, through

pytestmark = pytest.mark.long  # for their length alone

KINDS = ("daemon", "sshd")
BIG = 300_000  # bytes of a log that does not compress; a cut after a quarter is in the middle of the pack
EVERY = 1_000


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before new attempts, of which none is made."""
    made: list[float] = []
    monkeypatch.setattr("memorylab.store.transport.time", SimpleNamespace(sleep=made.append, time=time.time))
    return made


def command(server: Ssh, user: str = "") -> str:
    """ssh with a user's key. Its own choice of key exchange takes three times as long."""
    return f"{server.env[user]['GIT_SSH_COMMAND']} -o KexAlgorithms=curve25519-sha256"


@contextmanager
def serve(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Lab, str]]:
    """(a bare repository, its URL at a server)."""
    bare = Lab(folder / "served" / "lab.git")
    bare.path.mkdir(parents=True)
    bare.git("init", "-q", "--bare")
    if kind == "daemon":
        with daemon(bare.path.parent) as url:
            yield bare, f"{url}/lab.git"
    else:
        with sshd(folder / "sshd") as server:
            monkeypatch.setenv("GIT_SSH_COMMAND", command(server))
            yield bare, f"{server.url}{bare.path}"


@pytest.fixture
def writers(templates: Templates, tmp_path: Path) -> tuple[Lab, Lab]:
    """Two clones with one baseline and a run each, which have no remote yet. Nothing is judged at their commits."""

    def make(folder: Path) -> None:
        remote = Hub(templates, folder / "remote.git")
        for name, depth in (("alice", 10), ("bob", 12)):
            lab = remote.join(name, init=False)
            lab.git("remote", "remove", "origin")
            lab.run("init", "--writer", name)
            lab.git("config", "core.hooksPath", "/dev/null")
            lab.experiment(f"{name} goes deeper", 2 - depth / 100, knob="DEPTH", to=depth)
        shutil.rmtree(remote.path)

    templates.copy("two writers", make, tmp_path)
    return Lab(tmp_path / "alice"), Lab(tmp_path / "bob")


def log_much(lab: Lab) -> None:
    """Log a run with an artifact that is a while on its way."""
    lab.edit("DEPTH", 20)
    lab.commit("much output")
    path = lab.result(1.5)
    noise = random.Random(1).randbytes(BIG).hex()
    path.write_text("\n".join(noise[n : n + 100] for n in range(0, len(noise), 100)) + path.read_text())
    lab.run("log", "--log", "run.log")


def shared(bare: Lab) -> str:
    """The memory's refs of a remote."""
    return bare.git("for-each-ref", "refs/notes", "refs/memorylab")


def told(lab: Lab) -> list[str]:
    """What is remembered."""
    return [run.description for run in lab.memory.runs]


@pytest.mark.parametrize("kind", KINDS)
def test_sync_claim_and_compact(
    kind: str, tmp_path: Path, writers: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = writers
    with serve(kind, tmp_path, monkeypatch) as (bare, url):
        for lab in writers:
            lab.git("remote", "add", "origin", url)
        assert alice.run("sync").stdout == "origin: 1 record went\n"
        assert bob.run("sync").stdout == "origin: 1 record of 1 writer came, 1 record went\n"
        assert alice.run("sync").stdout == "origin: 1 record of 1 writer came\n"
        assert sorted(told(alice)) == sorted(told(bob)) == ["alice goes deeper", "bob goes deeper"]

        assert alice.run("claim", "use warmup").stdout.startswith("claimed until ")
        taken = bob.run("claim", "use warmup", rc=1).stdout
        assert taken.startswith(f"claimed by {alice.store.writer()} until ")

        name = bob.store.writer()
        assert name and name in shared(bare)
        assert "1 writer folded" in alice.run("compact", "--writer", name).stdout
        assert name not in shared(bare)
        assert len(told(alice)) == 2
    before = shared(bare)
    bob.experiment("bob alone", 1.1, knob="DEPTH", to=14)
    said = bob.run("sync").stdout
    assert said.startswith("origin was not reached (") and said.endswith("; 1 record waits here\n")
    assert shared(bare) == before


def test_nobody_pushes_anothers_refs_over_ssh(
    tmp_path: Path, writers: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = writers
    bare = Lab(tmp_path / "lab.git")
    bare.path.mkdir()
    bare.git("init", "-q", "--bare")
    bare.run("init")
    bare.git("config", "memorylab.server.owners", "true")
    with sshd(tmp_path / "sshd", ["alice", "bob"]) as server:

        def sync(lab: Lab, user: str, *options: str, rc: int = 0) -> str:
            monkeypatch.setenv("GIT_SSH_COMMAND", command(server, user))
            result = lab.run("sync", *options, rc=rc)
            return result.stderr + result.stdout

        for lab in writers:
            lab.git("remote", "add", "origin", f"{server.url}{bare.path}")
            sync(lab, lab.path.name)
        hers = shared(bare)
        assert str(alice.store.writer()) in hers

        # bob's key, in a clone that writes as alice.
        alice.experiment("not by alice", 1.1, knob="DEPTH", to=14)
        said = sync(alice, "bob", rc=3)
        assert "origin refuses what is ours: " in said and "it belongs to alice and you are bob" in said
        assert "1 record wait" in said
        assert shared(bare) == hers
        assert "1 record of ours not on origin yet" in alice.run("status").stdout
        # Nor by plain git, whether it adds, rewinds or deletes.
        own = [ref for line in hers.splitlines() if str(alice.store.writer()) in (ref := line.split()[-1])]
        assert len(own) == 3
        for specs in ([f"{ref}:{ref}" for ref in own], [f"+HEAD:{ref}" for ref in own], [f":{ref}" for ref in own]):
            push = subprocess.run(["git", "push", "origin", *specs], cwd=alice.path, capture_output=True, text=True)
            assert push.returncode == 1
            assert push.stderr.count("it belongs to alice and you are bob") == 3 or "is refused, because" in push.stderr
        assert shared(bare) == hers
        # What waits goes with the right key, and bob's own goes with his.
        assert "1 record went" in sync(alice, "alice")
        bob.experiment("bob goes on", 1.2, knob="DEPTH", to=16)
        assert "1 record of 1 writer came, 1 record went" in sync(bob, "bob")


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_is_cut_once_is_made_again(
    kind: str, tmp_path: Path, writers: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """Each sync looks first, on a connection of its own: the second one is that of the pack."""
    alice, bob = writers
    log_much(alice)
    with serve(kind, tmp_path, monkeypatch) as (bare, url):
        with cut(port_of(url), BIG // 4, "up", times=2) as port:
            alice.git("remote", "add", "origin", through(url, port))
            assert alice.run("sync").stdout == "origin: 2 records went\n"
        assert len(pauses) == 1
        with cut(port_of(url), BIG // 4, "down", times=2) as port:
            bob.git("remote", "add", "origin", through(url, port))
            assert bob.run("sync").stdout == "origin: 2 records of 1 writer came, 1 record went\n"
        assert len(pauses) == 2
        assert sorted(told(bob)) == ["alice goes deeper", "bob goes deeper", "much output"]
        for lab in (alice, bob):
            lab.run("verify")
            lab.git("fsck", "--no-dangling")
        bare.git("fsck", "--no-dangling")


@pytest.mark.long
def test_what_is_cut_at_every_attempt_waits(
    tmp_path: Path, writers: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    alice, bob = writers
    with serve("daemon", tmp_path, monkeypatch) as (bare, url):
        for lab in writers:
            lab.git("remote", "add", "origin", url)
            lab.run("sync")
        log_much(alice)
        before = shared(bare)
        with cut(port_of(url), BIG // 4, "up", times=EVERY) as port:
            alice.git("remote", "set-url", "origin", through(url, port))
            said = alice.run("sync").stdout
            assert said.startswith("origin was not reached (") and said.endswith("; 1 record waits here\n"), said
            assert len(pauses) == 4
            assert shared(bare) == before
            assert "1 record of ours not on origin yet" in alice.run("status").stdout
            assert {"alice goes deeper", "much output"} <= set(told(alice))
        alice.git("remote", "set-url", "origin", url)
        assert alice.run("sync").stdout == "origin: 1 record went\n"
        assert shared(bare) != before

        own = told(bob)
        with cut(port_of(url), BIG // 4, "down", times=EVERY) as port:
            bob.git("remote", "set-url", "origin", through(url, port))
            assert bob.run("sync").stdout.startswith("origin was not reached (")
            assert len(pauses) == 8
            assert told(bob) == own
            bob.run("status")
            bob.run("verify")
        bob.git("remote", "set-url", "origin", url)
        assert bob.run("sync").stdout == "origin: 1 record of 1 writer came\n"
        bob.run("verify")
        bob.git("fsck", "--no-dangling")


def test_a_run_is_recorded_whatever_becomes_of_its_sync(
    tmp_path: Path, writers: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = writers
    with serve("daemon", tmp_path, monkeypatch) as (_, url), cut(port_of(url), 1, times=EVERY) as port:
        alice.git("remote", "add", "origin", through(url, port))
        alice.edit("DEPTH", 30)
        alice.commit("logged offline")
        alice.result(1.4)
        done = alice.run("log", "--sync", "--log", "run.log")
        assert "note: origin was not reached (" in done.stderr and "2 records wait here" in done.stderr
        assert "logged offline" in told(alice)
        # A claim is made all the same, and says that nobody has settled it.
        assert "offline: whoever claims it before the next sync may be first" in alice.run("claim", "use warmup").stdout
        # Who folds others' ledgers must have them.
        assert alice.run("compact", rc=3).stderr.startswith("error: origin was not reached: ")


def test_who_is_not_let_in_is_told_so_once(
    tmp_path: Path, writers: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    alice, _ = writers
    folder = tmp_path / "sshd"
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "lab.git"], check=True)
    with sshd(folder) as server:
        alice.git("remote", "add", "origin", f"{server.url}{tmp_path / 'lab.git'}")
        right = command(server)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "stranger"], check=True)
        (folder / "known_nobody").touch()
        wrong_key, wrong_host = right.replace("user0", "stranger"), right.replace("known_hosts", "known_nobody")
        for wrong in (wrong_key, wrong_host):
            monkeypatch.setenv("GIT_SSH_COMMAND", wrong)
            refused = alice.run("sync", rc=3)
            assert refused.stdout == ""
            assert refused.stderr.startswith("error: The remote lets nobody in: ")
            assert is_refusal(refused.stderr)
        assert pauses == []
        # A run is logged all the same.
        done = alice.run("log", "--status", "crash", "--error", "killed", "--sync")
        assert "note: not shared: The remote lets nobody in: " in done.stderr
        monkeypatch.setenv("GIT_SSH_COMMAND", right)
        assert alice.run("sync").stdout == "origin: 2 records went\n"


def test_a_repository_that_is_not_served_is_told_once(
    tmp_path: Path, writers: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    alice, _ = writers
    with serve("daemon", tmp_path, monkeypatch) as (_, url):
        alice.git("remote", "add", "origin", url.replace("lab.git", "other.git"))
        assert alice.run("sync", rc=3).stderr.startswith("error: The remote lets nobody in: ")
        assert pauses == []
