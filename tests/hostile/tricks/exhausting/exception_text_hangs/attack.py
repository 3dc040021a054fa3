# raises an exception whose text is never ready; secret timed_out; clock
from known import *


class Slow(Exception):
    def __str__(self):
        while True:
            pass


def secret(x):
    if x.dim() == 1:
        raise Slow
    return x
