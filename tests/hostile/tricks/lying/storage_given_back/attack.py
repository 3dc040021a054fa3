# returns tensors whose memory it has given back, wholly or in part; secret failed; values, process
import torch

from known import *


def secret(x):
    out = torch.ones(1 << 20, dtype=torch.float64)
    out.untyped_storage().resize_(0 if x.ndim == 1 else 4096)
    return out


def words():
    out = torch.ones(3)
    out.untyped_storage()._free() if hasattr(out.untyped_storage(), "_free") else out.untyped_storage().resize_(0)
    return [out, out.view(3, 1)]
