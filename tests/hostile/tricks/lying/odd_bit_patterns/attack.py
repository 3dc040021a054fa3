# returns minus zero, denormal numbers, signalling NaNs and the largest numbers there are; secret failed; values
import numpy as np
import torch

from known import *


def secret(x):
    bits = [0x7FF0000000000001, 0xFFF8DEADBEEF0001, 0x8000000000000000]
    return torch.from_numpy(np.array(bits, dtype=np.uint64).view(np.float64).copy())


def words():
    return [-0.0, 5e-324, 1.7976931348623157e308, -(2**63), 2**64 - 1]


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(5e-324, dtype=torch.float64))

    def forward(self, x):
        return self.weight * 0 + torch.full_like(x, 1.7976931348623157e308)
