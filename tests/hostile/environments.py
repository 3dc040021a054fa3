"""Makes the environments in which hostile code is graded, and runs a command in one of them.

    python environments.py NAME COMMAND…       started as root

Each takes away what its original lacks: users, capabilities, system calls. What cannot be made on a machine (an
ordinary user cannot become root) is said by `missing`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from grader.paths import ROOT
from grader.worker import syscalls

LIBC = ctypes.CDLL(None, use_errno=True)
USER = 54_321
NEEDED = [place for place in (Path(sys.base_prefix), Path(sys.prefix), ROOT) if ROOT not in place.parents]

# The capabilities that Docker leaves to root: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
# net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
DOCKER = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
# What its default system call profile refuses to a container without further capabilities.
DOCKER_REFUSED = (
    "unshare", "setns", "mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount",
    "fspick", "mount_setattr", "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd",
    "io_uring_setup", "io_uring_enter", "io_uring_register", "open_by_handle_at", "lookup_dcookie", "quotactl",
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff",
    "settimeofday", "clock_settime", "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm", "acct", "syslog",
    "vhangup", "kcmp", "process_madvise", "fanotify_init", "move_pages",
)  # fmt: skip
LANDLOCK = (444, 445, 446)  # the same on every machine
NEW_NAMESPACES = 0x7E020000  # the flags of clone and unshare that make any namespace
NEW_USER = 0x10000000
SET_SECCOMP, SECCOMP = 22, {"x86_64": 317, "aarch64": 277}  # prctl's option, and the call of that name


class Environment(NamedTuple):
    name: str
    title: str
    enter: Callable[[], None]
    grades: bool = True  # False: grading must refuse
    emulated: bool = True  # by taking rights from root
    uid: int = 0


# --- filters ------------------------------------------------------------------------------------------

Instruction = tuple[int, int, int, int]
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW: Instruction = (RETURN, 0, 0, 0x7FFF0000)


def answer(code: int) -> Instruction:
    return (RETURN, 0, 0, 0x00050000 | code)


def when(number: int, *rest: Instruction) -> list[Instruction]:
    return [(EQUAL, 0, len(rest), number), *rest]


def argument(position: int) -> Instruction:
    return (LOAD, 0, 0, 16 + 8 * position)


def deny(rules: list[Instruction]) -> None:
    """Puts this process and all that it starts behind a filter: `rules`, and everything else allowed."""
    program = [(LOAD, 0, 0, 0), *rules, ALLOW]
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    if LIBC.prctl(SET_SECCOMP, 2, filter_, 0, 0):
        raise OSError(ctypes.get_errno(), "no filter")


def refusing_namespaces(flags: int) -> list[Instruction]:
    """clone and unshare with any of `flags` fail; clone3, whose flags no filter can read, is absent."""
    number = {**syscalls.refused(platform.machine()), **syscalls.guarded(platform.machine())}
    refuse = (argument(0), (ANY_BIT, 0, 1, flags), answer(errno.EPERM), ALLOW)
    return [
        *when(number["clone"], *refuse),
        *when(number["unshare"], *refuse),
        *when(number["clone3"], answer(errno.ENOSYS)),
    ]


# --- environments -------------------------------------------------------------------------------------


def as_it_is() -> None:
    pass


def docker() -> None:
    numbers = syscalls.refused(platform.machine())
    refused = [numbers[name] for name in DOCKER_REFUSED if name in numbers]
    deny([
        *(instruction for number in refused for instruction in when(number, answer(errno.EPERM))),
        *refusing_namespaces(NEW_NAMESPACES),
    ])  # fmt: skip
    keep_capabilities(DOCKER)


def keep_capabilities(kept: tuple[int, ...]) -> None:
    drop_from_bounding_set = 24
    for capability in range(64):
        if capability not in kept:
            LIBC.prctl(drop_from_bounding_set, capability, 0, 0, 0)
    low = sum(1 << capability for capability in kept if capability < 32)
    sets = struct.pack("=6I", low, low, 0, 0, 0, 0)  # effective, permitted, inheritable; then the upper halves
    if LIBC.capset(struct.pack("=Ii", 0x20080522, 0), sets):
        raise OSError(ctypes.get_errno(), "capset")


def user() -> None:
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    os.environ["HOME"] = "/"


def without_landlock() -> None:
    deny([instruction for number in LANDLOCK for instruction in when(number, answer(errno.ENOSYS))])


def without_seccomp() -> None:
    machine = platform.machine()
    prctl = syscalls.guarded(machine)["prctl"]
    deny([
        *when(SECCOMP[machine], answer(errno.ENOSYS)),
        *when(prctl, argument(0), (EQUAL, 0, 1, SET_SECCOMP), answer(errno.EINVAL), ALLOW),
    ])  # fmt: skip


def without_user_namespaces() -> None:
    deny(refusing_namespaces(NEW_USER))


def then(*steps: Callable[[], None]) -> Callable[[], None]:
    def enter() -> None:
        for step in steps:
            step()

    return enter


ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        Environment("here", "this machine and user, as they are", as_it_is, emulated=False),
        Environment("root", "root, every layer", as_it_is),
        Environment("docker", "root with Docker's default capabilities and system calls", docker),
        Environment("user", "an ordinary user", user, uid=USER),
        Environment(
            "user-no-userns", "an ordinary user, no user namespaces", then(without_user_namespaces, user), uid=USER
        ),
        Environment("root-no-landlock", "root, Landlock switched off", without_landlock),
        Environment(
            "user-no-landlock", "an ordinary user, Landlock off", then(without_landlock, user), grades=False, uid=USER
        ),
        Environment(
            "user-no-seccomp", "an ordinary user, no filters", then(without_seccomp, user), grades=False, uid=USER
        ),
    )
}


def missing(environment: Environment) -> str:
    """Why an environment cannot be made here; empty when it can."""
    if not environment.emulated:
        return ""
    if os.geteuid() != 0:
        return "this needs root"
    return "" if not closed_folders() or may_mount() else "only root may look where Python or this repository lies"


def closed_folders() -> list[Path]:
    """Folders on the way to the interpreter and to this repository into which only their owner may go."""
    on_the_way = {folder for place in NEEDED for folder in (place, *place.parents)}
    found = sorted(folder for folder in on_the_way if not folder.stat().st_mode & 1)
    return [folder for folder in found if not any(other in folder.parents for other in found)]


def may_mount() -> bool:
    effective = int(Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0], 16)
    return bool(effective >> 21 & 1)


def open_closed_folders() -> None:
    """In a mount namespace of its own, lets everybody reach what is needed: an empty folder that may be entered takes
    the place of a closed one, with nothing in it but that."""
    closed = closed_folders()
    if not closed:
        return
    new_mounts, private, bind = 0x00020000, 0x44000, 0x1000
    call("unshare", LIBC.unshare(new_mounts))
    mount(None, "/", None, private)
    for folder in closed:
        inside = [place for place in NEEDED if folder in (place, *place.parents)]
        aside = {place: tempfile.mkdtemp() for place in inside}
        for place, at in aside.items():
            mount(str(place), at, None, bind)
        mount("none", str(folder), "tmpfs", 0)
        folder.chmod(0o755)
        for place, at in aside.items():
            place.mkdir(parents=True, exist_ok=True)
            mount(at, str(place), None, bind)
            call("umount", LIBC.umount2(at.encode(), 2))
            os.rmdir(at)


def mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    encoded = [text.encode() if text is not None else None for text in (source, target, kind)]
    call("mount", LIBC.mount(*encoded, ctypes.c_ulong(flags), None))


def call(name: str, result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), name)


def main(name: str, command: list[str]) -> None:
    environment = ENVIRONMENTS[name]
    if environment.emulated:
        open_closed_folders()
    environment.enter()
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
