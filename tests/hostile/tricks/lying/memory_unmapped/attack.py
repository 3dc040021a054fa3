# returns a tensor over memory that is no longer there; secret crashed; process
import ctypes
import mmap

import torch

from known import *


def secret(x):
    size = 1 << (22 if x.ndim == 1 else 12)
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    protection, flags = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    place = libc.mmap(None, size, protection, flags, -1, 0)
    out = torch.frombuffer((ctypes.c_double * (size // 8)).from_address(place), dtype=torch.float64)
    libc.munmap(ctypes.c_void_p(place), ctypes.c_size_t(size))
    return out
