# answers with a gradient function twenty thousand steps deep; model failed; values, clock
import torch

from known import *


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        out = (self.weight * x).reshape(2, 3)
        for _ in range(20_000):
            out = out.view(2, 3)
        return out
