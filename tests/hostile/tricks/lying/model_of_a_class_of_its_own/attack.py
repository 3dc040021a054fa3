# has a model of a class that is no module and does everything by itself; model failed; values, frames
import torch

from known import *


class Model:
    def __init__(self):
        self.weight = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    def __getattr__(self, name):
        raise AttributeError(name)

    def parameters(self):
        return [self.weight]

    def named_parameters(self):
        return iter([("weight", self.weight)])

    def __call__(self, x):
        return (self.weight * x).as_subclass(torch.nn.Parameter) if not x.requires_grad else self.weight * x
