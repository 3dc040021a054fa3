"""The rights a worker gives up between the fork and the first line of a student's code.

Each layer is tried, and what came of it is reported; none is taken for granted, because containers,
kernels and users differ. No single layer is enough: the system call filter covers what Landlock does not
know (chmod, UDP, inotify), Landlock covers files, and another uid covers both when either is missing.
Nothing is imported and little is computed in the child: `Sandbox` prepares what it can before the fork.
"""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from grader.worker import syscalls
from grader.worker.landlock import Landlock
from grader.worker.seccomp import Filter

if sys.platform != "win32":
    import resource

# In the order in which they are put on: each needs a right that a later one takes away, or would not
# survive an earlier one (a change of uid forgets the parent-death signal).
_PREVENTS = {
    "session": "The worker leads a session of its own, so it shares no terminal and no process group.",
    "oom": "When memory runs out, the kernel ends the worker and not the grader.",
    "rlimits": "Memory, processor time, file size and the number of open files are bounded.",
    "namespaces": "The worker has an empty network and no System V objects of the machine's.",
    "uid": "The worker is another user, with no right to private files or to the grader's processes.",
    "capabilities": "The worker has none of root's powers, whatever its uid.",
    "no_new_privs": "No program that the worker could start would give it more rights.",
    "pdeathsig": "The worker ends as soon as the process that started it does.",
    "landlock": "Only the interpreter, the libraries and the submission can be read, and nothing is written.",
    "seccomp": "No processes, programs, sockets, signals to others, or changes of modes and owners.",
}
LAYERS: tuple[str, ...] = tuple(_PREVENTS)

_OPEN_FILES = 128
_THREADS = 64  # of a worker with a uid of its own
_MIB = 1 << 20


@dataclass(frozen=True)
class Rights:
    """What one worker keeps. Paths are absolute; those that do not exist are left out.

    memory_mib is in MiB above what the zygote has mapped already; cpu_s is in seconds, after which comes
    SIGXCPU and two seconds later SIGKILL; file_mib bounds every file written.
    With devices there is no limit on the address space, of which CUDA reserves more than any machine has memory.
    """

    readable: tuple[str, ...]  # files and folders: interpreter, libraries, the staged submission
    writable: tuple[str, ...] = ()  # scratch folders: read, write, create, remove
    devices: tuple[str, ...] = ()  # device nodes: read, write, ioctl
    memory_mib: int = 2048
    cpu_s: int = 600
    file_mib: int = 16
    uid: int | None = None  # the user, and group, to become when started as root


class Sandbox:
    """Built once, in the single-threaded zygote; entered by every child it forks."""

    def __init__(self) -> None:
        self._unsupported = "" if sys.platform == "linux" else f"{sys.platform} has no such layer"
        if self._unsupported:
            return
        self._kernel = _Kernel()
        self._interpreter = tuple({sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)})
        self._landlock: Landlock | str
        try:
            self._landlock = Landlock(self._kernel.libc)
        except OSError as error:
            self._landlock = str(error.strerror)
        machine = os.uname().machine
        known = machine in syscalls.MACHINES and sys.maxsize > 2**32
        self._filters: tuple[Filter, Filter] | str  # by whether it also keeps files from being changed
        self._filters = f"no table of system calls for {machine}"
        if known:
            self._filters = Filter(machine), Filter(machine, read_only=True)

    def die_with(self, parent_pid: int) -> None:
        """Has this process, forked by `parent_pid`, end as soon as that one does. Raises OSError."""
        self._kernel.die_with(parent_pid)

    def enter(self, rights: Rights, parent_pid: int) -> dict[str, str]:
        """Put every layer on the calling process, a fresh child with one thread, for good.

        parent_pid: the process that forked it; when that one is gone already, this process ends here.
        Returns layer -> "" where it holds, otherwise one short reason. Raises nothing for a layer that
        cannot be had.
        """
        if self._unsupported:
            return dict.fromkeys(LAYERS, self._unsupported)
        report: dict[str, str] = {}
        kernel = self._kernel
        stays = self._reason_to_stay(rights)
        steps: dict[str, Callable[[], str | None]] = {
            "session": _lead_session,
            "oom": _be_killed_first,
            "rlimits": lambda: _limit(rights, own_uid=not stays),
            "namespaces": kernel.leave_namespaces,
            "uid": lambda: kernel.become(rights.uid, stays),
            "capabilities": kernel.drop_capabilities,
            "no_new_privs": kernel.forbid_new_privileges,
            "pdeathsig": lambda: kernel.die_with(parent_pid),
            "landlock": lambda: self._restrict_files(rights),
            "seccomp": lambda: self._filter_calls(read_only=report["landlock"] != "" and not rights.writable),
        }
        for layer in LAYERS:
            try:
                report[layer] = steps[layer]() or ""
            except Exception as error:
                report[layer] = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return report

    def _reason_to_stay(self, rights: Rights) -> str:
        """Why the worker keeps its uid; empty when it can change it and still do its work."""
        if rights.uid is None or rights.uid == 0:
            return "no other uid was asked for"
        if os.geteuid() != 0:
            return "not started as root"
        reading = (*self._interpreter, *filter(os.path.exists, rights.readable))
        writing = (*rights.writable, *rights.devices)
        for paths, need in ((reading, stat.S_IROTH), (writing, stat.S_IROTH | stat.S_IWOTH)):
            for path in paths:
                if not _may_use(path, need, rights.uid):
                    return f"uid {rights.uid} cannot use {path}"
        return ""

    def _restrict_files(self, rights: Rights) -> str:
        if isinstance(self._landlock, str):
            return self._landlock
        self._landlock.restrict(rights.readable, rights.writable, rights.devices)
        return ""

    def _filter_calls(self, *, read_only: bool) -> str:
        if isinstance(self._filters, str):
            return self._filters
        self._filters[read_only].install(self._kernel.libc, os.getpid())
        return ""


def hides_answers(layers: Mapping[str, str]) -> bool:
    """Whether a worker with this report cannot read what lies outside its own files.

    Landlock does so by itself; another uid does so for what is private to the grader's user (mode 0700).
    """
    return any(layers.get(layer, "missing") == "" for layer in ("landlock", "uid"))


def describe(layer: str) -> str:
    """One sentence on what a layer prevents. Raises KeyError for a name that is not in LAYERS."""
    return _PREVENTS[layer]


def reachable_by_others(path: str) -> bool:
    """Whether a user with no special rights can read the file, or list and enter the folder, at `path`.

    Looks at the modes of every folder on the way, of links too; a missing path is not reachable.
    """
    return _may_use(path, stat.S_IROTH)


def _may_use(path: str, need: int, uid: int | None = None) -> bool:
    """Whether the modes give `need` (bits for others) at `path`, and passage to it, to `uid` or anyone."""
    try:
        path = os.path.abspath(path)
        os.stat(path)  # a loop of links ends here
        at = "/"
        for part in path.split("/"):
            at = os.path.join(at, part)
            status = os.lstat(at)
            last = need if at == path else 0
            if stat.S_ISLNK(status.st_mode):
                if not _may_use(os.path.join(os.path.dirname(at), os.readlink(at)), last, uid):
                    return False
                continue
            wanted = last | (stat.S_IXOTH if stat.S_ISDIR(status.st_mode) else 0)
            bits = status.st_mode >> 6 if status.st_uid == uid else status.st_mode
            if wanted & ~bits:
                return False
    except OSError:
        return False
    return True


def _lead_session() -> None:
    if os.getsid(0) != os.getpid():
        os.setsid()


def _be_killed_first() -> None:
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")


def _limit(rights: Rights, own_uid: bool) -> None:
    """Limits that cannot be raised again. The processes of a uid are counted together, so their number is
    bounded only where the uid is the worker's own."""
    mapped = _mapped_bytes()
    budget = rights.memory_mib * _MIB
    limits = [
        # Both: shared mappings pass the limit on data, and a budget counts from what is mapped already.
        *([] if rights.devices else [(resource.RLIMIT_AS, mapped["VmSize"] + budget, 0)]),
        (resource.RLIMIT_DATA, mapped["VmData"] + budget, 0),
        (resource.RLIMIT_CPU, rights.cpu_s, 2),
        (resource.RLIMIT_FSIZE, rights.file_mib * _MIB, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES, 0),
        (resource.RLIMIT_CORE, 1, 0),  # 0 would still feed a core_pattern that is a pipe; 1 feeds nothing
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
    ]
    if own_uid:
        limits.append((resource.RLIMIT_NPROC, _THREADS, 0))
    for kind, soft, grace in limits:
        _, ceiling = resource.getrlimit(kind)
        hard = soft + grace if ceiling == resource.RLIM_INFINITY else min(soft + grace, ceiling)
        resource.setrlimit(kind, (min(soft, hard), hard))


def _mapped_bytes() -> dict[str, int]:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        fields = (line.split() for line in status if line.startswith(("VmSize:", "VmData:")))
        return {name.rstrip(":"): int(kib) * 1024 for name, kib, _unit in fields}


class _Kernel:
    """The calls of the C library that Python has no name for. Each raises OSError when refused."""

    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.syscall.restype = ctypes.c_long
        self.libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
        try:
            with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as last:
                self._capabilities = range(int(last.read()) + 1)
        except OSError:
            self._capabilities = range(41)

    def leave_namespaces(self) -> str:
        if os.geteuid() != 0:
            # A user namespace would make it possible, and would open more of the kernel than it closes:
            # the filter refuses every socket as it is.
            return "only root can leave the network"
        new_network, new_ipc = 0x40000000, 0x08000000
        self._check(self.libc.unshare(new_network | new_ipc))
        return ""

    def become(self, uid: int | None, stays: str) -> str:
        # Now, because changing the uid loses the capability that this takes.
        drop_from_bounding_set = 24
        for capability in self._capabilities:
            self.libc.prctl(drop_from_bounding_set, capability, 0, 0, 0)
        if stays or uid is None:
            return stays
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        return ""

    def drop_capabilities(self) -> str:
        header = struct.pack("=Ii", 0x20080522, 0)  # version 3, this thread
        self._check(self.libc.capset(header, bytes(24)))
        left = ctypes.create_string_buffer(24)
        self._check(self.libc.capget(header, left))
        return "the kernel left some" if any(left.raw) else ""

    def forbid_new_privileges(self) -> None:
        set_no_new_privs = 38
        self._check(self.libc.prctl(set_no_new_privs, 1, 0, 0, 0))

    def die_with(self, parent_pid: int) -> None:
        set_pdeathsig = 1
        self._check(self.libc.prctl(set_pdeathsig, signal.SIGKILL, 0, 0, 0))
        if os.getppid() != parent_pid:  # it ended before the signal was asked for
            os._exit(1)

    @staticmethod
    def _check(result: int) -> None:
        if result != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
