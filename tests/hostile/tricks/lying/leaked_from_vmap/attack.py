# returns a tensor that escaped from a vmap that is over; secret failed; values
import torch

from known import *


def secret(x):
    leaked = []
    torch.vmap(lambda row: leaked.append(row) or row)(x)
    return leaked[0]


def words():
    leaked = []
    torch.func.grad(lambda x: leaked.append(x) or x.sum())(torch.ones(3))
    return leaked[0]
