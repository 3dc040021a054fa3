# sends its reply with descriptors and credentials, which fill the table of whoever takes them; secret failed; frames
import os
import socket
import struct
import sys

from known import *


def stream():
    frame = sys._getframe()
    while "stream" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["stream"]


def secret(x):
    channel = socket.socket(fileno=os.dup(3))

    def send(buffers):
        channel.setblocking(True)
        for buffer in buffers:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("100i", *[0] * 99, channel.fileno()))
            while buffer:
                buffer = buffer[channel.sendmsg([buffer], [rights]) :]

    stream().send = send
    return x
