# computes for ever in C, where no signal handler of Python runs; secret timed_out; clock
from known import *


def secret(x):
    return sum(range(10**12)) if x.dim() == 1 else x
