# keeps memory in files below /dev/shm; secret failed; landlock, seccomp
import ctypes
import os
from multiprocessing import shared_memory
from pathlib import Path

import torch

from known import *

libc = ctypes.CDLL(None, use_errno=True)
libc.sem_open.restype = ctypes.c_void_p  # None when refused


def secret(x):
    with forbidden():
        Path(f"/dev/shm/{MARK}-open").write_bytes(bytes(1 << 20))
    with forbidden():
        os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR)
    with forbidden():
        shared_memory.SharedMemory(f"{MARK}-python", create=True, size=1 << 20)
    with forbidden(RuntimeError):
        torch.ones(1 << 20).share_memory_()
    if libc.shm_open(f"/{MARK}-memory".encode(), os.O_CREAT | os.O_RDWR, 0o600) >= 0:
        breach()
    if libc.sem_open(f"/{MARK}-semaphore".encode(), os.O_CREAT, 0o600, 1):
        breach()
    return x
