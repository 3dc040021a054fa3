# changes what is mounted, with arguments that would do no harm; secret failed; seccomp, capabilities, uid
import ctypes
import errno
import os

from known import *

libc = ctypes.CDLL(None, use_errno=True)
MOUNT, UMOUNT, PIVOT_ROOT, CHROOT, FSOPEN, FSMOUNT, MOVE_MOUNT = 165, 166, 155, 161, 430, 432, 429
OPEN_TREE, OPEN_TREE_CLONE, AT_FDCWD = 428, 1, -100


def secret(x):
    here = os.getcwd().encode()
    for call in (
        (MOUNT, b"none", here, MARK.encode(), 0, None),
        (UMOUNT, here, 0),
        (PIVOT_ROOT, here, here),
        (CHROOT, here),
        (FSOPEN, MARK.encode(), 0),
        (FSMOUNT, -1, 0, 0),
        (MOVE_MOUNT, -1, b"", -1, b"", 0),
        (OPEN_TREE, AT_FDCWD, here, OPEN_TREE_CLONE),
    ):
        if libc.syscall(*call) >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            breach()  # it got as far as its arguments
    return x
