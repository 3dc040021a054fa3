# fills the disk where it thinks that it may write; secret failed; landlock, uid
import os
from pathlib import Path

import matplotlib

from known import *

FOLDERS = (".", os.environ["HOME"], os.environ.get("TMPDIR", SCRATCH), SCRATCH, matplotlib.get_cachedir(), "/")
WAYS = (
    lambda path: Path(path).write_bytes(bytes(8 << 20)),
    lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 24),
    lambda path: os.posix_fallocate(os.open(path, os.O_CREAT | os.O_RDWR), 0, 1 << 24),
    lambda path: os.open(os.path.dirname(path), os.O_TMPFILE | os.O_RDWR),
    os.mkdir,
    os.mkfifo,
    os.mknod,
    lambda path: os.symlink("/", path),
    lambda path: os.link("attack.py", path),
)


def secret(x):
    for folder in FOLDERS:
        for number, way in enumerate(WAYS):
            with forbidden():
                way(f"{folder}/{MARK}-{number}")
    return x
