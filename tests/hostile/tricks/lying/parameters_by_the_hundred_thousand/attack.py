# has a model that claims a hundred thousand parameters beside the one it is asked for; model failed; frames, values
import torch

from known import *


class Name(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def named_parameters(self, *args, **kwargs):
        yield "weight", self.weight
        for i in range(100_000):
            yield f"weight{i}", self.weight

    def forward(self, x):
        return self.weight * x


def secret(x):
    return dict.fromkeys(map(Name, map(str, range(10))), x)
