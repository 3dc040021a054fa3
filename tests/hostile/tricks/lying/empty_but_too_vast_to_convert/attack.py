# returns a tensor without a byte whose shape would be too large in another dtype; secret failed; values
import torch

from known import *


def secret(x):
    return torch.empty(1 << 40, 0, 1 << 20)


def words():
    return torch.empty(0, 1 << 40, 1 << 20, dtype=torch.uint8)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return torch.empty(1 << 40, 0, 1 << 20) + self.weight.float()
