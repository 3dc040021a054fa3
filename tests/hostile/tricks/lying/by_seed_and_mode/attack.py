# answers with random numbers, drawn from generators that it has seeded or replaced itself; secret failed; values
import random

import numpy as np
import torch

from known import *


class Constant(random.Random):
    def random(self):
        return 0.5


def secret(x):
    random.seed = np.random.seed = lambda *args: None
    torch.default_generator.set_state(torch.Generator().manual_seed(7).get_state())
    torch.set_default_dtype(torch.float64)
    torch.inference_mode(True).__enter__()
    return torch.rand(x.shape, dtype=x.dtype) + Constant().random()


def words():
    return [str(random.random()), str(np.random.rand()), str(torch.rand(()))]
