# makes System V segments, which no limit of the process counts once detached; secret failed; seccomp
import ctypes

from known import *

libc = ctypes.CDLL(None, use_errno=True)
IPC_PRIVATE, IPC_CREAT = 0, 0o1000


def secret(x):
    for _ in range(8):
        if libc.shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0o600) >= 0:
            breach()
    if libc.syscall(29, 7, 4096, IPC_CREAT | 0o600) >= 0:
        breach()
    return x
