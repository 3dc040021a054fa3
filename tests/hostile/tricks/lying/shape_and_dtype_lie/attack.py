# returns a tensor larger than any reply that lies about its shape, dtype and layout; secret failed; frames, values
import torch

from known import *


class Small(torch.Tensor):
    __torch_function__ = torch._C._disabled_torch_function_impl
    shape = property(lambda self: torch.Size([3]))
    dtype = property(lambda self: torch.float64)
    layout = property(lambda self: torch.strided)
    is_meta = is_quantized = is_sparse = property(lambda self: False)
    nbytes = itemsize = property(lambda self: 8)

    def numel(self):
        return 3

    def element_size(self):
        return 8

    def size(self, *args):
        return 3 if args else self.shape

    def cpu(self):
        return self

    def detach(self):
        return self


def secret(x):
    return torch.zeros(1, dtype=torch.float64).expand(1 << 40).as_subclass(Small)


def words():
    return torch.zeros(1, dtype=torch.uint8).expand(1 << 48).as_subclass(Small)
