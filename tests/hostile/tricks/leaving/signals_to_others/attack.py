# sends polite signals to the grader, the zygote and their threads; secret failed; seccomp, uid, landlock
import ctypes
import os
import signal
import struct

from known import *

libc = ctypes.CDLL(None, use_errno=True)
TKILL, TGKILL, SIGQUEUE, TGSIGQUEUE, PIDFD_OPEN, PIDFD_SEND_SIGNAL = 200, 234, 129, 297, 434, 424
SIGNALS = (0, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGXCPU)


def secret(x):
    for pid in (GRADER, os.getppid()):
        pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
        for number in (*SIGNALS, signal.SIGCONT) if pid == GRADER else SIGNALS:
            info = struct.pack("3i", number, 0, -1).ljust(128, b"\0")
            with forbidden():
                os.kill(pid, number)
            for call in (
                (TKILL, pid, number),
                (TGKILL, pid, pid, number),
                (TGKILL, -1, pid, number),
                (SIGQUEUE, pid, number, info),
                (TGSIGQUEUE, pid, pid, number, info),
                (PIDFD_SEND_SIGNAL, pidfd, number, None, 0),
            ):
                if libc.syscall(*call) >= 0:
                    breach()
    return x
