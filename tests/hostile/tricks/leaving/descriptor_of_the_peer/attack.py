# gets a handle of the grader's process from the socket between them, and uses it; secret failed; seccomp, uid, landlock
import ctypes
import os
import signal
import socket

from known import *

libc = ctypes.CDLL(None, use_errno=True)
PIDFD_SEND_SIGNAL, PIDFD_GETFD, PROCESS_MADVISE, PROCESS_MRELEASE, SETNS = 424, 438, 440, 448, 308
SO_PEERPIDFD, MADV_COLD, NEWIPC_AND_NET = 77, 20, 0x48000000


def secret(x):
    peer = socket.socket(fileno=os.dup(3))
    try:
        pidfd = peer.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
    except OSError:
        return x
    for call in (
        (PIDFD_SEND_SIGNAL, pidfd, signal.SIGTERM, None, 0),
        (PIDFD_SEND_SIGNAL, pidfd, signal.SIGTERM, None, 4),  # to its group
        (PIDFD_GETFD, pidfd, 1, 0),
        (PROCESS_MADVISE, pidfd, (ctypes.c_uint64 * 2)(0x10000, 4096), 1, MADV_COLD, 0),
        (PROCESS_MRELEASE, pidfd, 0),
        (SETNS, pidfd, NEWIPC_AND_NET),
    ):
        if libc.syscall(*call) >= 0:
            breach()
    return x
