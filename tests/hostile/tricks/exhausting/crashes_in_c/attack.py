# ends in a fault of each kind; secret crashed; process
import ctypes
import mmap
import os

from torch import nn

from known import *

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p


def run(code):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def secret(x):
    if x.dim() == 1:
        return ctypes.string_at(0)  # no memory there
    file = os.open("attack.py", os.O_RDONLY)
    beyond = libc.mmap(None, 8192, mmap.PROT_READ, mmap.MAP_SHARED, file, 0) + 4096
    return ctypes.string_at(beyond, 1)  # no file there


def words():
    run(b"\x0f\x0b")  # no instruction


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        run(b"\x31\xc9\xf7\xf1")  # divides by zero
