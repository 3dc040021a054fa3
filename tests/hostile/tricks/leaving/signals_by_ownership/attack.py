# makes the grader the owner of a socket whose traffic raises signals; secret failed; seccomp, uid, landlock
import contextlib
import fcntl
import os
import signal
import socket
import struct

from known import *

FIOSETOWN, SIOCSPGRP, F_SETSIG, F_SETOWN_EX = 0x8901, 0x8902, 10, 15


def secret(x):
    for pid in (os.getppid(), GRADER):
        here, there = socket.socketpair()
        for way, command, argument in (
            (fcntl.fcntl, F_SETSIG, int(signal.SIGTERM)),
            (fcntl.fcntl, fcntl.F_SETOWN, pid),
            (fcntl.fcntl, F_SETOWN_EX, struct.pack("2i", 1, pid)),
            (fcntl.ioctl, FIOSETOWN, struct.pack("i", pid)),
            (fcntl.ioctl, SIOCSPGRP, struct.pack("i", pid)),
            (fcntl.fcntl, fcntl.F_SETFL, os.O_ASYNC),
        ):
            with contextlib.suppress(OSError):
                way(here, command, argument)
        there.send(b"x")
    return x
