# never returns; secret timed_out; clock
from known import *


def secret(x):
    while True:
        pass
