# changes limits, priority and processors of the grader and the zygote; secret failed; seccomp, uid
import ctypes
import os
import resource
import struct

from known import *

libc = ctypes.CDLL(None, use_errno=True)
IOPRIO_SET, SCHED_SETATTR, MIGRATE_PAGES = 251, 314, 256
IDLE = 3 << 13  # of the disk's classes


def secret(x):
    for pid in (GRADER, os.getppid()):
        for limit in (resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_AS):
            with forbidden():
                resource.prlimit(pid, limit, (10**12, 10**12))
        for which, who in ((os.PRIO_PROCESS, pid), (os.PRIO_PGRP, os.getpgid(pid))):
            with forbidden():
                os.setpriority(which, who, 19)
        with forbidden():
            os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})
        for policy in (os.SCHED_IDLE, os.SCHED_BATCH):
            with forbidden():
                os.sched_setscheduler(pid, policy, os.sched_param(0))
        with forbidden():
            os.sched_setparam(pid, os.sched_param(0))
        attributes = struct.pack("IIQiI3Q", 48, os.SCHED_BATCH, 0, 19, 0, 0, 0, 0)
        for call in (
            (IOPRIO_SET, 1, pid, IDLE),
            (SCHED_SETATTR, pid, attributes, 0),
            (MIGRATE_PAGES, pid, 8, b"\1" + bytes(7), b"\1" + bytes(7)),
        ):
            if libc.syscall(*call) >= 0:
                breach()
    return x
