# renames, links, empties and removes what belongs to the grader; secret failed; landlock, uid
import ctypes
import os

from known import *

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAMEAT2, EXCHANGE = -100, 316, 2
FOLDERS = (ROOT, os.path.dirname(REPORTS), REPORTS, OTHER, SCRATCH, os.path.dirname(ANSWERS[0]), ".", "..")
FILES = (f"{ROOT}/grade.py", ANSWERS[0], f"{OTHER}/attack.py", "attack.py", "honest.py", "given.py")


def secret(x):
    for folder in FOLDERS:
        new = f"{folder}/{MARK}"
        for way in (
            os.mkdir,
            os.mkfifo,
            lambda new: os.open(new, os.O_CREAT | os.O_WRONLY),
            lambda new: os.symlink("/", new),
            lambda new: os.link("attack.py", new),
            lambda new: os.rename("honest.py", new),
        ):
            with forbidden():
                way(new)
    for file in FILES:
        for way in (
            lambda file: os.open(file, os.O_WRONLY | os.O_TRUNC),
            lambda file: os.open(file, os.O_RDWR | os.O_APPEND),
            lambda file: os.truncate(file, 0),
            lambda file: os.rename(file, f"{file}-{MARK}"),
            lambda file: os.replace("attack.py", file + "/../" + os.path.basename(file)),
            lambda file: os.link(file, f"{SCRATCH}/{MARK}"),
            os.unlink,
        ):
            with forbidden():
                way(file)
        if libc.syscall(RENAMEAT2, AT_FDCWD, b"attack.py", AT_FDCWD, f"{OTHER}/honest.py".encode(), EXCHANGE) == 0:
            breach()
    for folder in (REPORTS, OTHER):
        with forbidden():
            os.rmdir(folder)
        with forbidden():
            os.rename(folder, f"{folder}-{MARK}")
    return x
