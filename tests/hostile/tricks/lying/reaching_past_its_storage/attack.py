# returns an array that reaches far past its memory, to see what lies there; secret crashed; process
import contextlib

import numpy as np
import torch

from known import *


def secret(x):
    for reach in (
        lambda: torch.as_strided(x, (1 << 20,), (1 << 20,)),
        lambda: torch.tensor([]).set_(x.untyped_storage(), 0, (1 << 20,), (1 << 20,)),
        lambda: torch.frombuffer(bytearray(8), dtype=torch.float64, count=1 << 20),
    ):
        with contextlib.suppress(RuntimeError, ValueError):
            return reach()
    return np.lib.stride_tricks.as_strided(x.numpy(), (1 << 20,), (1 << 27,))
