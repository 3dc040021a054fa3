# has the honest file patch, in its own worker, what the other one would need; secret failed; process
from known import *


def secret(x):
    return x
