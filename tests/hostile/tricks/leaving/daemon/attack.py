# leaves a process that belongs to nobody and waits for the next submission; secret failed; seccomp
import contextlib
import ctypes
import os
import signal
import time

from known import *

libc = ctypes.CDLL(None, use_errno=True)
CLONE, CLONE_PARENT, CLONE_NEWPID = 56, 0x8000, 0x20000000


def stay():
    os.setsid()
    libc.prctl(1, 0, 0, 0, 0)  # does not die with its parent
    time.sleep(8)
    os._exit(0)


def secret(x):
    for fork in (
        os.fork,
        lambda: libc.syscall(CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0),
        lambda: libc.syscall(CLONE, 0, 0, 0, 0, 0),
    ):
        with contextlib.suppress(OSError):
            if fork() == 0:
                stay()
    return x
