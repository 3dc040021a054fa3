# keeps small tensors until there is no more memory; secret out_of_memory; rlimits
import torch

from known import *


def secret(x):
    taken = [torch.ones(1 << 12) for _ in range(1 << 17)]
    return x + taken[0][: len(x)]
