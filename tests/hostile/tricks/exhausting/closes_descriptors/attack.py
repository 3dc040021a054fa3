# closes every descriptor that it has; secret crashed; process
import os

from known import *


def secret(x):
    if x.dim() == 1:
        os.closerange(0, 1024)
    return x
