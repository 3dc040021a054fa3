# has a model whose parameter is one number many times over, which cannot be overwritten; model raised; frames
import torch

from known import *


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64).expand(1 << 20))
        self.again = self.weight

    def forward(self, x):
        return self.weight[0] * x
