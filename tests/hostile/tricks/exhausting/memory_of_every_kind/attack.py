# takes memory in every way and swallows each refusal; secret failed; rlimits
import contextlib
import mmap

import numpy as np
import torch

from known import *

SIZE = 16 << 20
WAYS = (
    lambda: torch.ones(SIZE // 4),
    lambda: np.ones(SIZE // 8),
    lambda: bytearray(SIZE),
    lambda: "x" * SIZE,
    lambda: mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE),
    lambda: [None] * (SIZE // 8),
    lambda: torch.empty(SIZE // 4).normal_().requires_grad_(),
)


def secret(x):
    taken = []
    for way in WAYS:
        with contextlib.suppress(MemoryError, RuntimeError, OSError):
            while len(taken) * SIZE < 1 << 30:
                taken.append(way())
    if len(taken) * SIZE >= 1 << 30:
        breach()
    return x
