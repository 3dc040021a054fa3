# returns a value just over each limit on a reply; secret failed; frames
import torch
from torch import nn

from known import *


def secret(x):
    if x.dim() == 1:
        return torch.zeros(1).expand((256 << 20) // 4 + 1)
    return [torch.zeros(())] * 4097


def words():
    return ["x" * (1 << 20)]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterList([torch.tensor(0.0)] * 5000)
