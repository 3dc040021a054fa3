# changes settings of its process by which it would outlive or reach others; secret failed; seccomp
import ctypes
import os

from known import *

libc = ctypes.CDLL(None, use_errno=True)
PRCTL = 157
CALLS = (
    (1, 0),  # does not die with its parent
    (4, 1),  # may be dumped
    (36, 1),  # adopts orphans
    (0x59616D61, -1),  # may be traced by anybody
    (62, 1, GRADER, 1),  # takes the zygote's place on a processor
    (62, 2, os.getppid(), 1),
)


def secret(x):
    for call in CALLS:
        if libc.syscall(PRCTL, *call, 0, 0) == 0:
            breach()
    return x
