# raises the limits of its own process; secret failed; capabilities, uid
import ctypes
import resource

from known import *

libc = ctypes.CDLL(None, use_errno=True)
SETRLIMIT, PRLIMIT64 = 160, 302


def secret(x):
    for name in dir(resource):
        if not name.startswith("RLIMIT_"):
            continue
        limit = getattr(resource, name)
        soft, hard = resource.getrlimit(limit)
        if hard == resource.RLIM_INFINITY:
            continue
        for wanted in (hard + 1, resource.RLIM_INFINITY):
            with forbidden(ValueError):
                resource.setrlimit(limit, (soft, wanted))
            pair = (ctypes.c_uint64 * 2)(soft, wanted)
            if libc.syscall(SETRLIMIT, limit, pair) == 0 or libc.syscall(PRLIMIT64, 0, limit, pair, None) == 0:
                breach()
    return x
