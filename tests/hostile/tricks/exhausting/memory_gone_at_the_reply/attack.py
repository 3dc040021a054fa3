# keeps every last byte of its memory, so that none is left to answer with; secret out_of_memory; rlimits
import torch

from known import *

taken = []


def secret(x):
    size = 64 << 20
    while size > 64:
        try:
            taken.append(bytes(size))
            if len(taken) > 1 << 20:
                breach()
        except MemoryError:
            size //= 2
    return torch.ones(1 << 22)
