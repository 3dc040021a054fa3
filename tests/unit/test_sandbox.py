"""The layers of the worker's sandbox, each tried by a real child process from inside.

Which layers hold depends on the machine and the user. Every test asks the child's own report and then
demands what that report promises: a layer that says it holds must hold.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import mmap
import os
import platform
import resource
import signal
import site
import socket
import stat
import struct
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.worker import sandbox, syscalls
from grader.worker.sandbox import LAYERS, Rights, Sandbox
from grader.worker.seccomp import Filter

REPOSITORY = str(Path(sandbox.__file__).parents[2])
OTHER_UID = 61234
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
Layers = dict[str, str]


def libraries() -> tuple[str, ...]:
    """Folders an interpreter needs: its own, its packages, the system's shared libraries."""
    own = (sys.prefix, sys.base_prefix, *site.getsitepackages(), sysconfig.get_paths()["stdlib"])
    machine = ("/proc/cpuinfo", "/sys/devices/system/cpu")  # torch chooses its kernels by these
    return (*own, *machine, "/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache")


def wait_for(pid: int, limit_s: float = 60.0) -> int:
    """Reap `pid` and return its wait status; a child that hangs is killed."""
    deadline = time.monotonic() + limit_s
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += 60
        time.sleep(0.002)


def always(_layers: Layers) -> bool:
    return True


def filtered(layers: Layers) -> bool:
    """Whether system calls are filtered: without it, some attempts would harm this very process."""
    return layers["seccomp"] == ""


def fork_sandboxed(
    rights: Rights, work: Callable[[], Any], when: Callable[[Layers], bool] = always
) -> tuple[int, int]:
    """Fork a child that enters the sandbox and does `work`, if `when` agrees to its layers.

    Returns its pid and the pipe by which its report comes, in JSON.
    """
    box = Sandbox()
    parent = os.getpid()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    try:
        layers = box.enter(rights, parent)
        try:
            value, error = work() if when(layers) else None, None
        except BaseException:
            value, error = None, traceback.format_exc()
        os.write(writer, json.dumps({"layers": layers, "value": value, "error": error}).encode())
    finally:
        os._exit(0)


def run(
    work: Callable[[], Any], when: Callable[[Layers], bool] = always, **rights: Any
) -> tuple[Layers, Any]:
    """The layer report, and what `work` returned in a sandboxed child (None where `when` was against it)."""
    rights.setdefault("readable", libraries())
    pid, reader = fork_sandboxed(Rights(**rights), work, when)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    status = wait_for(pid)
    assert text, f"the child ended with wait status {status} before it could report"
    report = json.loads(text)
    assert report["error"] is None, report["error"]
    return report["layers"], report["value"]


def may_switch() -> bool:
    """Whether this process is root with the capabilities to change a file's owner and its own uid."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    chown, setgid, setuid = 1 << 0, 1 << 6, 1 << 7
    return os.geteuid() == 0 and effective & chown > 0 and effective & setgid > 0 and effective & setuid > 0


def errno_of(action: Callable[[], Any]) -> int:
    """0 when the action works, otherwise the number of its OSError."""
    try:
        action()
    except OSError as error:
        return error.errno or -1
    return 0


def call(number: int, *arguments: int) -> int:
    """The errno of a bare system call, 0 when it works."""
    padded = [ctypes.c_long(a) for a in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    return ctypes.get_errno() if LIBC.syscall(ctypes.c_long(number), *padded) == -1 else 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may read and enter, all the way from the root."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        os.chmod(path, 0o755)
        yield Path(path)


def planted(folder: Path, name: str, text: str = "42") -> Path:
    """A world-readable file in a subfolder of its own."""
    place = folder / name
    place.mkdir()
    place.chmod(0o755)
    (place / "values.txt").write_text(text)
    (place / "values.txt").chmod(0o644)
    return place / "values.txt"


# --- the report ---------------------------------------------------------------------------------------


def test_every_layer_is_reported_in_order() -> None:
    """The report names every layer, in the order they are put on, and each has a description."""
    layers, _ = run(lambda: None)
    assert tuple(layers) == LAYERS
    assert all(sandbox.describe(layer).endswith(".") for layer in LAYERS)
    assert all(layers[layer] == "" for layer in ("session", "oom", "rlimits", "capabilities", "no_new_privs"))
    assert layers["pdeathsig"] == ""


def test_answers_are_hidden_by_landlock_or_by_another_user() -> None:
    """Either of the two layers that hide files is enough; without both, answers are readable."""
    missing = dict.fromkeys(LAYERS, "not here")
    assert not sandbox.hides_answers(missing)
    assert not sandbox.hides_answers({})
    assert not sandbox.hides_answers({**missing, "seccomp": ""})
    assert sandbox.hides_answers({**missing, "landlock": ""})
    assert sandbox.hides_answers({**missing, "uid": ""})


def test_other_systems_report_every_layer_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel is not Linux, entering does nothing and says so of every layer."""
    before = (os.getsid(0), resource.getrlimit(resource.RLIMIT_NOFILE))
    monkeypatch.setattr(sys, "platform", "darwin")
    report = Sandbox().enter(Rights(readable=()), os.getpid())
    monkeypatch.undo()
    assert tuple(report) == LAYERS
    assert all(report.values())
    assert (os.getsid(0), resource.getrlimit(resource.RLIMIT_NOFILE)) == before


def test_a_second_entry_does_not_raise() -> None:
    """A layer that cannot be put on becomes a reason in the report, never an exception."""
    box = Sandbox()
    parent = os.getpid()
    layers, again = run(lambda: box.enter(Rights(readable=()), parent))
    assert tuple(again) == LAYERS
    if layers["landlock"] == "":
        assert again["oom"]  # /proc is out of reach by now


# --- files --------------------------------------------------------------------------------------------


def test_only_granted_files_can_be_read(folder: Path) -> None:
    """A file below a readable folder can be read, its neighbour outside cannot, nor can /proc."""
    inside, outside = planted(folder, "inside", "7"), planted(folder, "outside")
    parent = os.getpid()

    def work() -> dict[str, Any]:
        return {
            "inside": inside.read_text(),
            "outside": errno_of(outside.read_text),
            "list": errno_of(lambda: os.listdir(outside.parent)),
            "memory": errno_of(lambda: open(f"/proc/{parent}/mem", "rb")),
            "passwords": errno_of(lambda: open("/etc/passwd")),
        }

    layers, seen = run(work, readable=(*libraries(), str(inside.parent), "/no/such/folder"))
    assert seen["inside"] == "7"
    hidden = errno.EACCES if layers["landlock"] == "" else 0
    assert [seen[name] for name in ("outside", "list", "passwords")] == [hidden] * 3
    if sandbox.hides_answers(layers):
        assert seen["memory"] == errno.EACCES


def test_a_link_does_not_lead_outside(folder: Path) -> None:
    """A symbolic link in a readable folder opens nothing that lies elsewhere."""
    inside, outside = planted(folder, "inside"), planted(folder, "outside")
    (inside.parent / "link").symlink_to(outside)
    layers, code = run(lambda: errno_of((inside.parent / "link").read_text), readable=(str(inside.parent),))
    assert code == (errno.EACCES if layers["landlock"] == "" else 0)


def test_a_single_file_can_be_granted(folder: Path) -> None:
    """A path in `readable` may be a file; its neighbours stay closed."""
    granted = planted(folder, "granted", "5")
    other = granted.with_name("other.txt")
    other.write_text("6")
    other.chmod(0o644)
    layers, (text, code) = run(
        lambda: (granted.read_text(), errno_of(other.read_text)), readable=(str(granted),)
    )
    assert text == "5"
    assert code == (errno.EACCES if layers["landlock"] == "" else 0)


def test_only_scratch_can_be_written(folder: Path) -> None:
    """Scratch takes files, folders, renaming, truncating and temporary files; a readable folder takes none."""
    scratch = folder / "scratch"
    scratch.mkdir()
    given = planted(folder, "given")

    def work() -> dict[str, Any]:
        (scratch / "sub").mkdir()
        (scratch / "a").write_text("x" * 100)
        (scratch / "a").rename(scratch / "sub" / "b")
        with open(scratch / "sub" / "b", "r+") as file:
            file.truncate(10)
        with tempfile.NamedTemporaryFile(dir=scratch) as file:
            file.write(b"x")
        with tempfile.TemporaryDirectory(dir=scratch) as inner:
            Path(inner, "c").write_text("y")
        with open("/dev/null", "w") as null:
            null.write("gone")
        return {
            "left": sorted(path.name for path in scratch.rglob("*")),
            "new": errno_of(lambda: (given.parent / "new").write_text("x")),
            "over": errno_of(lambda: given.write_text("x")),
            "remove": errno_of(given.unlink),
            "link": errno_of(lambda: os.symlink(given, scratch / "link")),
            "random": len(open("/dev/urandom", "rb", buffering=0).read(8)),
        }

    layers, seen = run(work, readable=(*libraries(), str(given.parent)), writable=(str(scratch),))
    assert seen["left"] == ["b", "sub"]
    assert (scratch / "sub" / "b").stat().st_size == 10
    assert seen["random"] == 8
    if layers["landlock"] == "":
        assert [seen[name] for name in ("new", "over", "remove", "link")] == [errno.EACCES] * 4
        assert given.read_text() == "42"


# --- limits -------------------------------------------------------------------------------------------


def test_memory_over_the_budget_is_refused() -> None:
    """Private memory and shared mappings both fail beyond the budget, and the worker goes on."""

    def work() -> dict[str, Any]:
        small = bytearray(16 << 20)
        try:
            bytearray(512 << 20)
            private = False
        except MemoryError:
            private = True
        shared = errno_of(lambda: mmap.mmap(-1, 512 << 20))
        return {"small": len(small), "private": private, "shared": shared}

    layers, seen = run(work, memory_mib=128)
    assert layers["rlimits"] == ""
    assert seen == {"small": 16 << 20, "private": True, "shared": errno.ENOMEM}


def test_the_other_limits_are_those_asked_for() -> None:
    """Processor time, file size, open files, core dumps and locked memory are bounded for good."""

    def work() -> dict[str, list[int]]:
        names = ("CPU", "FSIZE", "NOFILE", "CORE", "MEMLOCK", "MSGQUEUE")
        return {name: list(resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))) for name in names}

    _, limits = run(work, cpu_s=7, file_mib=3)
    assert limits["CPU"] == [7, 9]
    assert limits["FSIZE"] == [3 << 20, 3 << 20]
    assert limits["NOFILE"] == [128, 128]
    core = 1 if resource.getrlimit(resource.RLIMIT_CORE)[1] else 0  # a single byte: not even a pipe gets a core
    assert limits["CORE"] == [core, core]
    assert limits["MEMLOCK"] == limits["MSGQUEUE"] == [0, 0]


def test_a_file_cannot_outgrow_its_limit(folder: Path) -> None:
    """Writing past file_mib fails with an error, not with a full disk."""
    scratch = folder / "scratch"
    scratch.mkdir()
    _, code = run(
        lambda: errno_of(lambda: (scratch / "big").write_bytes(bytes(2 << 20))),
        writable=(str(scratch),),
        file_mib=1,
    )
    assert code == errno.EFBIG


def test_processor_time_runs_out() -> None:
    """A worker that only burns processor time is ended by the kernel."""

    def spin() -> None:
        while True:
            pass

    pid, reader = fork_sandboxed(Rights(readable=(), cpu_s=1), spin)
    status = wait_for(pid)
    os.close(reader)
    assert os.WTERMSIG(status) == signal.SIGXCPU


# --- the user and the parent --------------------------------------------------------------------------


def identity() -> dict[str, Any]:
    return {
        "uid": os.getresuid(),
        "gid": os.getresgid(),
        "groups": os.getgroups(),
        "leader": os.getsid(0) == os.getpid() == os.getpgid(0),
        "back": errno_of(lambda: os.setresuid(0, 0, 0)) if os.getuid() else 0,
        "threads": resource.getrlimit(resource.RLIMIT_NPROC)[0],
    }


def test_root_becomes_another_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started as root with files that others may use, the worker has the uid asked for and no way back."""
    for name in ("prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, "/usr")
    monkeypatch.setattr(os, "__file__", str(planted(folder, "library")))
    readable = (str(planted(folder, "submission")),)
    layers, who = run(identity, readable=readable, uid=OTHER_UID)
    assert who["leader"]
    if may_switch():
        assert layers["uid"] == ""
        assert who["uid"] == who["gid"] == [OTHER_UID] * 3
        assert who["groups"] == []
        assert who["back"] == errno.EPERM
        assert who["threads"] == 64
    else:
        assert layers["uid"] in ("not started as root", "Operation not permitted")
        assert who["uid"] == list(os.getresuid())


def test_root_stays_where_the_other_user_could_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the other user cannot reach a readable folder, the uid stays and the reason names the folder."""
    for name in ("prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, "/usr")
    monkeypatch.setattr(os, "__file__", str(planted(folder, "library")))
    private = planted(folder, "private").parent
    private.chmod(0o700)
    layers, who = run(identity, readable=(str(private),), uid=OTHER_UID)
    assert who["uid"] == list(os.getresuid())
    assert layers["uid"] == (
        f"uid {OTHER_UID} cannot use {private}" if os.geteuid() == 0 else "not started as root"
    )


def test_the_interpreter_decides_too(folder: Path) -> None:
    """With this very interpreter the switch takes place exactly where its own folders are open to others."""
    layers, who = run(identity, readable=(str(folder),), uid=OTHER_UID)
    homes = (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))
    switched = may_switch() and all(map(sandbox.reachable_by_others, homes))
    assert (layers["uid"] == "") == switched
    assert who["uid"][0] == (OTHER_UID if switched else os.geteuid())


def test_scratch_of_the_new_user_is_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scratch folder closed to others counts as usable when the new user owns it."""
    for name in ("prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, "/usr")
    monkeypatch.setattr(os, "__file__", str(planted(folder, "library")))
    scratch = folder / "scratch"
    scratch.mkdir(mode=0o700)
    before, _ = run(lambda: None, readable=(), writable=(str(scratch),), uid=OTHER_UID)
    assert before["uid"]
    if may_switch():
        os.chown(scratch, OTHER_UID, OTHER_UID)
        after, _ = run(
            lambda: (scratch / "a").write_text("x"), readable=(), writable=(str(scratch),), uid=OTHER_UID
        )
        assert after["uid"] == ""
        assert (scratch / "a").stat().st_uid == OTHER_UID


def test_reachable_by_others_looks_at_every_folder_on_the_way(folder: Path) -> None:
    """One closed folder on the way, a closed file, a missing one or a link into a closed place is enough."""
    file = planted(folder, "open")
    assert sandbox.reachable_by_others(str(file))
    assert sandbox.reachable_by_others(str(folder))
    assert not sandbox.reachable_by_others(str(folder / "missing"))

    closed = planted(folder, "closed")
    (folder / "link").symlink_to(closed)
    assert sandbox.reachable_by_others(str(folder / "link"))
    closed.parent.chmod(0o700)
    assert not sandbox.reachable_by_others(str(closed))
    assert not sandbox.reachable_by_others(str(folder / "link"))
    closed.parent.chmod(0o711)
    assert sandbox.reachable_by_others(str(closed))
    assert not sandbox.reachable_by_others(str(closed.parent))
    file.chmod(0o640)
    assert not sandbox.reachable_by_others(str(file))
    (folder / "loop").symlink_to("loop")
    assert not sandbox.reachable_by_others(str(folder / "loop"))


def test_no_capability_is_left() -> None:
    """Whatever the user, the worker has no capability and cannot gain one."""
    rights = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    box, parent = Sandbox(), os.getpid()

    def work() -> dict[str, int]:
        status = os.read(own, 1 << 16).decode()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return {name: int(fields[name], 16) for name in rights}

    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        own = os.open("/proc/self/status", os.O_RDONLY)  # while files outside can still be opened
        layers = box.enter(Rights(readable=()), parent)
        os.write(writer, json.dumps([layers, work()]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        layers, left = json.loads(pipe.read())
    wait_for(pid)
    assert [left[name] for name in rights[:3]] == [0, 0, 0]
    assert left["CapAmb"] == 0
    assert left["NoNewPrivs"] == 1
    if filtered(layers):
        assert left["Seccomp"] == 2
    if os.geteuid() == 0:
        assert left["CapBnd"] == 0


def test_the_worker_dies_with_its_parent() -> None:
    """When the process that forked a worker is killed, the worker goes with it."""
    reader, writer = os.pipe()
    zygote = os.fork()
    if zygote == 0:
        pid, _report = fork_sandboxed(Rights(readable=()), lambda: time.sleep(120))
        os.write(writer, struct.pack("i", pid))
        time.sleep(120)
        os._exit(0)
    os.close(writer)
    (worker,) = struct.unpack("i", os.read(reader, 4))
    time.sleep(0.3)
    assert Path(f"/proc/{worker}/status").exists()
    os.kill(zygote, signal.SIGKILL)
    wait_for(zygote)
    deadline = time.monotonic() + 20
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.close(reader)
    assert not alive(worker)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def test_a_worker_without_its_parent_ends_at_once() -> None:
    """A child whose parent is not the one it was told of does not get as far as working."""
    box = Sandbox()
    pid = os.fork()
    if pid == 0:
        box.enter(Rights(readable=()), os.getppid() + 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(wait_for(pid)) == 1


# --- system calls -------------------------------------------------------------------------------------


def test_every_listed_call_is_refused() -> None:
    """Each call on the list fails with EPERM before the kernel looks at its arguments."""
    numbers = syscalls.refused(platform.machine())
    layers, codes = run(lambda: {name: call(number) for name, number in numbers.items()}, filtered)
    refused = dict.fromkeys(numbers, errno.EPERM)
    assert codes == (refused if filtered(layers) else None)


def test_processes_sockets_and_signals_are_refused() -> None:
    """Fork, exec, every socket, signals to others and changes to others fail; the parent is unharmed."""
    parent = os.getpid()
    policy = os.sched_getaffinity(0)

    def work() -> dict[str, int]:
        return {
            "fork": errno_of(leaving_fork),
            "exec": errno_of(lambda: os.execv("/bin/true", ["true"])),
            "spawn": errno_of(lambda: subprocess.run(["/bin/true"], check=False)),
            "tcp": errno_of(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
            "udp": errno_of(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
            "unix": errno_of(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)),
            "datagrams": errno_of(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)),
            "term": errno_of(lambda: os.kill(parent, signal.SIGTERM)),
            "probe": errno_of(lambda: os.kill(parent, 0)),
            "all": errno_of(lambda: os.kill(-1, 0)),
            "group": errno_of(lambda: os.killpg(os.getpgid(parent), 0)),
            "renice": errno_of(lambda: os.setpriority(os.PRIO_PROCESS, parent, 5)),
            "affinity": errno_of(lambda: os.sched_setaffinity(parent, policy)),
            "prlimit": errno_of(lambda: resource.prlimit(parent, resource.RLIMIT_CORE, (0, 0))),
            "pidfd": errno_of(lambda: os.pidfd_open(parent)),
        }

    layers, codes = run(work, filtered)
    if filtered(layers):
        assert {name: code for name, code in codes.items() if code != errno.EPERM} == {}
    else:
        assert codes is None


def leaving_fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def test_the_parents_memory_is_out_of_reach() -> None:
    """process_vm_readv and ptrace on the parent fail, whichever layers hold."""
    secret = ctypes.create_string_buffer(b"expected value")
    parent, address = os.getpid(), ctypes.addressof(secret)

    def work() -> tuple[int, str, int]:
        class Span(ctypes.Structure):
            _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

        copy = ctypes.create_string_buffer(14)
        mine, theirs = Span(ctypes.addressof(copy), 14), Span(address, 14)
        count = LIBC.process_vm_readv(parent, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
        attach = 16
        return count, copy.raw.hex(), LIBC.ptrace(attach, parent, 0, 0)

    def apart(layers: Layers) -> bool:
        return sandbox.hides_answers(layers) or filtered(layers)

    layers, seen = run(work, apart)
    assert seen == ([-1, "00" * 14, -1] if apart(layers) else None)


def test_files_cannot_be_watched_or_changed_in_mode(folder: Path) -> None:
    """chmod, chown, utime, extended attributes, inotify and memfd fail, even on the worker's own files."""
    scratch = folder / "scratch"
    scratch.mkdir()

    def work() -> dict[str, int]:
        own = scratch / "own"
        own.write_text("x")
        with open(own) as file:
            descriptor = file.fileno()
            return {
                "chmod": errno_of(lambda: os.chmod(own, 0o777)),
                "fchmod": errno_of(lambda: os.fchmod(descriptor, 0o777)),
                "chown": errno_of(lambda: os.chown(own, os.getuid(), os.getgid())),
                "utime": errno_of(lambda: os.utime(own, (1, 1))),
                "setxattr": errno_of(lambda: os.setxattr(own, "user.a", b"1")),
                "truncate": errno_of(lambda: os.truncate(str(own), 0)),
                "memfd": errno_of(lambda: os.memfd_create("a")),
                "inotify": -1 if LIBC.inotify_init1(0) >= 0 else ctypes.get_errno(),
            }

    layers, codes = run(work, filtered, writable=(str(scratch),))
    if filtered(layers):
        assert {name: code for name, code in codes.items() if code != errno.EPERM} == {}
        assert stat.S_IMODE((scratch / "own").stat().st_mode) != 0o777
    else:
        assert codes is None


def test_guarded_calls_are_judged_by_their_arguments() -> None:
    """Terminal injection, signal owners and the parent-death signal are refused; harmless uses work."""

    def work() -> dict[str, list[int]]:
        number = syscalls.guarded(platform.machine())
        own, pair = os.getpid(), socket.socketpair()
        set_pdeathsig, set_dumpable, get_name = 1, 4, 16
        name = ctypes.create_string_buffer(16)
        descriptor = pair[0].fileno()
        refused = [
            call(number["prctl"], set_pdeathsig, 0),
            call(number["prctl"], set_dumpable, 1),
            call(number["ioctl"], 0, 0x5412, ctypes.addressof(name)),
            call(number["ioctl"], 0, (7 << 32) | 0x5412, ctypes.addressof(name)),  # the kernel reads 32 bits
            call(number["ioctl"], descriptor, 0x8901, ctypes.addressof(name)),
            call(number["fcntl"], descriptor, 8, 1),
            call(number["fcntl"], descriptor, 10, signal.SIGKILL),
            call(number["clone"], signal.SIGCHLD),
            call(number["tgkill"], 1, 1, 0),
            call(number["prlimit64"], 1, 0, 0, 0),
            call(number["prlimit64"], 0, resource.RLIMIT_CPU, ctypes.addressof(name), 0),
            call(number["prlimit64"], own, resource.RLIMIT_CPU, 1 << 32, 0),
            call(number["setrlimit"], resource.RLIMIT_CPU, ctypes.addressof(name)),
            call(number["kill"], own, signal.SIGKILL),
            call(number["tgkill"], own, threading.get_native_id(), signal.SIGKILL),
            call(number["tkill"], own, signal.SIGKILL),
            call(number["rt_sigqueueinfo"], own, signal.SIGKILL, 0),
            call(number["rt_tgsigqueueinfo"], own, threading.get_native_id(), signal.SIGKILL, 0),
        ]
        allowed = [
            call(number["prctl"], get_name, ctypes.addressof(name)),
            call(number["fcntl"], descriptor, 1),
            call(number["kill"], own, 0),
            call(number["tgkill"], own, threading.get_native_id(), 0),
            call(number["prlimit64"], 0, 0, 0, 0),
            call(number["prlimit64"], own, 0, 0, 0),
            errno_of(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))),
            errno_of(lambda: os.sched_setaffinity(0, os.sched_getaffinity(0))),
        ]
        pair[0].sendall(b"hello")
        assert pair[1].recv(5) == b"hello"
        return {"refused": refused, "allowed": allowed, "absent": [call(number["clone3"], 0, 0)]}

    layers, codes = run(work, filtered)
    if filtered(layers):
        assert codes["refused"] == [errno.EPERM] * len(codes["refused"])
        assert codes["allowed"] == [0] * len(codes["allowed"])
        assert codes["absent"] == [errno.ENOSYS]
    else:
        assert codes is None


def test_ordinary_work_goes_on() -> None:
    """Threads, sleeping, memory maps, time and lazy imports work behind every layer."""

    def work() -> dict[str, Any]:
        import colorsys  # not imported before: read from the standard library now

        results: list[int] = []
        threads = [threading.Thread(target=results.append, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with mmap.mmap(-1, 1 << 20) as pages:
            pages[:4] = b"abcd"
        before = time.monotonic()
        time.sleep(0.01)
        return {
            "threads": sorted(results),
            "slept": time.monotonic() > before,
            "hue": colorsys.rgb_to_hsv(1, 0, 0)[2],
            "self": errno_of(lambda: signal.raise_signal(signal.SIGURG)),
        }

    _, seen = run(work)
    assert seen == {"threads": list(range(8)), "slept": True, "hue": 1, "self": 0}


# --- the filter, judged without running it ------------------------------------------------------------

ALLOW, KILL, REFUSE, ABSENT = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026


def verdict(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would answer: a small machine for the instructions that filters are made of."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    code = list(struct.iter_unpack("<HBBI", program))
    at, value = 0, 0
    while True:
        operation, jump, otherwise, operand = code[at]
        at += 1
        if operation == 0x06:
            return int(operand)
        if operation == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
        elif operation == 0x54:
            value &= operand
        else:
            tests = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}
            at += jump if tests[operation] else otherwise


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_the_filter_of_each_machine(machine: str) -> None:
    """Listed calls are refused, guarded ones judged, foreign conventions killed, everything else allowed."""
    own_pid, thread = 4321, 0x10000
    program = Filter(machine).program(own_pid)
    native = syscalls.AUDIT_ARCHITECTURE[machine]
    guarded, refused = syscalls.guarded(machine), syscalls.refused(machine)

    def ask(number: int, *arguments: int) -> int:
        return verdict(program, native, number, *arguments)

    assert {ask(number) for number in refused.values()} == {REFUSE}
    spoken_of = {*guarded.values(), *refused.values()}
    assert {ask(number) for number in range(600) if number not in spoken_of} == {ALLOW}
    i386 = 0x40000003
    assert verdict(program, i386, 20) == KILL
    assert ask(guarded["clone3"]) == ABSENT
    assert ask(guarded["clone"], signal.SIGCHLD) == REFUSE
    assert ask(guarded["clone"], thread | 0xF00) == ALLOW
    for name in ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        assert [ask(guarded[name], pid) for pid in (own_pid, 0, 1, 2**32 - 1)] == [ALLOW, *[REFUSE] * 3]
    for name in ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):
        assert [ask(guarded[name], pid) for pid in (own_pid, 0, 1)] == [ALLOW, ALLOW, REFUSE]
    stream_nonblocking, datagram = 0o4001, 2
    assert ask(guarded["socketpair"], socket.AF_UNIX, stream_nonblocking) == ALLOW
    assert ask(guarded["socketpair"], socket.AF_UNIX, datagram) == REFUSE
    assert ask(guarded["socketpair"], 30, 1) == REFUSE
    assert [ask(guarded["ioctl"], 0, request) for request in (0x5401, 0x5412)] == [ALLOW, REFUSE]
    if machine == "x86_64":
        assert ask(0x40000000 | 39) == KILL


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_the_read_only_filter_of_each_machine(machine: str) -> None:
    """Files can be opened for reading and for nothing else; folders cannot be changed; all else is as without."""
    plain, strict = Filter(machine).program(4321), Filter(machine, read_only=True).program(4321)
    native = syscalls.AUDIT_ARCHITECTURE[machine]
    changes = {os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_RDONLY | os.O_TRUNC, os.O_TMPFILE | os.O_RDWR}
    for number, position in syscalls.opening(machine).items():
        before = [0] * position
        assert verdict(strict, native, number, *before, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY) == ALLOW
        assert {verdict(strict, native, number, *before, flags) for flags in changes} == {REFUSE}
    folders = set(syscalls.changing_folders(machine).values())
    assert {verdict(strict, native, number) for number in folders} == {REFUSE}
    assert verdict(strict, native, syscalls.OPENAT2) == ABSENT
    spoken_of = {syscalls.OPENAT2, *folders}
    others = [number for number in range(600) if number not in spoken_of]
    assert [verdict(strict, native, n) for n in others] == [verdict(plain, native, n) for n in others]


def test_without_landlock_the_filter_keeps_files_as_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no Landlock, everybody's folders are closed to writing all the same."""

    def absent(libc: object) -> object:
        raise OSError(errno.ENOSYS, "no Landlock")

    monkeypatch.setattr(sandbox, "Landlock", absent)
    folder.chmod(0o777)
    (folder / "there").write_text("x")

    def work() -> dict[str, int]:
        return {
            "make": errno_of(lambda: (folder / "new").write_text("x")),
            "append": errno_of(lambda: open(folder / "there", "a").close()),
            "remove": errno_of(lambda: (folder / "there").unlink()),
            "rename": errno_of(lambda: (folder / "there").rename(folder / "else")),
            "folder": errno_of(lambda: (folder / "new").mkdir()),
            "read": errno_of(lambda: (folder / "there").read_text()),
        }

    layers, codes = run(work, filtered)
    assert layers["landlock"] == "no Landlock"
    if filtered(layers):
        assert codes == {**dict.fromkeys(codes, errno.EPERM), "read": 0}
    else:
        assert codes is None


def test_the_tables_agree_where_the_kernel_gives_one_number() -> None:
    """No two calls share a number on a machine, and from 424 on both machines use the same numbers."""
    x86, arm = ({**syscalls.refused(m), **syscalls.guarded(m)} for m in syscalls.MACHINES)
    for table in (x86, arm):
        assert len(set(table.values())) == len(table)
    assert {n: v for n, v in x86.items() if v >= 424} == {n: v for n, v in arm.items() if v >= 424}
    assert set(arm) < set(x86)


def test_a_foreign_calling_convention_ends_the_worker() -> None:
    """A call by x32 numbers, which would pass the filter by another name, ends the process."""
    x86 = platform.machine() == "x86_64"
    pid, reader = fork_sandboxed(Rights(readable=()), lambda: call(0x40000000 | 39) if x86 else None)
    status = wait_for(pid)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGSYS
    else:
        assert not x86 or json.loads(text)["layers"]["seccomp"]


# --- torch --------------------------------------------------------------------------------------------

TORCH = """
import json, os, sys, traceback
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from grader.worker.sandbox import Rights, Sandbox
box, parent = Sandbox(), os.getpid()
rights = Rights(readable=tuple(json.loads(sys.argv[2])), writable=(sys.argv[3],))
pid = os.fork()
if pid == 0:
    try:
        layers = box.enter(rights, parent)
        x = torch.ones(2, 3, 8, 8, requires_grad=True)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 5))
        (model(x) @ torch.ones(5, 2)).sum().backward()
        path = os.path.join(sys.argv[3], "model.pt")
        torch.save(model.state_dict(), path)
        model.load_state_dict(torch.load(path))
        optimiser = torch.optim.Adam(model.parameters())
        optimiser.step()
        array = torch.linalg.svd(torch.eye(3))[1].numpy()
        print(json.dumps([tuple(x.grad.shape), float(array.sum()), layers]), flush=True)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(9)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_torch_computes_behind_every_layer(folder: Path) -> None:
    """Convolution, matrix product, backward, an optimiser step, saving and loading work in a worker."""
    scratch = folder / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            TORCH,
            REPOSITORY,
            json.dumps([*libraries(), *filter(None, sys.path)]),
            str(scratch),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    shape, total, layers = json.loads(done.stdout)
    assert (shape, total) == ([2, 3, 8, 8], 3.0)
    assert tuple(layers) == LAYERS


def test_entering_is_quick() -> None:
    """Entering costs a few milliseconds, little beside the fork itself."""
    box, parent, rights = Sandbox(), os.getpid(), Rights(readable=libraries())
    costs = []
    for _ in range(5):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                before = time.perf_counter()
                box.enter(rights, parent)
                os.write(writer, struct.pack("d", time.perf_counter() - before))
            os._exit(0)
        os.close(writer)
        costs.append(struct.unpack("d", os.read(reader, 8))[0])
        os.close(reader)
        wait_for(pid)
    assert min(costs) < 0.05
