# fills the disk where everybody may write; secret failed; landlock, seccomp
import os
import tempfile
from pathlib import Path

from known import *

FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock", "/var/lock", "/proc/self/cwd/../../..")
WAYS = (
    lambda path: Path(path).write_bytes(bytes(8 << 20)),
    lambda path: os.posix_fallocate(os.open(path, os.O_CREAT | os.O_RDWR), 0, 1 << 24),
    lambda path: os.open(os.path.dirname(path), os.O_TMPFILE | os.O_RDWR),
    os.mkdir,
    os.mkfifo,
    os.mknod,
    lambda path: os.symlink("/", path),
)


def secret(x):
    for folder in FOLDERS:
        for number, way in enumerate(WAYS):
            with forbidden():
                way(f"{folder}/{MARK}-{number}")
    with forbidden():
        tempfile.mkstemp(prefix=MARK)
    with forbidden():
        tempfile.mkdtemp(prefix=MARK)
    return x
