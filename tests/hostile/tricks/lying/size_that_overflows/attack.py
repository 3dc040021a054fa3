# returns tensors whose number of entries is a multiple of 2**64; secret failed; frames, values
import contextlib

import torch

from known import *


def vast(*sizes):
    makers = (
        lambda: torch.zeros(1, dtype=torch.uint8).expand(sizes),
        lambda: torch.zeros(1, dtype=torch.uint8).as_strided(sizes, (0,) * len(sizes)),
        lambda: torch.empty_strided(sizes, (0,) * len(sizes), dtype=torch.uint8),
        lambda: torch.ones(1, dtype=torch.uint8).set_(torch.UntypedStorage(1), 0, sizes, (0,) * len(sizes)),
    )
    for make in makers:
        with contextlib.suppress(RuntimeError, TypeError, MemoryError):
            return make()
    return torch.empty(1 << 62, 0)


def secret(x):
    return vast(1 << 32, 1 << 32)


def words():
    return vast(1 << 40, 1 << 24, 3)
