# answers with a tensor whose shape, dtype and history act when they are looked at; model raised; frames, process
import torch

from known import *


class Acting(torch.Tensor):
    __torch_function__ = torch._C._disabled_torch_function_impl

    @property
    def shape(self):
        raise KeyboardInterrupt

    grad_fn = requires_grad = is_leaf = retains_grad = dtype = layout = shape


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return (self.weight * x).as_subclass(Acting)


def secret(x):
    return x.as_subclass(Acting)
