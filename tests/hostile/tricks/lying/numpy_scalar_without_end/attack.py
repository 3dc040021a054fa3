# returns a numpy scalar whose plain value is again such a scalar; secret failed; frames
import numpy as np

from known import *


class Endless(np.float64):
    def item(self, *args):
        return self

    def __eq__(self, other):
        return True

    __hash__ = np.float64.__hash__


def secret(x):
    return [Endless(1.0)]


def words():
    return np.longdouble(1)
