# returns generators, coroutines, modules, classes and the like; secret failed; frames
import sys
import warnings

import torch

from known import *


def endless():
    while True:
        yield torch.ones(3)


async def later():
    return torch.ones(3)


def secret(x):
    warnings.simplefilter("ignore")
    odd = [endless(), later(), map(abs, endless()), iter([x]), sys, torch, sys.modules["attack"], type, object, int]
    return [*odd, NotImplemented, Ellipsis, sys._getframe(), secret, lambda: x, torch.Tensor, torch.float64]


def words():
    return (word for word in ("a", "b", "c"))


def Model():
    return torch.nn.Module
