# reads environments, maps, links and tables of the grader and the zygote in /proc; secret failed; landlock, uid
from pathlib import Path

from known import *

PRIVATE = ("environ", "maps", "auxv", "io", "stack", "syscall", "mem", "numa_maps", "smaps_rollup", "personality")
PUBLIC = ("cmdline", "comm", "stat", "status", "wchan", "cgroup", "limits", "mountinfo", "sched", "schedstat")


def secret(x):
    for pid in (GRADER, os.getppid()):
        for name in PRIVATE:
            with forbidden():
                Path(f"/proc/{pid}/{name}").read_bytes()
        for name in ("cwd", "root", "exe", "ns/mnt", "ns/net", *(f"fd/{number}" for number in range(64))):
            with forbidden():
                os.readlink(f"/proc/{pid}/{name}")
        for name in ("fd", "fdinfo", "map_files"):
            with forbidden():
                os.listdir(f"/proc/{pid}/{name}")
        for name in PUBLIC:  # every user may see them where there is no Landlock; there is nothing in them
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/{name}").read_bytes()
                if f"{ROOT}/".encode() in text:
                    breach()
    return x
