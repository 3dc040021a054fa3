# opens parts of the kernel that numeric code never needs; secret failed; seccomp
import ctypes
import os
import struct

from known import *

libc = ctypes.CDLL(None, use_errno=True)
zeros = ctypes.create_string_buffer(256)
handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
CALLS = {
    "io_uring_setup": (425, 1, zeros),
    "bpf": (321, 0, struct.pack("8I", 2, 4, 4, 1, 0, 0, 0, 0), 32),
    "userfaultfd": (323, 1),
    "perf_event_open": (298, struct.pack("IIQ", 1, 128, 0).ljust(128, b"\0"), 0, -1, -1, 0),
    "personality": (135, -1),
    "modify_ldt": (154, 0, zeros, 256),
    "kcmp": (312, os.getpid(), os.getpid(), 1, 0, 0),
    "name_to_handle_at": (303, -100, b".", handle, ctypes.byref(ctypes.c_int()), 0),
    "memfd_secret": (447, 0),
    "statmount": (457, struct.pack("IIQQ", 24, 0, 0, 1), zeros, 256, 0),
    "fanotify_init": (300, 0x200, 0),
    "pidfd_open": (434, os.getpid(), 0),
}


def secret(x):
    for call in CALLS.values():
        if libc.syscall(*call) >= 0:
            breach()
    return x
