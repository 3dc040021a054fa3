# returns tensors without any numbers in them, or with few; secret failed; values
import torch

from known import *


def secret(x):
    return x.to_sparse() if x.ndim == 1 else x.to_sparse_csr()


def words():
    return [torch.empty(1 << 50, device="meta"), torch.sparse_coo_tensor(size=(1 << 40, 1 << 20))]


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return (self.weight * x).to_sparse()
