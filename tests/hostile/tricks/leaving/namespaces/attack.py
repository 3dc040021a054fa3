# makes or enters namespaces, in which it would have rights; secret failed; seccomp
import ctypes
import os

from known import *

libc = ctypes.CDLL(None, use_errno=True)
UNSHARE, SETNS, CLONE = 272, 308, 56
FLAGS = {
    "user": 0x10000000, "mnt": 0x20000, "pid": 0x20000000, "net": 0x40000000, "ipc": 0x08000000, "uts": 0x04000000,
    "cgroup": 0x02000000, "time": 0x80,
}  # fmt: skip


def secret(x):
    for name, flag in FLAGS.items():
        for flags in (flag, flag | FLAGS["user"]):
            if libc.syscall(UNSHARE, ctypes.c_long(flags)) == 0 or libc.syscall(CLONE, ctypes.c_long(flags), 0, 0) >= 0:
                breach()
        for pid in ("self", os.getppid(), GRADER):
            with forbidden():
                if libc.syscall(SETNS, os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), 0) == 0:
                    breach()
                raise OSError
    return x
