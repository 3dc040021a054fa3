"""Landlock: the kernel's own list of folders a process may use, by its three system calls.

Rights are only ever listed, never subtracted: what lies below a granted folder is granted. Landlock knows
nothing of stat, chmod, UDP or inotify; the system call filter answers for those.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every machine

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_RENAME_ACROSS, _TRUNCATE, _DEVICE_IOCTL = 1 << 13, 1 << 14, 1 << 15
_FIRST_VERSION = (1 << 13) - 1  # the 13 rights of version 1, execution among them

_READ = _READ_FILE | _READ_DIR
_WRITE = (
    _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_FILE | _RENAME_ACROSS | _TRUNCATE
)
_DEVICE = _READ_FILE | _WRITE_FILE | _DEVICE_IOCTL
_OF_A_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _DEVICE_IOCTL  # the kernel takes no folder rights for these

_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract Unix sockets, signals

_DEVICES = (("/dev/null", _READ_FILE | _WRITE_FILE), ("/dev/urandom", _READ_FILE))


class Landlock:
    """The best restriction that this kernel offers.

    version: the kernel's Landlock version, 1 or above. Version 2 adds renaming across folders, 3
    truncation, 4 TCP, 5 ioctl on devices, 6 signals and abstract sockets.
    Raises OSError when the kernel has no Landlock or it is switched off.
    """

    def __init__(self, libc: ctypes.CDLL) -> None:
        self._libc = libc
        self.version = self._call(_CREATE_RULESET, None, 0, 1)
        self._handled = _FIRST_VERSION
        for since, right in ((2, _RENAME_ACROSS), (3, _TRUNCATE), (5, _DEVICE_IOCTL)):
            if self.version >= since:
                self._handled |= right
        ruleset = struct.pack("=Q", self._handled)
        if self.version >= 4:
            ruleset += struct.pack("=Q", _TCP)
        if self.version >= 6:
            ruleset += struct.pack("=Q", _SCOPES)
        self._ruleset = ruleset

    def restrict(self, readable: Iterable[str], writable: Iterable[str], devices: Iterable[str] = ()) -> None:
        """Leave the calling thread these files and folders, /dev/null and /dev/urandom, and nothing else.

        devices: nodes that may be asked to do things (ioctl), too.
        Paths that do not exist are left out. Nothing may be executed, not even below a granted folder.
        Needs no_new_privs. Raises OSError when the kernel refuses.
        """
        ruleset = self._call(_CREATE_RULESET, self._ruleset, len(self._ruleset), 0)
        try:
            for path in readable:
                self._grant(ruleset, path, _READ)
            for path in writable:
                self._grant(ruleset, path, _WRITE)
            for path in devices:
                self._grant(ruleset, path, _DEVICE)
            for path, rights in _DEVICES:
                self._grant(ruleset, path, rights)
            self._call(_RESTRICT_SELF, ruleset, 0, 0)
        finally:
            os.close(ruleset)

    def _grant(self, ruleset: int, path: str, rights: int) -> None:
        try:
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return  # missing, or out of this user's reach anyway
        try:
            if not stat.S_ISDIR(os.fstat(beneath).st_mode):
                rights &= _OF_A_FILE
            rule = struct.pack("=Qi", rights & self._handled, beneath)
            self._call(_ADD_RULE, ruleset, 1, rule, 0)
        finally:
            os.close(beneath)

    def _call(self, number: int, *arguments: int | bytes | None) -> int:
        words = (ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)  # registers, not C ints
        result: int = self._libc.syscall(ctypes.c_long(number), *words)
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, f"the kernel refuses Landlock ({os.strerror(code)})")
        return result
