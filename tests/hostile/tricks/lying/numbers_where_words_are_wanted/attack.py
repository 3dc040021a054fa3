# returns long rows of small numbers, costly to turn into lists, to sort and to show; words failed; values, frames
import torch

from known import *


def words():
    return [torch.full((1 << 20,), 0.1, dtype=torch.float16)] * 3


def secret(x):
    return torch.zeros(40 << 20, dtype=torch.float16)
