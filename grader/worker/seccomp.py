"""The worker's system call filter: a classic BPF program that refuses what numeric code never needs.

A deny-list, because torch and the C library use far too many calls to list, and differ by version. A
refused call fails with EPERM, so that the student's code sees an ordinary error; a call made by another
calling convention (i386, x32), whose numbers mean something else, ends the process.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Sequence

from grader.worker import syscalls

_Instruction = tuple[int, int, int, int]  # operation, jump if true, jump if false, operand

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45

_ALLOW: _Instruction = (_RETURN, 0, 0, 0x7FFF0000)
_KILL: _Instruction = (_RETURN, 0, 0, 0x80000000)
_REFUSE: _Instruction = (_RETURN, 0, 0, 0x00050000 | errno.EPERM)
# The C library answers ENOSYS (38 on Linux), and only that, by falling back to `clone`, whose flags a
# filter can read.
_ABSENT: _Instruction = (_RETURN, 0, 0, 0x00050000 | 38)

_SIGKILL, _RLIMIT_CPU = 9, 0
_OWN_PID = -1  # stands for the worker's pid until the fork has given it one
_X32 = 0x40000000
_O_CHANGES = 0o3 | 0o100 | 0o1000 | 0o20000000  # O_WRONLY and O_RDWR, O_CREAT, O_TRUNC, the bit of O_TMPFILE
_CLONE_THREAD = 0x00010000
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPES = 1, 1, 0xF

_PRCTL_REFUSED = (
    1,  # PR_SET_PDEATHSIG: would outlive the zygote
    4,  # PR_SET_DUMPABLE
    28,  # PR_SET_SECUREBITS
    35,  # PR_SET_MM
    36,  # PR_SET_CHILD_SUBREAPER
    47,  # PR_CAP_AMBIENT
    62,  # PR_SCHED_CORE: reaches other processes
    0x59616D61,  # PR_SET_PTRACER
)
_IOCTL_REFUSED = (
    0x540E,  # TIOCSCTTY
    0x5412,  # TIOCSTI: types into the terminal
    0x541C,  # TIOCLINUX
    0x5423,  # TIOCSETD
    0x8901,  # FIOSETOWN: signals to any process of the same user, as F_SETOWN
    0x8902,  # SIOCSPGRP, the same
    0x40086602,  # FS_IOC_SETFLAGS
    0x401C5820,  # FS_IOC_FSSETXATTR
)
_FCNTL_REFUSED = (
    8,  # F_SETOWN: with F_SETSIG, any signal to any process of the same user
    10,  # F_SETSIG
    15,  # F_SETOWN_EX
    1024,  # F_SETLEASE: makes the next opener of the file wait
    1026,  # F_NOTIFY: watches a folder
)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


class Filter:
    """The filter for one machine, assembled ahead of the fork; only the pid is filled in later.

    machine: one of `syscalls.MACHINES`.
    read_only: also refuse to make, change or remove any file, /dev/null included.
    """

    def __init__(self, machine: str, *, read_only: bool = False) -> None:
        instructions = _assemble(machine, read_only)
        self._code = bytearray()
        self._pid_at: list[int] = []  # byte offsets of operands that are the worker's pid
        for operation, jump, otherwise, operand in instructions:
            if operand == _OWN_PID:
                self._pid_at.append(len(self._code) + 4)
                operand = 0
            self._code += struct.pack("<HBBI", operation, jump, otherwise, operand)

    def program(self, pid: int) -> bytes:
        """The finished program, 8 bytes (`struct sock_filter`) an instruction, for the process `pid`."""
        code = bytearray(self._code)
        for offset in self._pid_at:
            struct.pack_into("<I", code, offset, pid)
        return bytes(code)

    def install(self, libc: ctypes.CDLL, pid: int) -> None:
        """Put the calling thread, whose process is `pid`, behind the filter for good.

        Needs no_new_privs. Raises OSError when the kernel has no filters or refuses.
        """
        code = self.program(pid)
        buffer = ctypes.create_string_buffer(code, len(code))
        program = _Program(len(code) // 8, ctypes.addressof(buffer))
        set_seccomp, mode_filter = 22, 2
        if libc.prctl(set_seccomp, mode_filter, ctypes.addressof(program), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the kernel takes no system call filter")


def _assemble(machine: str, read_only: bool) -> list[_Instruction]:
    program: list[_Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, syscalls.AUDIT_ARCHITECTURE[machine]),
        _KILL,
        (_LOAD, 0, 0, 0),
    ]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), _KILL]
    for number in syscalls.refused(machine).values():
        program += [(_EQUAL, 0, 1, number), _REFUSE]
    rules = _rules()
    for name, number in syscalls.guarded(machine).items():
        program += [(_EQUAL, 0, len(rules[name]), number), *rules[name]]
    return [*program, *(_writing(machine) if read_only else ()), _ALLOW]


def _writing(machine: str) -> list[_Instruction]:
    """Refuse what changes files. The last rules of a program: they leave an argument where the number was."""
    program: list[_Instruction] = [(_EQUAL, 0, 1, syscalls.OPENAT2), _ABSENT]
    for number in syscalls.changing_folders(machine).values():
        program += [(_EQUAL, 0, 1, number), _REFUSE]
    for number, flags in syscalls.opening(machine).items():
        program += [(_EQUAL, 0, 4, number), _argument(flags), (_ANY_BIT, 0, 1, _O_CHANGES), _REFUSE, _ALLOW]
    return program


def _rules() -> dict[str, list[_Instruction]]:
    """Name of a guarded call -> instructions, each ending in a verdict.

    A worker must not be able to kill itself by SIGKILL, by a limit on its processor time either: from this
    signal the parent concludes that somebody else did it.
    """
    to_self = _look_up(0, [_OWN_PID], found=_ALLOW, otherwise=_REFUSE)
    on_self = _look_up(0, [0, _OWN_PID], found=_ALLOW, otherwise=_REFUSE)
    return {
        "clone": [_argument(0), (_ANY_BIT, 1, 0, _CLONE_THREAD), _REFUSE, _ALLOW],
        "clone3": [_ABSENT],
        # Streams only: a datagram socket of a pair can still send to an address.
        "socketpair": [
            _argument(0),
            (_EQUAL, 1, 0, _AF_UNIX),
            _REFUSE,
            _argument(1),
            (_AND, 0, 0, _SOCK_TYPES),
            (_EQUAL, 1, 0, _SOCK_STREAM),
            _REFUSE,
            _ALLOW,
        ],
        **{name: [*_unless(1, _SIGKILL), *to_self] for name in ("kill", "tkill", "rt_sigqueueinfo")},
        **{name: [*_unless(2, _SIGKILL), *to_self] for name in ("tgkill", "rt_tgsigqueueinfo")},
        "setrlimit": [*_unless(0, _RLIMIT_CPU), _ALLOW],
        "prlimit64": [
            _argument(1),
            (_EQUAL, 0, 5, _RLIMIT_CPU),
            _argument(2),  # where the new limit lies, 64 bits wide; nowhere, when one only asks
            (_EQUAL, 0, 2, 0),
            _argument(2, upper=True),
            (_EQUAL, 1, 0, 0),
            _REFUSE,
            *on_self,
        ],
        "sched_setaffinity": on_self,
        "sched_setscheduler": on_self,
        "sched_setparam": on_self,
        "sched_setattr": on_self,
        "prctl": _look_up(0, _PRCTL_REFUSED, found=_REFUSE, otherwise=_ALLOW),
        "ioctl": _look_up(1, _IOCTL_REFUSED, found=_REFUSE, otherwise=_ALLOW),
        "fcntl": _look_up(1, _FCNTL_REFUSED, found=_REFUSE, otherwise=_ALLOW),
    }


def _argument(position: int, *, upper: bool = False) -> _Instruction:
    """Load half of an argument. The lower one is all of it where it is 32 bits wide to the kernel too."""
    return (_LOAD, 0, 0, 16 + 8 * position + 4 * upper)


def _unless(position: int, value: int) -> list[_Instruction]:
    """Refuse when the argument is `value`, else go on."""
    return [_argument(position), (_EQUAL, 0, 1, value), _REFUSE]


def _look_up(
    position: int, values: Sequence[int], *, found: _Instruction, otherwise: _Instruction
) -> list[_Instruction]:
    """Answer `found` when the argument is one of `values`."""
    tests = [(_EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
    return [_argument(position), *tests, otherwise, found]
