# calls itself without end; secret raised; process
from known import *


def secret(x):
    return secret(x)
