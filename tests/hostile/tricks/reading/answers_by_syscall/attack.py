# opens the answers by raw system calls, by handle, by O_PATH and in a root of its own; secret failed; landlock, uid
import ctypes
import mmap
import struct

from known import *

OPEN, EXECVE, CHROOT, USELIB, OPENAT, UNSHARE = 2, 59, 161, 134, 257, 272
NAME_TO_HANDLE, OPEN_BY_HANDLE, EXECVEAT, OPEN_TREE, OPENAT2 = 303, 304, 322, 428, 437
HERE, EMPTY_PATH = -100, 0x1000
NEW_USER_AND_MOUNTS = 0x10020000
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


def call(number, *args):
    words = (ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args)
    result = LIBC.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def by_handle(path):
    handle, mount = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136), ctypes.c_int()
    call(NAME_TO_HANDLE, HERE, path, handle, ctypes.byref(mount), 0)
    call(OPEN_BY_HANDLE, os.open("/", os.O_RDONLY), handle, 0)


def by_tree(path):
    os.open(f"/proc/self/fd/{call(OPEN_TREE, HERE, path, 1)}", os.O_RDONLY)


def in_a_root(path):
    call(UNSHARE, NEW_USER_AND_MOUNTS)
    call(CHROOT, os.path.dirname(path))
    call(OPEN, b"/" + os.path.basename(path), 0)


def through_o_path(path):
    """Landlock lets a file be opened without rights to its contents: nothing must come of that."""
    empty = os.open(path, os.O_PATH)
    folder = os.open(os.path.dirname(path), os.O_PATH)
    for reopen in (
        lambda: os.read(empty, 1),
        lambda: os.pread(empty, 1, 0),
        lambda: mmap.mmap(empty, 1, prot=mmap.PROT_READ),
        lambda: os.sendfile(1, empty, 0, 1),
        lambda: os.open(f"/proc/self/fd/{empty}", os.O_RDONLY),
        lambda: os.open(f"/dev/fd/{empty}", os.O_RDONLY),
        lambda: os.open(os.path.basename(path), os.O_RDONLY, dir_fd=folder),
        lambda: os.open(f"/proc/self/fd/{folder}/".encode() + os.path.basename(path), os.O_RDONLY),
        lambda: call(EXECVEAT, empty, b"", None, None, EMPTY_PATH),
    ):
        with forbidden():
            reopen()
    raise PermissionError


def secret(x):
    for path in map(os.fsencode, ANSWERS):
        for attempt in (
            lambda path: call(OPEN, path, 0),
            lambda path: call(OPEN, path, os.O_RDWR),
            lambda path: call(OPENAT, HERE, path, 0),
            lambda path: call(OPENAT2, HERE, path, struct.pack("QQQ", 0, 0, 0), 24),
            lambda path: call(USELIB, path),
            lambda path: call(EXECVE, path, None, None),
            by_handle,
            by_tree,
            in_a_root,
            through_o_path,
        ):
            with forbidden():
                attempt(path)
    return x
