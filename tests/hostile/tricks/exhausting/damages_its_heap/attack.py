# frees memory twice, frees what is none, and aborts; secret crashed; process
import ctypes
import os

from known import *

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p


def secret(x):
    if x.dim() == 2:
        libc.free(ctypes.c_void_p(0x1234560))
    piece = ctypes.c_void_p(libc.malloc(1 << 12))
    for _ in range(3):
        libc.free(piece)
    return x


def words():
    os.abort()
