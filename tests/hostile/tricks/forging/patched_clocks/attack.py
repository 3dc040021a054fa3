# stops every clock of the process and then takes for ever; secret timed_out; clock
import datetime
import signal
import time

from known import *


def stopped(*args):
    return 0


def secret(x):
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "sleep"):
        setattr(time, name, stopped)
        setattr(time, f"{name}_ns", stopped)
    datetime.datetime = datetime.date = stopped
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    while x.ndim == 1:
        signal.sigtimedwait([], 10)
    return x
