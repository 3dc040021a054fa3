# starts a thousand threads that stay; secret failed; process
import contextlib
import threading

from known import *

never = threading.Event()


def secret(x):
    if x.dim() == 1:
        threading.stack_size(64 << 10)
        with contextlib.suppress(RuntimeError, MemoryError):
            for _ in range(1000):
                threading.Thread(target=never.wait).start()
    return x
