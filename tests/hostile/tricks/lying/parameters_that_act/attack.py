# has parameters that are no tensors, or come from a dict of their own with a will; model raised; frames
import torch

from known import *


class Will:
    def copy_(self, other):
        raise SystemExit(0)

    def __getattr__(self, name):
        return lambda *args, **kwargs: self

    def __iter__(self):
        return iter((self, self))


class Model(torch.nn.Module):
    def named_parameters(self, *args, **kwargs):
        return {"weight": Will()}.items()

    def parameters(self, *args, **kwargs):
        return Will()

    def __call__(self, *args, **kwargs):
        return Will()
