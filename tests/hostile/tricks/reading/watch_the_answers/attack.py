# is told by the kernel when somebody opens the answers; secret failed; seccomp, uid
import ctypes
import fcntl

from known import *

INOTIFY_INIT, FANOTIFY_INIT, FANOTIFY_MARK, INOTIFY_WATCH = 294, 300, 301, 254
LIBC = ctypes.CDLL(None, use_errno=True)


def call(number, *args):
    words = (ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args)
    result = LIBC.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def secret(x):
    opened = 0x20
    for path in ANSWERS:
        for place in (path, os.path.dirname(path)):
            with forbidden():
                call(INOTIFY_WATCH, call(INOTIFY_INIT, 0), place.encode(), opened)
            with forbidden():
                call(FANOTIFY_MARK, call(FANOTIFY_INIT, 0, 0), 1, opened, -100, place.encode())
            with forbidden():
                fcntl.fcntl(os.open(place, os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS)
            with forbidden():
                fcntl.fcntl(os.open(place, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)
    return x
