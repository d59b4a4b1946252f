"""A process and all that it starts, stopped at each system call that changes a file. Linux on x86-64 alone."""

import ctypes
import gc
import os
import platform
import random
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64"

# Those that change a file or what is in a folder, and what syncs it.
NUMBERS = {
    "write": 1, "pwrite64": 18, "writev": 20, "fsync": 74, "fdatasync": 75, "truncate": 76,
    "ftruncate": 77, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88,
    "chmod": 90, "fchmod": 91, "mkdirat": 258, "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266,
    "fchmodat": 268, "utimensat": 280, "renameat2": 316, "openat": 257,
}  # fmt: skip
_NAMES = {number: name for name, number in NUMBERS.items()}
WRITES = ("write", "pwrite64", "writev")
ON_DESCRIPTOR = (*WRITES, "fsync", "fdatasync", "ftruncate", "fchmod")
# The argument that is the path which is made or changed, and that of the folder it is relative to.
_PATHS = {
    "rename": (1, None), "mkdir": (0, None), "rmdir": (0, None), "creat": (0, None), "link": (1, None),
    "unlink": (0, None), "symlink": (1, None), "truncate": (0, None), "chmod": (0, None), "mkdirat": (1, 0),
    "unlinkat": (1, 0), "renameat": (3, 2), "linkat": (3, 2), "symlinkat": (2, 1), "fchmodat": (1, 0),
    "utimensat": (1, 0), "renameat2": (3, 2), "openat": (1, 0),
}  # fmt: skip
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_TRACEME, _CONT, _GETREGS, _SETREGS, _SYSCALL, _SETOPTIONS = 0, 7, 12, 13, 24, 0x4200
_EVENTS = {"fork": 1, "vfork": 2, "clone": 3, "exec": 4, "seccomp": 7}
_OPTIONS = 1 | 1 << 20 | sum(1 << number for number in _EVENTS.values())  # marked system calls, die with the tracer
_WALL = 0x40000000
_REGISTERS = 27
_RAX, _ORIG_RAX, _ARGUMENTS = 10, 15, (14, 13, 12, 7, 9, 8)
_MINUS_ONE = (1 << 64) - 1
_HELD, _LET_GO = 0.05, 0.2  # how likely a process is held up, and is let go

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long
_libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]


class Call(NamedTuple):
    """A system call that is about to be made, the `number`-th of all. `is_ours` is false for what git does."""

    number: int
    name: str
    pid: int
    is_ours: bool
    arguments: tuple[int, ...]

    @property
    def path(self) -> str:
        """The file that it is about; of an open one that was deleted its former name."""
        if self.name in ON_DESCRIPTOR:
            return _link(f"/proc/{self.pid}/fd/{self.arguments[0]}").removesuffix(" (deleted)")
        argument, folder = _PATHS[self.name]
        given = _text(self.pid, self.arguments[argument])
        at = ctypes.c_int(self.arguments[folder] & 0xFFFFFFFF).value if folder is not None else -100
        base = _link(f"/proc/{self.pid}/cwd") if at == -100 else _link(f"/proc/{self.pid}/fd/{at}")
        return os.path.normpath(os.path.join(base, given))

    @property
    def inode(self) -> int:
        """That of the open file which it is about."""
        return os.stat(f"/proc/{self.pid}/fd/{self.arguments[0]}").st_ino

    @property
    def makes(self) -> bool:
        """Whether it needs room on the disk."""
        is_new = self.name != "openat" or bool(self.arguments[2] & os.O_CREAT)
        return is_new and self.name not in ("fsync", "fdatasync", "unlink", "unlinkat", "rmdir", "fchmod",
                                            "chmod", "fchmodat", "utimensat", "truncate")  # fmt: skip

    def is_in(self, folder: Path) -> bool:
        """Whether the file is in a folder."""
        return self.path.startswith(f"{folder}/")


class Kill(NamedTuple):
    """End processes before the call is made: `all`, the `one` that makes it, or only `ours`. With `torn` the call is
    made before, a write by half of what it has."""

    whom: str
    torn: bool = False


class Fail(NamedTuple):
    """Let the call fail with an error."""

    error: int


Fault = Kill | Fail | None


class Ended(NamedTuple):
    """How the process ended: its exit code, or the signal as a negative number; and how many calls there were."""

    code: int
    calls: int


def run(child: Callable[[], int], at: Callable[[Call], Fault]) -> Ended:
    """Run a function in a fork of this process, asking at each system call what is to become of it. Returns when that
    process and all that it has started are gone."""
    return race([child], at)[0]


def race(
    children: Sequence[Callable[[], int]], at: Callable[[Call], Fault], dice: random.Random | None = None
) -> list[Ended]:  # fmt: skip
    """`run` for several at once. With dice each is held up now and then, for as long as it pleases them, so that the
    others overtake it there."""
    gc.collect()  # what still has a process of git ends it now, and not in the fork or while all stand still
    roots = [_started(child) for child in children]
    for root in roots:
        os.waitpid(root, _WALL)
        _ptrace(_SETOPTIONS, root, _OPTIONS)
        _ptrace(_CONT, root, 0)
    gc.disable()
    try:
        return _Tracer(roots, at, dice).follow()
    finally:
        gc.enable()


def _started(child: Callable[[], int]) -> int:
    root = os.fork()
    if root == 0:
        code = 70
        try:
            os.setpgid(0, 0)
            _be_traced()
            code = child()
        finally:
            os._exit(code)
    return root


class _Tracer:
    """What is known of the processes. `_root` says by whom each was started, of those that were asked for."""

    def __init__(self, roots: list[int], at: Callable[[Call], Fault], dice: random.Random | None) -> None:
        self._roots, self._at, self._dice = roots, at, dice
        self._root = {root: root for root in roots}
        self._fresh, self._held = set[int](), list[int]()
        self._ends = dict[int, Kill]()
        self._count = 0

    def follow(self) -> list[Ended]:
        codes = dict[int, int]()
        while self._root:
            try:
                pid, status = os.waitpid(-1, _WALL | (os.WNOHANG if self._held else 0))
            except ChildProcessError:
                break
            if pid == 0:
                self._let_go()
            elif os.WIFEXITED(status) or os.WIFSIGNALED(status):
                self._root.pop(pid, None)
                if pid in self._held:
                    self._held.remove(pid)
                if pid in self._roots:
                    codes[pid] = os.waitstatus_to_exitcode(status)
            else:
                self._stopped(pid, status)
        return [Ended(codes.get(root, -signal.SIGKILL), self._count) for root in self._roots]

    def _let_go(self) -> None:
        """Nobody has anything to say; after a moment one that was held up may go on."""
        assert self._dice is not None
        time.sleep(0.0005)
        if self._dice.random() < _LET_GO:
            _ptrace(_CONT, self._held.pop(self._dice.randrange(len(self._held))), 0)

    def _stopped(self, pid: int, status: int) -> None:
        if pid not in self._root:
            # A new one stops at once, be it before or after its parent tells of it.
            self._root[pid] = self._root.get(_parent(pid), self._roots[0])
            self._fresh.add(pid)
        stop, event = os.WSTOPSIG(status), status >> 16
        if stop == signal.SIGSTOP and pid in self._fresh:
            self._fresh.discard(pid)
            _ptrace(_CONT, pid, 0)
        elif event == _EVENTS["seccomp"]:
            self._called(pid)
        elif stop == signal.SIGTRAP | 0x80 and pid in self._ends:
            self._kill(self._ends.pop(pid), pid)
        else:
            _ptrace(_CONT, pid, 0 if stop & 0x7F == signal.SIGTRAP else stop)

    def _called(self, pid: int) -> None:
        registers = _registers(pid)
        if registers is None:
            return
        self._count += 1
        number = registers[_ORIG_RAX]
        arguments = tuple(registers[one] for one in _ARGUMENTS)
        call = Call(self._count, _NAMES.get(number, str(number)), pid, pid in self._roots, arguments)
        fault = self._at(call)
        if isinstance(fault, Fail):
            registers[_ORIG_RAX], registers[_RAX] = _MINUS_ONE, (1 << 64) - fault.error
            _set_registers(pid, registers)
            _ptrace(_CONT, pid, 0)
        elif isinstance(fault, Kill) and fault.torn:
            if call.name in ("write", "pwrite64") and registers[_ARGUMENTS[2]] > 1:
                registers[_ARGUMENTS[2]] //= 2
                _set_registers(pid, registers)
            self._ends[pid] = fault
            _ptrace(_SYSCALL, pid, 0)
        elif isinstance(fault, Kill):
            self._kill(fault, pid)
        elif self._dice is not None and self._dice.random() < _HELD:
            self._held.append(pid)
        else:
            _ptrace(_CONT, pid, 0)

    def _kill(self, fault: Kill, pid: int) -> None:
        root = self._root[pid]
        together = {one for one, started in self._root.items() if started == root}
        whom = {"all": together, "one": {pid}, "ours": {root}}[fault.whom]
        for one in whom:
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                self._root.pop(one, None)
        if pid not in whom:
            _ptrace(_CONT, pid, 0)


def _be_traced() -> None:
    """Stop, to be traced, and from then on at each of the calls."""
    _libc.ptrace(_TRACEME, 0, None, None)
    os.kill(os.getpid(), signal.SIGSTOP)
    program = _filter()

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    content = ctypes.create_string_buffer(program, len(program))
    loaded = Program(len(program) // 8, ctypes.addressof(content))
    _libc.prctl(38, 1, None, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if _libc.prctl(22, 2, ctypes.byref(loaded), 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError(ctypes.get_errno(), "no seccomp here")


def _filter() -> bytes:
    """The calls, as a program for the kernel (bpf(4)): without it each call of any kind would stop, at ten times the
    cost."""
    load, jump_equal, jump_set, ends = 0x20, 0x15, 0x45, 0x06
    others = [number for name, number in NUMBERS.items() if name != "openat"]
    steps = [(load, 0, 0, 0)]
    for index, number in enumerate(others):
        steps.append((jump_equal, len(others) - index + 3, 0, number))
    steps += [
        (jump_equal, 0, 2, NUMBERS["openat"]),
        (load, 0, 0, 16 + 2 * 8),  # its flags
        (jump_set, 1, 0, _TO_WRITE),
        (ends, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        (ends, 0, 0, 0x7FF00000),  # SECCOMP_RET_TRACE
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _ptrace(request: int, pid: int, data: int) -> None:
    # Who was killed meanwhile answers no more.
    _libc.ptrace(request, pid, None, data)


def _registers(pid: int) -> "ctypes.Array[ctypes.c_ulonglong] | None":
    found = (ctypes.c_ulonglong * _REGISTERS)()
    return found if _libc.ptrace(_GETREGS, pid, None, ctypes.addressof(found)) == 0 else None


def _set_registers(pid: int, registers: "ctypes.Array[ctypes.c_ulonglong]") -> None:
    _libc.ptrace(_SETREGS, pid, None, ctypes.addressof(registers))


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _text(pid: int, address: int) -> str:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        found = b""
        while b"\0" not in found and len(found) < 4096:
            # Not beyond the page, behind which there may be none.
            found += memory.read(4096 - (address + len(found)) % 4096)
    return os.fsdecode(found.partition(b"\0")[0])
