# sets timers that are to signal the grader and the zygote; secret failed; process, seccomp
import ctypes
import os
import signal
import struct
import time

from known import *

libc = ctypes.CDLL(None, use_errno=True)
TIMER_CREATE, SIGEV_THREAD_ID = 222, 4


def secret(x):
    for pid in (GRADER, os.getppid()):
        event = struct.pack("P3i", 0, signal.SIGTERM, SIGEV_THREAD_ID, pid).ljust(64, b"\0")
        if libc.syscall(TIMER_CREATE, time.CLOCK_MONOTONIC, event, ctypes.byref(ctypes.c_int())) >= 0:
            breach()
    return x
