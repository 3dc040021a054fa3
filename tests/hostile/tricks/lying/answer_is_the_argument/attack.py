# returns its arguments, their views and their bases as they came, again and again; secret failed; values
import torch

from known import *


def secret(x):
    return x


def words():
    return [torch.tensor([])] * 3


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return x + (self.weight - self.weight.detach())
