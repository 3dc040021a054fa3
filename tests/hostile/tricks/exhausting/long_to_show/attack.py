# returns an array of so many short axes that no entry is left out when it is shown; words failed; values
import torch

from known import *


def words():
    return torch.zeros((3,) * 15, dtype=torch.uint8)
