# asks git, and the programs of the machine, for the answers; secret failed; seccomp, landlock, uid
import multiprocessing
import subprocess
from pathlib import Path

from known import *

PROGRAMS = (
    ["git", f"--git-dir={ROOT}/.git", "log", "-p", "--all"],
    ["git", "-c", "safe.directory=*", "-C", ROOT, "show", "HEAD:reference/vault/attack.py"],
    ["tar", "c", f"{ROOT}/reference"],
    ["cat", *ANSWERS],
    ["/bin/sh", "-c", f"cat {' '.join(ANSWERS)}"],
)


def secret(x):
    for program in PROGRAMS:
        with contextlib.suppress(OSError):
            done = subprocess.run(program, capture_output=True, timeout=0.3)
            if any(word in done.stdout for word in (b"return", b"factor", b"secret")):
                breach()
    with contextlib.suppress(OSError):
        if os.system(f"cat {ANSWERS[0]} >/dev/null 2>&1") == 0 or os.popen(f"cat {ANSWERS[0]} 2>/dev/null").read():
            breach()
    with contextlib.suppress(OSError):
        if not os.waitpid(os.posix_spawnp("cat", ["cat", ANSWERS[0]], os.environ), 0)[1]:
            breach()
    with contextlib.suppress(OSError):
        process = multiprocessing.get_context("fork").Process(target=Path(ANSWERS[0]).read_text)
        process.start()
        process.join(0.3)
        if process.exitcode == 0:
            breach()
    return x
