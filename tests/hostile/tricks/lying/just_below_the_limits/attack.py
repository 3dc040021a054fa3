# returns as much as a reply may hold, in tensors, numbers and objects; words failed; frames, values
import torch

from known import *


def words():
    return [1] * 1_000_000


def secret(x):
    if x.ndim == 1:
        return [torch.zeros(1 << 10)] * 4096
    return [[object(), object] * 20_000]
