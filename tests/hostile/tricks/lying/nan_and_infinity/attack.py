# returns what is neither smaller nor larger than anything; secret failed; values
import torch

from known import *


def secret(x):
    return torch.full_like(x, float("nan")) if x.ndim == 1 else torch.full_like(x, float("inf"))


def words():
    return [float("nan")] * 3


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(float("nan"), dtype=torch.float64))

    def forward(self, x):
        return self.weight * x * float("nan")
