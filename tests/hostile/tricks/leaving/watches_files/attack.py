# watches the grader's folders; secret failed; seccomp
import ctypes
import fcntl
import os

from known import *

libc = ctypes.CDLL(None, use_errno=True)
FANOTIFY_INIT, INOTIFY_INIT, INOTIFY_ADD_WATCH = 300, 253, 254


def secret(x):
    for call in ((FANOTIFY_INIT, 0x200, 0), (INOTIFY_INIT,)):
        if libc.syscall(*call) >= 0:
            breach()
    if libc.inotify_init1(0) >= 0:
        breach()
    for descriptor in range(8):
        if libc.syscall(INOTIFY_ADD_WATCH, descriptor, ROOT.encode(), 0xFFF) >= 0:
            breach()
    folder = os.open(".", os.O_RDONLY)
    with forbidden():
        fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_MODIFY | fcntl.DN_MULTISHOT)
    return x
