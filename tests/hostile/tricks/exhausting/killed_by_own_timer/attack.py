# has a timer of the kernel's kill it, as if from outside; secret failed; seccomp
import ctypes
import signal
import struct
import time

from known import *

libc = ctypes.CDLL(None, use_errno=True)
TIMER_CREATE, TIMER_SETTIME = 222, 223
SIGEV_SIGNAL = 0


def secret(x):
    event = struct.pack("Pii", 0, signal.SIGKILL, SIGEV_SIGNAL).ljust(64, b"\0")
    timer = ctypes.c_int()
    if libc.syscall(TIMER_CREATE, time.CLOCK_MONOTONIC, event, ctypes.byref(timer)) >= 0:
        libc.syscall(TIMER_SETTIME, timer, 0, struct.pack("4q", 0, 0, 0, 10**6), None)
        time.sleep(0.3)
    return x
