# returns numbers so large that their errors overflow, against which all others are small; secret failed; values
import torch

from known import *


def secret(x):
    out = torch.full_like(x, 1e308)
    out.view(-1)[0] = -1e308
    return out


def words():
    return [1e308, -1e308, 2**63]


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return self.weight * x * 1e308
