# prints a hundred million bytes, in lines and without, from threads and as raw bytes; secret failed; log
import os
import sys
import threading

from known import *


def write(descriptor):
    for _ in range(400):
        os.write(descriptor, bytes(range(256)) * 256)


def secret(x):
    if x.dim() == 1:
        threads = [threading.Thread(target=write, args=(descriptor,)) for descriptor in (1, 2)]
        for thread in threads:
            thread.start()
        print("line\n" * (1 << 21))
        print("\x1b[2J\r\0\x07\ud800" * (1 << 20), end="", file=sys.stderr)
        os.write(1, b"\xff" * (32 << 20))
        for thread in threads:
            thread.join()
    return x
