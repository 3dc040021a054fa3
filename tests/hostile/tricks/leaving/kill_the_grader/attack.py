# kills the grader, the zygote and its own group; secret failed; seccomp, uid, landlock
import os
import signal

from known import *


def secret(x):
    for pid in (GRADER, os.getppid(), -1):
        for number in (signal.SIGKILL, signal.SIGSTOP):
            with forbidden():
                os.kill(pid, number)
    with forbidden():
        os.killpg(os.getpgid(GRADER), signal.SIGKILL)
    return x
