# asks for a tensor far above the limit; secret out_of_memory; rlimits
import torch

from known import *


def secret(x):
    return x + torch.ones(1 << 29)[: len(x)]


def words():
    return [str(len(bytearray(2 << 30)))]
