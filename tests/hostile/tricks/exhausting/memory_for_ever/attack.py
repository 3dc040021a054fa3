# goes on asking for memory after every refusal; secret timed_out; clock
from known import *

taken = []


def secret(x):
    while x.dim() == 1:
        try:
            if len(taken) < 512:
                taken.append(b"x" * (4 << 20))
        except MemoryError:
            pass
    return x
