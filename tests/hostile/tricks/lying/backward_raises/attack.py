# answers with a gradient function that raises when it is asked; model raised; frames
import torch

from known import *


class Refuse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, upstream):
        raise KeyboardInterrupt("no gradient for you")


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return Refuse.apply(self.weight * x)
