# opens settings of the kernel and devices for writing, and writes nothing; secret failed; landlock, uid
import glob
import os

from known import *

PATHS = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sysrq-trigger",
    "/sys/power/state",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/dev/kmsg",
    "/dev/mem",
    "/etc/passwd",
    "/etc/ld.so.preload",
    *glob.glob("/dev/[sv]d[a-z]"),
    *glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True)[:5],
)


def secret(x):
    for path in PATHS:
        with forbidden():
            os.open(path, os.O_WRONLY)
    return x
