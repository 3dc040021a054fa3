# names other parameters than it has, each time others, and takes no values; model failed; values
import torch

from known import *


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        self.called = 0

    def named_parameters(self, *args, **kwargs):
        self.called += 1
        yield "weight", torch.nn.Parameter(torch.tensor(float(self.called), dtype=torch.float64))
        if self.called > 1:
            yield "score", torch.tensor(7.0, requires_grad=True)

    def parameters(self, recurse=True):
        return iter([torch.nn.Parameter(torch.tensor(7.0, dtype=torch.float64))])

    def forward(self, x):
        return self.weight * x * 5
