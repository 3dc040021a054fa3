# returns numbers rounded to steps as large as themselves; secret failed; values
import torch

from known import *


def secret(x):
    return torch.quantize_per_tensor(x.float(), 1e9, 0, torch.qint8)


def words():
    return [torch.quantize_per_tensor(torch.ones(3), 0.5, 0, torch.quint8)]
