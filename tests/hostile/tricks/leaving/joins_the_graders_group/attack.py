# moves into the process group of the grader or the zygote, to be taken for it; secret failed; session
import os

from known import *


def secret(x):
    for pid in (GRADER, os.getppid()):
        for moved in (0, os.getpid(), pid):
            with forbidden():
                os.setpgid(moved, os.getpgid(pid))
    return x
