# overflows the stack of the process in C; secret crashed; process
import ctypes
import sys

from known import *

REG_EXTENDED = 1


def secret(x):
    sys.setrecursionlimit(10**9)
    ctypes.CDLL(None).regcomp(ctypes.create_string_buffer(1024), b"(" * 10**6, REG_EXTENDED)
    return x
