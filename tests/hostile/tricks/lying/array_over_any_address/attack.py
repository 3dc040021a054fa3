# returns arrays that claim a terabyte, or rows without end, without any memory; secret failed; frames, values
import numpy as np

from known import *


class Claim:
    def __init__(self, shape, strides):
        self.own = np.zeros(1)
        self.__array_interface__ = {
            "shape": shape, "strides": strides, "typestr": "<f8", "version": 3,
            "data": (self.own.ctypes.data, False),
        }  # fmt: skip


def secret(x):
    return np.asarray(Claim((1 << 37,), (0,)))


def words():
    return np.asarray(Claim((1 << 20, 1 << 20), (0, 0)))
