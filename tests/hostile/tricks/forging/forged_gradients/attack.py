# has a function of its own, hooks and a patched autograd report gradients; model failed; values
import torch

from known import *


class Forged(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x)
        return x * 1.0

    @staticmethod
    def backward(ctx, upstream):
        return upstream * 5, ctx.saved_tensors[0].sum() * 5


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        self.weight.register_hook(lambda gradient: gradient * 5)
        torch.autograd.grad = lambda outputs, inputs, *args, **kwargs: [x * 0 + 5 for x in inputs]

    def forward(self, x):
        out = Forged.apply(x, self.weight)
        out.register_hook(lambda gradient: gradient * 5)
        return out
