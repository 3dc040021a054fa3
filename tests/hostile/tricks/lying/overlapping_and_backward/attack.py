# returns views that overlap themselves, run backwards or have odd offsets; secret failed; values
import numpy as np
import torch

from known import *


def secret(x):
    return torch.as_strided(x, (3,), (0,)) if x.ndim == 1 else x.t()


def words():
    numbers = np.arange(9, dtype=">f8").reshape(3, 3)[::-1, ::-2]
    odd = np.frombuffer(bytes(25), dtype=np.float64, count=3, offset=1)
    return [numbers, odd, np.asfortranarray(numbers), torch.ones(3)._neg_view()]
