# makes sockets of every family, kind and protocol; secret failed; seccomp
import ctypes
import os
import socket

from known import *

libc = ctypes.CDLL(None, use_errno=True)
SOCKET, SOCKETPAIR = 41, 53


def secret(x):
    pair = (ctypes.c_int * 2)()
    for family in range(46):
        for kind in (1, 2, 3, 5, 10, socket.SOCK_STREAM | socket.SOCK_CLOEXEC):
            for protocol in (0, 6, 17, 16, 132, 262):
                if libc.syscall(SOCKET, family, kind, protocol) >= 0:
                    breach()
                stream = family == socket.AF_UNIX and kind & 15 == socket.SOCK_STREAM
                if not stream and libc.syscall(SOCKETPAIR, family, kind, protocol, pair) == 0:
                    breach()
    os.close(os.dup(0))  # there is a free descriptor: that was not the reason
    return x
