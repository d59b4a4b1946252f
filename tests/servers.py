"""Real git servers on the loopback interface for the tests, and a proxy that cuts connections.

`daemon` and `sshd` start a server on a free port and stop it with all its children; `cut` stands before either. All
are context managers; where a server is not installed, entering skips the test and says why.
"""

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest

HOST = "127.0.0.1"
SBIN = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/sbin"))  # where sshd is; often not in a user's PATH
ATTEMPTS = 10  # to find a port that nobody else took in the meantime
PATIENCE = 20.0  # seconds until a server that is neither ready nor dead is given up
SEALED = ("HOME", "PATH", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "TZ", "LC_ALL")  # the test's, for sessions too


@dataclass(frozen=True)
class Ssh:
    """A running ssh server: append a repository's absolute path to `url`, and add `env[user]` to git's environment."""

    url: str
    env: dict[str, dict[str, str]]
    log: Path


def port_of(url: str) -> int:
    """The port in the URL of a server."""
    port = urlsplit(url).port
    assert port is not None
    return port


def through(url: str, port: int) -> str:
    """The same URL by way of another port (see `cut`)."""
    return url.replace(f"{HOST}:{port_of(url)}", f"{HOST}:{port}", 1)


@contextmanager
def daemon(base: Path) -> Iterator[str]:
    """Serve the repositories below `base` by `git daemon`, for pushes too; the URL to append "/<name>" to."""
    where = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    program = shutil.which("git-daemon", path=where)
    if not program:
        pytest.skip(f"git daemon is not installed: no git-daemon in {where}")
    options = ("--verbose", "--export-all", "--enable=receive-pack", f"--base-path={base}", "--reuseaddr")
    with _serving(
        lambda port: [program, *options, f"--listen={HOST}", f"--port={port}"], base / "daemon.log", "Ready to rumble"
    ) as port:
        yield f"git://{HOST}:{port}"


@contextmanager
def sshd(folder: Path, users: Sequence[str] = ("",)) -> Iterator[Ssh]:
    """Run sshd as the present user, with its keys, configuration and log in `folder`.

    Each of `users` gets a key of its own, all for the one account; sessions find the name in MEMORYLAB_USER, or no such
    variable if the name is empty.
    """
    program, client, keygen = (
        shutil.which(name, path=os.environ["PATH"] + os.pathsep + SBIN) for name in ("sshd", "ssh", "ssh-keygen")
    )
    if not (program and client and keygen):
        pytest.skip("OpenSSH is not installed: no sshd, ssh or ssh-keygen")
    try:
        account = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        pytest.skip(f"ssh needs an account, and user id {os.getuid()} has none")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)  # it separates privileges there
    folder.mkdir(parents=True, exist_ok=True)

    def make_key(name: str) -> tuple[Path, str]:
        key = folder / name
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key], check=True)
        return key, key.with_suffix(".pub").read_text()

    host_key, public = make_key("host")
    known, authorized, configuration = folder / "known_hosts", folder / "authorized_keys", folder / "sshd_config"
    known.write_text(f"[{HOST}]:* {public}")  # at any port: a proxy has another
    env, lines = {}, []
    for number, user in enumerate(users):
        key, public = make_key(f"user{number}")
        lines.append(f'environment="MEMORYLAB_USER={user}" {public}' if user else public)
        settings = (
            "BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", f'UserKnownHostsFile="{known}"',
            "GlobalKnownHostsFile=/dev/null",
        )  # fmt: skip
        command = [client, "-F", "/dev/null", "-i", str(key), *(x for setting in settings for x in ("-o", setting))]
        env[user] = {"GIT_SSH_COMMAND": shlex.join(command)}
    authorized.write_text("".join(lines))
    sealed = " ".join(f'"{name}={os.environ[name]}"' for name in SEALED if name in os.environ)
    configuration.write_text(
        f'ListenAddress {HOST}\nHostKey "{host_key}"\nAuthorizedKeysFile "{authorized}"\nAllowUsers {account}\n'
        "AuthenticationMethods publickey\nPermitRootLogin prohibit-password\nUsePAM no\nStrictModes no\nPidFile none\n"
        "UseDNS no\nPermitUserRC no\nDisableForwarding yes\nMaxStartups 100\nAcceptEnv GIT_PROTOCOL\n"
        f"PermitUserEnvironment MEMORYLAB_USER\nSetEnv {sealed}\n"
    )
    log = folder / "sshd.log"
    with _serving(
        lambda port: [program, "-D", "-e", "-f", str(configuration), "-p", str(port)], log, "Server listening on"
    ) as port:
        yield Ssh(f"ssh://{account}@{HOST}:{port}", env, log)


@contextmanager
def cut(
    target_port: int, after: int, direction: Literal["up", "down", "both"] = "both", times: int = 1
) -> Iterator[int]:
    """A proxy to the target port that cuts its first `times` connections; the port to connect to.

    A connection is cut, both ways at once, when `after` bytes went "up" (from the client to the server), "down", or in
    "both" directions together; no byte that counts passes beyond them. Later connections pass unharmed.
    """
    links: list[_Link] = []
    leaving = threading.Event()

    def accept() -> None:
        for number in count(1):
            client, _ = listener.accept()
            if leaving.is_set():
                client.close()
                return
            try:
                server = socket.create_connection((HOST, target_port))
            except OSError:
                client.close()
                continue
            counted = number <= times
            links.append(_Link(client, server, after, counted and direction != "down", counted and direction != "up"))
            links[-1].start()

    with socket.create_server((HOST, 0), backlog=64) as listener:
        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            leaving.set()
            socket.create_connection(listener.getsockname()).close()  # wakes it up
            acceptor.join()
            for link in links:
                link.cut()
                link.join()


class _Link(threading.Thread):
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket, left: int, up: bool, down: bool) -> None:
        super().__init__(daemon=True)
        self.client, self.server, self.left, self.up, self.down = client, server, left, up, down
        self.lock = threading.Lock()

    def run(self) -> None:
        """Forward both ways, then close both ends."""
        with self.client, self.server:
            for end in (self.client, self.server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            other = threading.Thread(target=self.forward, args=(self.client, self.server, self.up), daemon=True)
            other.start()
            self.forward(self.server, self.client, self.down)
            other.join()

    def forward(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        """Forward one way until the source ends or, if these bytes count, nothing is left of what may pass."""
        try:
            while data := source.recv(1 << 16):
                if counted:
                    with self.lock:
                        data = data[: self.left]
                        self.left -= len(data)
                target.sendall(data)
                if counted and not self.left:
                    return self.cut()
            target.shutdown(socket.SHUT_WR)
        except OSError:
            self.cut()

    def cut(self) -> None:
        """End both ways; this wakes the threads, which then close."""
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    """A port that is free at this moment; a server that then finds it taken is started again at another."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _serving(command: Callable[[int], list[str]], log: Path, ready: str) -> Iterator[int]:
    """Run a server on a free port until the end of the block; the port.

    That it is ready is read in its log: whoever answers at the port might be another, who took it a moment earlier.
    """
    for _ in range(ATTEMPTS):
        port = free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        try:
            if _is_ready(process, log, ready):
                yield port
                return
        finally:
            _stop(process)
    raise RuntimeError(f"{command(port)[0]} does not start: {log.read_text(errors='replace')}")


def _is_ready(process: subprocess.Popen[bytes], log: Path, ready: str) -> bool:
    """Wait until the server listens; False if it ended instead, as it does when its port is taken."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        if ended or ready in log.read_text(errors="replace"):
            return not ended
        time.sleep(0.005)
    raise TimeoutError(f"{process.args!r} is not ready: {log.read_text(errors='replace')}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Kill the server and all that it started."""
    children = _descendants(process.pid)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _descendants(pid: int) -> set[int]:
    """The children of a process and theirs (where there is /proc): sshd's connections leave its process group."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}
