# returns an object that offers arrays in every protocol and other numbers each time; secret failed; values
import numpy as np

from known import *


class Offering:
    def __init__(self, x):
        self.asked, self.x = 0, np.asarray(x)

    def __array__(self, dtype=None, copy=None):
        self.asked += 1
        return self.x * self.asked

    @property
    def __array_interface__(self):
        return {"shape": (1 << 40,), "typestr": "<f8", "data": (8, False), "version": 3}

    def __dlpack__(self, **kwargs):
        return self.__array__().__dlpack__()

    def __array_ufunc__(self, *args, **kwargs):
        return True

    def __array_function__(self, *args, **kwargs):
        return True

    def __eq__(self, other):
        return True


def secret(x):
    return Offering(x)


def words():
    return Offering([1.0])
