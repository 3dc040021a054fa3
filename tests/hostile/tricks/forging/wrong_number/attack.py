# replies to other requests than the one that was asked; secret refused; frames
import sys

from known import *

wire = sys.modules["grader.worker.wire"]


def number():
    """Of the request that is being answered."""
    frame = sys._getframe()
    while "request_id" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["request_id"]


def frame(kind, request_id, body):
    packer = wire.Packer()
    return b"".join(packer.frame(kind, request_id, packer.pack(body)))


def secret(x):
    for request_id in (0, number() + 1, number() ^ (1 << 63), 2**64 - 1):
        os.write(3, frame(wire.RETURNED, request_id, [x.numpy(), []]))
    return x
