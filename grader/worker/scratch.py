"""Temporary folders that do not outlive their use: whoever is killed leaves his, and the next one removes it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PREFIX = "torchgrade-"


class Scratch:
    """A temporary folder, locked for as long as its process lives, since a lock ends with its process and a
    process number may be another's by now. Making one removes the unlocked ones of the same user.

    mode: the folder's. Raises OSError.
    """

    def __init__(self, mode: int) -> None:
        self._lock = -1
        place = Path(tempfile.gettempdir())
        for left in place.glob(f"{PREFIX}*-*"):
            _remove_unused(left)
        while self._lock < 0:
            self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
            try:
                self._lock = _locked(self.path, wait=True)
            except FileNotFoundError:
                continue  # somebody took it for a left one before it was locked
            except BaseException:
                self.path.rmdir()
                raise
        self.path.chmod(mode)

    def remove(self) -> None:
        """Removes the folder with what is in it, as far as that can be done."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock > 0:
            os.close(self._lock)
            self._lock = 0


def _locked(folder: Path, *, wait: bool) -> int:
    """The descriptor that holds the folder's lock; 0 where there are none. Raises OSError, FileNotFoundError
    when the folder is gone."""
    if sys.platform == "win32":
        return 0
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        folder.stat()
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _remove_unused(folder: Path) -> None:
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # it is in use, or somebody else's, or gone by now
        if folder.lstat().st_uid == os.geteuid():
            descriptor = _locked(folder, wait=False)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)
