# sets torch to many threads and multiplies matrices without end; secret timed_out; clock
import torch

from known import *


def secret(x):
    torch.set_num_threads(8)
    a = torch.ones(1500, 1500)
    while x.dim() == 1:
        a = a @ a
    return x
