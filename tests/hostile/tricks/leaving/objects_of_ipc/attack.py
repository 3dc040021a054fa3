# leaves System V objects and message queues behind; secret failed; seccomp, namespaces
import ctypes
import os

from known import *

libc = ctypes.CDLL(None, use_errno=True)
CREATE, MQ_OPEN = 0o1000 | 0o666, 240


def secret(x):
    for key in (0, 0x7121C):
        libc.shmget(key, 4096, CREATE)
        libc.semget(key, 1, CREATE)
        libc.msgget(key, CREATE)
    libc.syscall(MQ_OPEN, MARK.encode(), os.O_CREAT | os.O_RDWR, 0o666, None)
    return x
