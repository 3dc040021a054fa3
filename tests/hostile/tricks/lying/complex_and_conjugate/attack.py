# returns complex numbers whose real part might do, conjugate and negative bits set; secret failed; values
import torch

from known import *


def secret(x):
    return torch.complex(x, x).conj()


def words():
    return [1j, complex("nan"), torch.complex(torch.ones(2), torch.ones(2)).conj().imag]


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return self.weight * x + 0j
