# returns numbers in types that numpy does not know; secret failed; values
import torch

from known import *


def secret(x):
    return x.to(torch.float8_e4m3fn)


def words():
    return torch.ones(3, dtype=torch.uint8).view(torch.bits8)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return (self.weight * x).to(torch.float8_e5m2)
