# returns a single number expanded to 8 TB; secret failed; frames, rlimits
import torch

from known import *


def secret(x):
    return x[:1].expand(1 << 40) if x.ndim == 1 else x[:1, :1].expand(1 << 30, 1 << 30)


def words():
    return [torch.zeros(()).expand(1 << 20, 1 << 20)] * 3


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return (self.weight * x)[:1].expand(1 << 40, 3)
