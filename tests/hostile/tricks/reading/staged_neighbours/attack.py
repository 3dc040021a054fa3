# looks for the staged copy of the reference, or of another student's submission; secret failed; landlock, uid
import glob
import re
from pathlib import Path

from known import *


def secret(x):
    mine = os.getcwd()
    for folder in (os.path.dirname(mine), "..", f"{mine}/..", SCRATCH, f"{SCRATCH}/.", f"{SCRATCH}/{MARK}/.."):
        with forbidden():
            os.listdir(folder)
        for pattern in ("*/attack.py", "*/*/attack.py", "torchgrade-*/*/attack.py", "torchgrade-*"):
            if {os.path.realpath(path) for path in glob.glob(f"{folder}/{pattern}")} - {f"{mine}/attack.py"}:
                breach()
    # Every other worker stands in its own staged folder.
    for pid in {os.getppid(), GRADER, *range(max(1, os.getpid() - 60), os.getpid() + 20)} - {os.getpid()}:
        for link in ("cwd", "root", "fd/3", "exe"):
            with forbidden():
                os.readlink(f"/proc/{pid}/{link}")
        for file in ("cwd/attack.py", "root/etc/hostname"):
            with forbidden():
                Path(f"/proc/{pid}/{file}").read_text()
    # Names that a table of the kernel may give away.
    for table in ("mounts", "mountinfo", "locks", "net/unix", "maps"):
        with contextlib.suppress(OSError):
            places = re.findall(rf"{SCRATCH}/torchgrade-\w+/\w+", Path(f"/proc/self/{table}").read_text())
            if set(places) - {mine}:
                breach()
    return x
