# reads the memory of the grader, the zygote and the machine; secret failed; landlock, uid
import ctypes

from known import *

PTRACE, VM_READV, PIDFD_OPEN, PIDFD_GETFD, KCMP = 101, 310, 434, 438, 312
ATTACH, SEIZE, FILE = 16, 0x4206, 0
LIBC = ctypes.CDLL(None, use_errno=True)


def call(number, *args):
    words = (ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args)
    result = LIBC.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read_there(pid):
    """The zygote is our parent, so what lies here lies at the same address there."""
    target, buffer = ctypes.create_string_buffer(b"x" * 64), ctypes.create_string_buffer(64)
    here = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 64)
    there = (ctypes.c_size_t * 2)(ctypes.addressof(target), 64)
    call(VM_READV, pid, here, 1, there, 1, 0)


def secret(x):
    for pid in (GRADER, os.getppid()):
        for file in ("mem", "maps", "smaps", "pagemap", "auxv", "environ", "syscall"):
            for path in (f"/proc/{pid}/{file}", f"/proc/{pid}/task/{pid}/{file}"):
                with forbidden():
                    os.open(path, os.O_RDONLY)
        with forbidden():
            read_there(pid)
        for request in (SEIZE, ATTACH):
            with forbidden():
                call(PTRACE, request, pid, 0, 0)
        for fd in range(12):
            with forbidden():
                call(PIDFD_GETFD, call(PIDFD_OPEN, pid, 0), fd, 0)
        with forbidden():
            call(KCMP, os.getpid(), pid, FILE, 0, 0)
    disks = ("vda", "vda1", "sda", "sda1", "xvda", "nvme0n1", "nvme0n1p1", "dm-0", "loop0", "mem", "kmem", "port")
    for path in ("/proc/kcore", "/proc/vmcore", *(f"/dev/{disk}" for disk in disks)):
        with forbidden():
            os.open(path, os.O_RDONLY)
    return x
