# changes everything that a process hands down: folder, mask, priority, signals, limits, seeds; secret failed; process
import contextlib
import os
import resource
import signal
import sys

import torch

from known import *


def secret(x):
    os.chdir("/")
    os.umask(0o777)
    os.environ.clear()
    sys.path.clear()
    torch.set_default_dtype(torch.float16)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    with contextlib.suppress(OSError):
        os.nice(19)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_VIRTUAL, 100)
    return x
