# keeps memory in files without a name, of which only a page is ever mapped; secret failed; seccomp
import ctypes
import os

from known import *

libc = ctypes.CDLL(None, use_errno=True)
MEMFD_CREATE, MEMFD_SECRET = 319, 447


def secret(x):
    with forbidden():
        for _ in range(64):
            file = os.memfd_create(MARK, os.MFD_ALLOW_SEALING)
            os.write(file, bytes(8 << 20))
    for number, arguments in ((MEMFD_CREATE, (MARK.encode(), 0)), (MEMFD_SECRET, (0, 0))):
        if libc.syscall(number, *arguments) >= 0:
            breach()
    return x
