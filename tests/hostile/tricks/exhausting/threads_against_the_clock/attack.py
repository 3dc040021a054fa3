# has its threads compete for one processor, as if the machine were busy; secret timed_out; clock
import hashlib
import os
import threading

from known import *

DATA = bytes(8 << 20)


def turn():
    while True:
        hashlib.sha256(DATA)  # without the interpreter's lock


def secret(x):
    if x.dim() == 1:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        for _ in range(12):
            threading.Thread(target=turn).start()
        turn()
    return x
