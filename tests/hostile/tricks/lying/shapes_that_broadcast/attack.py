# returns one number, with one axis or sixteen, where several are wanted; secret failed; values
import torch

from known import *


def secret(x):
    return torch.ones((1,) * 16, dtype=x.dtype) if x.ndim == 1 else torch.ones((1,) * 17, dtype=x.dtype)


def words():
    return torch.ones((1,) * 64)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2, 1, 3, dtype=torch.float64))

    def forward(self, x):
        return self.weight * x
