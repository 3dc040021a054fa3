# returns more numbers than a reply may hold, in one piece or in many; secret failed; frames, rlimits
import torch

from known import *


def secret(x):
    return torch.zeros(1 << 10, dtype=torch.float64).expand(40 << 10, 1 << 10)


def words():
    return [torch.zeros(1, dtype=torch.float64)] * 5000


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return (self.weight * x)[None].expand(7 << 20, 2, 3)
