# puts keys into the kernel's keyrings, which outlive the process; secret failed; seccomp
import ctypes

from known import *

libc = ctypes.CDLL(None, use_errno=True)
ADD_KEY, REQUEST_KEY, KEYCTL = 248, 249, 250
JOIN_SESSION_KEYRING, GET_KEYRING_ID = 1, 0


def secret(x):
    name = MARK.encode()
    for keyring in (-1, -2, -3, -4, -5):  # thread, process, session, user, user session
        if libc.syscall(ADD_KEY, b"user", name, b"x", 1, keyring) >= 0:
            breach()
        if libc.syscall(KEYCTL, GET_KEYRING_ID, keyring, 1) >= 0:
            breach()
    if libc.syscall(KEYCTL, JOIN_SESSION_KEYRING, name) >= 0 or libc.syscall(REQUEST_KEY, b"user", name, None, 0) >= 0:
        breach()
    return x
