# ignores and blocks every signal and sleeps; secret timed_out; clock
import contextlib
import signal
import time

from known import *


def secret(x):
    for number in signal.valid_signals():
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if x.dim() == 1:
        time.sleep(10**6)
    return x
