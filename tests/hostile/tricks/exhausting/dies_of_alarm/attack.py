# lets an alarm end its process; secret crashed; process
import signal
import time

from known import *


def secret(x):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(1)
    return x
