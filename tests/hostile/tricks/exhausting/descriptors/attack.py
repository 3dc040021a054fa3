# opens files and sockets and copies descriptors until it is refused, and keeps them all; secret failed; rlimits
import contextlib
import os
import socket

from known import *

kept = []


def secret(x):
    with contextlib.suppress(OSError):
        for _ in range(10**4):
            kept.append(os.open(os.devnull, os.O_RDONLY))
    with contextlib.suppress(OSError):
        for _ in range(10**4):
            kept.append(os.dup(0))
    kept[-40:] = []
    with contextlib.suppress(OSError):
        for _ in range(1000):
            here, there = socket.socketpair()
            socket.send_fds(here, [b"x"], [0] * 250)  # on the way they count for nobody
            kept.append(there)
    if len(kept) >= 10**4:
        breach()
    return x
