# puts a filter and file rules of its own on itself; secret failed; process
import ctypes
import struct

from known import *

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP, CREATE_RULESET, RESTRICT_SELF = 22, 38, 317, 444, 446
ALLOW = struct.pack("HBBI", 6, 0, 0, 0x7FFF0000)
STRICT, NEW_LISTENER = 1, 8


def secret(x):
    code = ctypes.create_string_buffer(ALLOW, 8)
    program = struct.pack("HP", 1, ctypes.addressof(code))
    libc.prctl(PR_SET_SECCOMP, STRICT, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)
    libc.prctl(PR_SET_SECCOMP, 2, program, 0, 0)
    libc.syscall(SECCOMP, 1, NEW_LISTENER, program)
    rules = libc.syscall(CREATE_RULESET, struct.pack("3Q", 1, 0, 0), 24, 0)
    libc.syscall(RESTRICT_SELF, rules, 0)
    return x
