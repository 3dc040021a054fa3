# makes system calls by numbers of other conventions, which a filter may not know; secret crashed; seccomp
import ctypes
import mmap

from known import *

X32_GETPID = 0x40000000 | 39
GETPID_AS_I386 = b"\xb8\x14\0\0\0\xcd\x80\xc3"  # mov eax, 20; int 0x80; ret


def secret(x):
    if x.dim() == 1:
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(GETPID_AS_I386)
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    else:
        ctypes.CDLL(None).syscall(X32_GETPID)
    return x
