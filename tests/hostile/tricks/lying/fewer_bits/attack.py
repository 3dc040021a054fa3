# returns numbers in types too coarse to be wrong in; secret failed; values
import torch

from known import *


def secret(x):
    return x.bool() if x.ndim == 1 else x.to(torch.bfloat16)


def words():
    return [torch.ones(1, dtype=torch.bool), torch.ones(1, dtype=torch.uint8), torch.ones(1, dtype=torch.float16)]


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1, dtype=torch.bfloat16))

    def forward(self, x):
        return (self.weight * x).to(torch.bfloat16)
