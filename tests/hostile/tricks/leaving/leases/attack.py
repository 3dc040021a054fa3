# takes leases, for which whoever opens the files next must wait; secret failed; seccomp, uid
import fcntl
import os

from known import *


def secret(x):
    for name in ("attack.py", "honest.py", "given.py", "known.py", os.__file__):
        with forbidden():
            fcntl.fcntl(os.open(name, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)
    return x
