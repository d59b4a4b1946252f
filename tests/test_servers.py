"""The servers of the other tests work with plain git: they serve, they can be cut off, nothing outlives them."""

import os
import select
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import servers
from tests.conftest import Lab
from tests.servers import cut, daemon, port_of, sshd, through

pytestmark = pytest.mark.long  # for their length alone

KINDS = ("daemon", "sshd")
REF = "refs/memorylab/test"
BIG = 1 << 19  # of a payload that does not compress; a cut after a quarter is in the middle of it


@dataclass
class Remote:
    """A bare repository behind a server."""

    repository: Lab
    url: str
    env: dict[str, str]

    @property
    def ref(self) -> str:
        return self.repository.git("rev-parse", "--verify", "-q", REF, check=False)


def make_bare(path: Path) -> Lab:
    path.mkdir(parents=True)
    bare = Lab(path)
    bare.git("init", "-q", "--bare")
    return bare


def install_hook(bare: Lab, name: str, script: str) -> None:
    hook = bare.path / "hooks" / name
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


@contextmanager
def serve(kind: str, folder: Path) -> Iterator[Remote]:
    bare = make_bare(folder / "served" / "bare.git")
    if kind == "daemon":
        with daemon(bare.path.parent) as url:
            yield Remote(bare, f"{url}/bare.git", {})
    else:
        with sshd(folder / "sshd") as server:
            yield Remote(bare, f"{server.url}{bare.path}", server.env[""])


@pytest.fixture(params=KINDS)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Remote]:
    with serve(request.param, tmp_path) as served:
        yield served


@pytest.fixture
def work(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab("work", init=False)


def commit_much(work: Lab) -> str:
    (work.path / "train.py").write_bytes(os.urandom(BIG))
    return work.commit("much")


def test_a_ref_is_pushed_and_fetched(remote: Remote, work: Lab, make_lab: Callable[..., Lab]) -> None:
    work.git("push", "-q", remote.url, f"HEAD:{REF}", env=remote.env)
    head = work.git("rev-parse", "HEAD")
    assert remote.ref == head
    other = make_lab("other", init=False)
    other.git("fetch", "-q", remote.url, f"{REF}:refs/fetched", env=remote.env)
    assert other.git("rev-parse", "refs/fetched") == head


def test_a_push_that_is_cut_changes_nothing_and_the_next_one_succeeds(remote: Remote, work: Lab) -> None:
    work.git("push", "-q", remote.url, f"HEAD:{REF}", env=remote.env)
    before, after = remote.ref, commit_much(work)
    with cut(port_of(remote.url), BIG // 4, "up") as port:
        push = ("push", "-q", through(remote.url, port), f"HEAD:{REF}")
        with pytest.raises(AssertionError, match="git push"):
            work.git(*push, env=remote.env)
        assert remote.ref == before
        work.git(*push, env=remote.env)
    assert remote.ref == after


def test_a_fetch_is_cut_as_often_as_told(remote: Remote, work: Lab, make_lab: Callable[..., Lab]) -> None:
    head = commit_much(work)
    work.git("push", "-q", remote.url, f"HEAD:{REF}", env=remote.env)
    other = make_lab("other", init=False)
    with cut(port_of(remote.url), BIG // 4, "down", times=2) as port:
        fetch = ("fetch", "-q", through(remote.url, port), f"{REF}:refs/fetched")
        for _ in range(2):
            with pytest.raises(AssertionError, match="git fetch"):
                other.git(*fetch, env=remote.env)
            assert not other.git("for-each-ref", "refs/fetched")
        other.git(*fetch, env=remote.env)
    assert other.git("rev-parse", "refs/fetched") == head


def test_exactly_as_many_bytes_pass_as_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as target, cut(target.getsockname()[1], 5, "up") as port:
        for passed in (b"12345", b"1234567"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                server, _ = target.accept()
                with server, server.makefile("rb") as received:
                    server.sendall(b"what goes down does not count")
                    client.sendall(b"1234567")
                    client.shutdown(socket.SHUT_WR)
                    assert received.read() == passed


def test_a_hook_on_the_server_sees_who_pushed(tmp_path: Path, work: Lab) -> None:
    bare = make_bare(tmp_path / "bare.git")
    install_hook(bare, "post-receive", 'echo "${MEMORYLAB_USER-nobody} $HOME" >>pushers')
    with sshd(tmp_path / "sshd", ["alice", "", "bob"]) as server:
        for user in ("alice", "", "bob"):
            work.commit()
            work.git("push", "-q", f"{server.url}{bare.path}", f"HEAD:{REF}", env=server.env[user])
    home = os.environ["HOME"]
    assert (bare.path / "pushers").read_text() == f"alice {home}\nnobody {home}\nbob {home}\n"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="sshd's sessions are found in /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_outlives_its_server(kind: str, tmp_path: Path, work: Lab) -> None:
    # The hook holds the pipe open, and says so, for as long as it lives.
    os.mkfifo(tmp_path / "alive")
    with open(os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as alive:
        with serve(kind, tmp_path) as remote:
            hook = f'exec 3>"{tmp_path}/alive"; echo here >&3; exec sleep 600'
            install_hook(remote.repository, "pre-receive", hook)
            push = subprocess.Popen(
                ["git", "push", "-q", remote.url, f"HEAD:{REF}"], cwd=work.path, env=os.environ | remote.env,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            assert select.select([alive], [], [], 20)[0] and alive.read(5) == b"here\n"
        assert select.select([alive], [], [], 20)[0] and alive.read() == b""
    assert push.wait() != 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(remote.url)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_that_is_taken_is_left_for_another(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free_port = servers.free_port
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken: int = other.getsockname()[1]
        ports = iter((taken,))
        monkeypatch.setattr(servers, "free_port", lambda: next(ports, 0) or free_port())
        with serve(kind, tmp_path) as remote:
            assert port_of(remote.url) != taken
            assert not select.select([other], [], [], 0)[0]  # nobody took the other for the server


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_server_the_test_is_skipped(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = shutil.which("git")
    assert git
    only_git = tmp_path / "bin"
    only_git.mkdir()
    (only_git / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(only_git))
    monkeypatch.setenv("GIT_EXEC_PATH", str(only_git))
    monkeypatch.setattr(servers, "SBIN", str(only_git))
    with pytest.raises(pytest.skip.Exception, match="not installed"), serve(kind, tmp_path):
        pass
