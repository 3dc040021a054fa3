# attaches to the grader and the zygote as a debugger does, and writes into them; secret failed; seccomp, uid, landlock
import ctypes
import os

from known import *

libc = ctypes.CDLL(None, use_errno=True)
PTRACE, READV, WRITEV, KCMP = 101, 310, 311, 312
SEIZE, ATTACH, INTERRUPT = 0x4206, 16, 0x4207


def secret(x):
    word = ctypes.create_string_buffer(8)
    here = (ctypes.c_uint64 * 2)(ctypes.addressof(word), 8)
    there = (ctypes.c_uint64 * 2)(id(None), 8)  # at the same address in the zygote
    for pid in (os.getppid(), GRADER):
        for call in (
            (PTRACE, SEIZE, pid, 0, 0),
            (PTRACE, INTERRUPT, pid, 0, 0),
            (READV, pid, here, 1, there, 1, 0),
            (WRITEV, pid, here, 1, there, 1, 0),
            (KCMP, pid, os.getpid(), 1, 0, 0),
            (PTRACE, ATTACH, pid, 0, 0),
        ):
            if libc.syscall(*call) >= 0:
                breach()
    return x
