# multiplies itself by every call that makes a process; secret failed; seccomp
import ctypes
import multiprocessing
import os
import pty
import signal
import subprocess
import sys

import torch

from known import *

libc = ctypes.CDLL(None, use_errno=True)
FORK, VFORK, CLONE, CLONE3 = 57, 58, 56, 435
CLONE_VM, CLONE_PARENT, CLONE_VFORK, CLONE_NEWUSER = 0x100, 0x8000, 0x4000, 0x10000000


def secret(x):
    for _ in range(300):
        with forbidden():
            os.fork()
    for way in (os.forkpty, pty.fork, lambda: os.posix_spawn("/bin/true", ["true"], {})):
        with forbidden():
            way()
    with forbidden():
        subprocess.run([sys.executable, "-c", ""])
    for method in ("fork", "spawn", "forkserver"):
        with forbidden(ImportError):
            multiprocessing.get_context(method).Process(target=breach).start()
    with forbidden(RuntimeError, ImportError):
        list(torch.utils.data.DataLoader([1, 2, 3], num_workers=2))
    if os.system("true") == 0:
        breach()
    for flags in (signal.SIGCHLD, CLONE_VM | CLONE_VFORK, CLONE_PARENT, CLONE_NEWUSER, 0):
        if libc.syscall(CLONE, ctypes.c_long(flags), 0, 0, 0, 0) >= 0:
            breach()
    arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, signal.SIGCHLD)
    if libc.syscall(CLONE3, arguments, ctypes.sizeof(arguments)) >= 0 or libc.syscall(FORK) >= 0:
        breach()
    if libc.syscall(VFORK) >= 0:
        breach()
    return x
