# returns a tensor whose rows have lengths of their own; secret failed; values
import torch

from known import *


def secret(x):
    return torch.nested.nested_tensor([x, x[:1]])


def words():
    return torch.nested.nested_tensor([torch.ones(2), torch.ones(1)], layout=torch.jagged)
