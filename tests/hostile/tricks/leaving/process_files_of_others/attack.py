# opens files of /proc for writing that steer the grader, the zygote and itself; secret failed; landlock, uid
import contextlib
import os

from known import *

FILES = ("oom_score_adj", "oom_adj", "coredump_filter", "clear_refs", "mem", "comm", "uid_map", "gid_map", "setgroups")


def secret(x):
    for pid in (GRADER, os.getppid()):
        for name in FILES:
            with forbidden():
                os.open(f"/proc/{pid}/{name}", os.O_WRONLY)
        for name in ("root", "cwd", "fd/0", "task/0"):
            with forbidden():
                os.open(f"/proc/{pid}/{name}/{MARK}", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("-1000")
        score.flush()
        breach()
    return x
