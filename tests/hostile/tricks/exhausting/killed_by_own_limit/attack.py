# lowers its limit on processor time, so that the kernel kills it as if from outside; secret timed_out; seccomp
import contextlib
import resource

from known import *


def secret(x):
    if x.dim() == 1:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
        while True:
            pass
    return x
