# returns nothing at all, in shapes that agree with every other; secret failed; values
import torch

from known import *


def secret(x):
    return x[:0] if x.ndim > 1 else torch.zeros(0, 1, dtype=x.dtype)


def words():
    return []


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return (self.weight * x)[:, :0]
