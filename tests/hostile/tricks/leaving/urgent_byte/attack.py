# sends an urgent byte ahead of its reply, which some readers take for the end; secret failed; frames
import contextlib
import os
import socket

from known import *


def secret(x):
    channel = socket.socket(fileno=os.dup(3))
    with contextlib.suppress(OSError):
        channel.send(b"x", socket.MSG_OOB)
    return x
