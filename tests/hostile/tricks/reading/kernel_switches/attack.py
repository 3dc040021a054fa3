# opens the kernel's switches that would let it read more, or have a program run as root; secret failed; landlock, uid
from known import *

SWITCHES = (
    "kernel/core_pattern", "kernel/yama/ptrace_scope", "kernel/modprobe", "kernel/hotplug", "kernel/kptr_restrict",
    "kernel/perf_event_paranoid", "fs/suid_dumpable", "fs/protected_symlinks", "fs/binfmt_misc/register",
)  # fmt: skip


def secret(x):
    for switch in SWITCHES:
        with forbidden():
            os.open(f"/proc/sys/{switch}", os.O_WRONLY)  # and nothing is written
    for path in ("/proc/sysrq-trigger", "/etc/passwd", "/etc/shadow", "/etc/sudoers", "/etc/ld.so.preload"):
        with forbidden():
            os.open(path, os.O_WRONLY)
    with forbidden():
        os.open("/etc/shadow", os.O_RDONLY)
    return x
