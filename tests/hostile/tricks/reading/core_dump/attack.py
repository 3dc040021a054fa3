# raises its limit for core dumps and crashes, to have its memory written to disk; secret crashed; rlimits
import ctypes
import resource
from pathlib import Path

from known import *


def secret(x):
    for most in (1 << 30, resource.RLIM_INFINITY):
        with forbidden(ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    with contextlib.suppress(OSError):
        Path("/proc/self/coredump_filter").write_text("0xff")
    set_dumpable = 4
    ctypes.CDLL(None).prctl(set_dumpable, 1, 0, 0, 0)
    os.abort()
