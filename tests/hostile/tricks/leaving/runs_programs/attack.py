# becomes another program, by its path, by the loader's, or one that gives rights; secret failed; seccomp, landlock
import ctypes
import glob
import os
import sys

from known import *

libc = ctypes.CDLL(None, use_errno=True)
EXECVEAT, AT_FDCWD, AT_EMPTY_PATH, USELIB = 322, -100, 0x1000, 134
LOADERS = glob.glob("/lib64/ld-linux*") + glob.glob("/lib/ld-linux*")
PROGRAMS = ("/bin/true", "/bin/sh", sys.executable, "/bin/su", "/usr/bin/passwd", "/bin/mount", *LOADERS)


def secret(x):
    for program in PROGRAMS:
        with forbidden():
            os.execv(program, [program, "--version"])
        with forbidden():
            os.execve(os.open(program, os.O_RDONLY), ["program", "--version"], {})
        words = (ctypes.c_char_p * 2)(program.encode())
        libc.syscall(EXECVEAT, AT_FDCWD, program.encode(), words, None, 0)
        libc.syscall(USELIB, program.encode())
    with forbidden():
        os.execv("attack.py", ["attack.py"])
    return x
