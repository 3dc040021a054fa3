# rewrites its own module and the one beside it, which another process imports next; secret failed; landlock, uid
import os
import py_compile
from pathlib import Path

from known import *

WORSE = "def honest(x):\n    return 0\n"


def secret(x):
    for name in ("honest.py", "attack.py", "given.py", "known.py"):
        for way in (
            lambda path: path.write_text(WORSE),
            lambda path: path.open("a").write(WORSE),
            lambda path: path.unlink(),
            lambda path: path.rename(f"{MARK}.py"),
            lambda path: Path("/proc/self/fd", str(os.open(path, os.O_RDONLY))).write_text(WORSE),
            lambda path: os.open(f"/proc/self/cwd/{path}", os.O_RDWR),
        ):
            with forbidden():
                way(Path(name))
    with forbidden():
        py_compile.compile("attack.py", "__pycache__/honest.cpython-311.pyc", doraise=True)
    for name in ("sitecustomize.py", "usercustomize.py", "torch.py", "numpy.py"):
        with forbidden():
            Path(name).write_text("raise SystemExit")
    return x
