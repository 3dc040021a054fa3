# has a model whose parameters never end; model timed_out; clock
import torch

from known import *


class Model(torch.nn.Module):
    def named_parameters(self, *args, **kwargs):
        weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        while True:
            yield "weight", weight
