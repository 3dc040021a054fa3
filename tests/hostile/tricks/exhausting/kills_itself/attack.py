# kills its own process, as the kernel does when there is no memory; secret failed; seccomp
import contextlib
import ctypes
import os
import signal
import struct
import threading

from known import *

libc = ctypes.CDLL(None, use_errno=True)
KILL, TKILL, TGKILL, SIGQUEUE, TGSIGQUEUE = 62, 200, 234, 129, 297


def secret(x):
    pid, thread, kill = os.getpid(), threading.get_native_id(), int(signal.SIGKILL)
    info = struct.pack("3i", kill, 0, -1).ljust(128, b"\0")
    with contextlib.suppress(OSError):
        os.kill(pid, kill)
    with contextlib.suppress(OSError):
        signal.pthread_kill(threading.get_ident(), kill)
    libc.syscall(KILL, pid, kill)
    libc.syscall(TKILL, thread, kill)
    libc.syscall(TGKILL, pid, thread, kill)
    libc.syscall(SIGQUEUE, pid, kill, info)
    libc.syscall(TGSIGQUEUE, pid, thread, kill, info)
    for nobody in (0, -pid):
        libc.syscall(KILL, nobody, kill)
    return x
