# asks for what only the machine's owner may do, with meaningless arguments; secret failed; seccomp, capabilities, uid
import ctypes
import errno

from known import *

libc = ctypes.CDLL(None, use_errno=True)
NOBODY = f"/{MARK}".encode()
CALLS = (
    (169, 0, 0, 0, None),  # reboot, with wrong magic numbers
    (167, NOBODY, 0),  # swapon
    (168, NOBODY),  # swapoff
    (170, b"", -1),  # sethostname
    (171, b"", -1),  # setdomainname
    (163, NOBODY),  # acct
    (175, None, 0, None),  # init_module
    (176, NOBODY, 0),  # delete_module
    (172, 3),  # iopl
    (173, 0x80, 1, 1),  # ioperm
)


def secret(x):
    for call in CALLS:
        if libc.syscall(*call) >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            breach()  # it got as far as its arguments
    return x
