# turns its argument in place into another kind, type and size of tensor; secret failed; values
import torch

from known import *


def secret(x):
    out = x.clone()
    x.data = x.to(torch.bfloat16) if x.ndim == 1 else torch.empty(0)
    return out


def words():
    return ["a"]
