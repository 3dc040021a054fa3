# takes shared anonymous memory, which a limit on data alone does not count; secret failed; rlimits
import contextlib
import mmap

from known import *

SIZE = 16 << 20


def secret(x):
    taken = []
    with contextlib.suppress(OSError, ValueError):
        while len(taken) * SIZE < 1 << 30:
            taken.append(mmap.mmap(-1, SIZE))
            taken[-1][::4096] = b"x" * (SIZE // 4096)
    if len(taken) * SIZE >= 1 << 30:
        breach()
    return x
