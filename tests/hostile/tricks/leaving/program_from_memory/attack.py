# writes a program into memory, where no rules for files apply, and becomes it; secret failed; seccomp
import os
import struct

from known import *

BASE, CODE = 0x400000, b"\x31\xff\x6a\x3c\x58\x0f\x05"  # exit(0)
SIZE = 120 + len(CODE)
PROGRAM = (
    b"\x7fELF\2\1\1".ljust(16, b"\0")
    + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    + struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, SIZE, SIZE, 4096)
    + CODE
)


def secret(x):
    with forbidden():
        file = os.memfd_create(MARK)
        os.write(file, PROGRAM)
        os.execve(file, [MARK], {})
    return x
