# returns a tensor that never ends being deleted; secret timed_out; clock
import torch

from known import *


class Clinging(torch.Tensor):
    def __del__(self):
        while True:
            pass


def secret(x):
    return x.as_subclass(Clinging) if x.dim() == 1 else x
