# claims to have changed 200000 arguments, at impossible positions; secret refused; frames
import select
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
    os.set_blocking(3, True)  # it is more than fits at once
    os.write(3, frame(wire.RETURNED, number(), [x.numpy(), [-1, 2**64 - 1, *range(200_000)]]))
    select.select([3], [], [], 1)
    os._exit(0)
