# matches a pattern that takes time exponential in the text; secret timed_out; clock
import re

from known import *


def secret(x):
    if x.dim() == 1:
        re.match(r"(a+)+$", "a" * 60 + "b")
    return x
