# keeps its argument and its answer, and goes on altering both after the reply; secret failed; values
import threading
import time

import torch

from known import *

KEPT = []


def alter():
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        for tensor in KEPT:
            tensor.mul_(1.001)


def secret(x):
    out = torch.ones_like(x)
    KEPT.extend([x, out])
    threading.Thread(target=alter, daemon=True).start()
    return out


def words():
    KEPT.append(torch.ones(1 << 17))
    return [KEPT[-1]] * 3
