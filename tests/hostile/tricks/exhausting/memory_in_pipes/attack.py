# keeps memory of the kernel's, in full pipes and sockets; secret failed; rlimits
import contextlib
import fcntl
import os
import socket

from known import *

SIZE, F_SETPIPE_SZ = 1 << 20, 1031
kept = []


def secret(x):
    held, pipes = 0, []
    with contextlib.suppress(OSError):
        while held < 512 << 20:
            reading, writing = os.pipe()
            pipes.append(reading)
            with contextlib.suppress(PermissionError):
                fcntl.fcntl(writing, F_SETPIPE_SZ, SIZE)
            os.set_blocking(writing, False)
            held += os.write(writing, bytes(SIZE))
    for descriptor in pipes[-20:]:
        os.close(descriptor)
    with contextlib.suppress(OSError):
        while True:
            here, there = socket.socketpair()
            kept.extend((here, there))
            here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SIZE)
            here.setblocking(False)
            held += here.send(bytes(SIZE))
    if held >= 512 << 20:
        breach()
    return x
