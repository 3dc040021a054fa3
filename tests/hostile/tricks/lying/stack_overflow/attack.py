# calls itself through the C library's stack until that ends; secret crashed; process, rlimits
import ctypes

from known import *

CALL = ctypes.CFUNCTYPE(ctypes.c_int)


@CALL
def again():
    return again()


def secret(x):
    import sys

    sys.setrecursionlimit(1 << 30)
    return again()
