# has a model that is an array, whose own fill takes the values; model failed; values
import numpy as np

from known import *


def Model():
    return np.zeros((2, 3))
