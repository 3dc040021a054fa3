# has a model whose parameters have names that are none, or equal every other; model refused; frames, values
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
        return [("weight", self.weight), (Name("weight."), self.weight), (None, self.weight), ((), self.weight)]

    def forward(self, x):
        return self.weight * x
