# asks the zygote to trace it, whose waiting for the end would then be disturbed; secret failed; seccomp
import ctypes

from known import *

PTRACE, TRACEME = 101, 0


def secret(x):
    if ctypes.CDLL(None).syscall(PTRACE, TRACEME, 0, 0, 0) == 0:
        breach()
    return x
