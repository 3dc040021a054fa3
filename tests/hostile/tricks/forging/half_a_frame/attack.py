# sends half a reply and never the rest; secret timed_out; clock
import struct
import sys
import time

from known import *


def secret(x):
    frame = sys._getframe()
    while "request_id" not in frame.f_locals:
        frame = frame.f_back
    if x.ndim == 1:
        os.write(3, struct.pack("<4sBBHIQQ", b"TGW1", 2, 0, 0, 1000, frame.f_locals["request_id"], 0) + b"\x92")
        time.sleep(600)
    return x
