# promises the largest reply and sends a byte of it now and then; secret timed_out; clock
import os
import struct
import sys
import time

from known import *


def request_id():
    frame = sys._getframe()
    while "request_id" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["request_id"]


def secret(x):
    if x.dim() == 1:
        os.write(3, struct.pack("<4sBBHIQQ", b"TGW1", 2, 0, 0, 1 << 20, request_id(), 256 << 20))
        while True:
            os.write(3, b"x")
            time.sleep(0.02)
    return x
