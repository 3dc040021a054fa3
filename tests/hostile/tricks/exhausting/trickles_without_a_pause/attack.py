# promises the largest reply and sends it byte by byte without a pause; secret timed_out; clock
import gc
import os
import struct

from known import *


def secret(x):
    if x.dim() != 1:
        return x
    gc.disable()
    os.set_blocking(3, True)
    os.write(3, struct.pack("<4sBBHIQQ", b"TGW1", 2, 0, 0, 10, 7, 256 << 20) + bytes(10))
    while True:
        os.write(3, b"x")
