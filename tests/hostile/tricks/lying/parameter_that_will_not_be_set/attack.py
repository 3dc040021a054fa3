# has a parameter of a kind of its own, whose copy_ and arithmetic do as they like; model failed; values
import torch

from known import *


class Stubborn(torch.nn.Parameter):
    def copy_(self, other):
        self.told = other
        return self

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in (torch.allclose, torch.equal, torch.Tensor.eq, torch.Tensor.__eq__):
            return True
        return super().__torch_function__(function, types, args, kwargs or {})


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = Stubborn(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return x * self.weight
