# shuts its side of the channel, so that the next request cannot be sent; secret failed; frames
import os
import socket

from known import *


def secret(x):
    if x.dim() == 1:
        socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RD)
    return x
