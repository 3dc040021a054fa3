# becomes other users and takes capabilities; secret failed; capabilities, uid
import ctypes
import os
import struct

from known import *

libc = ctypes.CDLL(None, use_errno=True)
CAPSET, PRCTL, SETFSUID = 126, 157, 122
PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_CAP_AMBIENT, AMBIENT_RAISE = 24, 28, 47, 2
OTHER_USER = 12345


def secret(x):
    for change in (
        lambda: os.setuid(OTHER_USER),
        lambda: os.setresuid(OTHER_USER, -1, -1),
        lambda: os.setgid(OTHER_USER),
        lambda: os.setgroups([OTHER_USER]),
        lambda: os.setreuid(-1, OTHER_USER),
    ):
        with forbidden():
            change()
    libc.syscall(SETFSUID, OTHER_USER)
    if libc.syscall(SETFSUID, -1) == OTHER_USER:
        breach()
    everything = struct.pack("6I", *[2**32 - 1, 2**32 - 1, 0] * 2)
    for capability in range(41):
        one = struct.pack("6I", *[(1 << capability) & (2**32 - 1)] * 2, 0, *[1 << capability >> 32] * 2, 0)
        for sets in (everything, one):
            if libc.syscall(CAPSET, struct.pack("Ii", 0x20080522, 0), sets) == 0:
                breach()
        if libc.syscall(PRCTL, PR_CAP_AMBIENT, AMBIENT_RAISE, capability, 0, 0) == 0:
            breach()
    if libc.syscall(PRCTL, PR_CAPBSET_DROP, 0, 0, 0, 0) == 0 or libc.syscall(PRCTL, PR_SET_SECUREBITS, 1, 0, 0, 0) == 0:
        breach()
    return x
