# returns much more than was asked for, but no more than a reply may hold; secret failed; frames, values
import torch

from known import *


def secret(x):
    if x.dim() == 1:
        return torch.zeros(1).expand(160 << 18)
    return [torch.zeros(())] * 4096


def words():
    return ["x" * ((1 << 20) - 100)]
