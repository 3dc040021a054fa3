# stops its own process, which then neither runs nor ends; secret timed_out; clock
import os
import signal

from known import *


def secret(x):
    if x.dim() == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    return x
