# sends two replies at once; secret refused; frames
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
    os.write(3, 2 * frame(wire.RETURNED, number(), [(9 * x).numpy(), []]))
    return x
