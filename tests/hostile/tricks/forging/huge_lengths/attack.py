# announces a reply of four gigabytes of data, or of eight exabytes of tensors; secret refused; frames
import struct
import sys

from known import *


def secret(x):
    frame = sys._getframe()
    while "request_id" not in frame.f_locals:
        frame = frame.f_back
    meta, payload = (2**32 - 1, 0) if x.ndim == 1 else (1, 2**63)
    os.write(3, struct.pack("<4sBBHIQQ", b"TGW1", 2, 0, 0, meta, frame.f_locals["request_id"], payload))
    return x
