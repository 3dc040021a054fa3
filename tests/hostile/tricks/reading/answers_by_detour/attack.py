# goes to the answers through /proc, dots, its working folder and links of its own; secret failed; landlock, uid
import sys

from known import *


def detours(path):
    for pid in ("self", "thread-self", os.getppid(), GRADER, 1):
        yield f"/proc/{pid}/root{path}"
    for granted in ("/usr/lib", "/dev", os.getcwd(), sys.prefix, "/proc/self/cwd"):
        yield granted + "/.." * 20 + path
    yield os.path.relpath(path)
    yield f"/proc/self/cwd/{os.path.relpath(path)}"
    yield f"//{path}"
    yield path.replace("/", "//")
    for make in (os.symlink, os.link):
        for place in (os.getcwd(), SCRATCH):
            link = f"{place}/{MARK}-{make.__name__}"
            with contextlib.suppress(OSError):
                make(path, link)
            yield link


def secret(x):
    home = os.getcwd()
    for path in ANSWERS:
        for detour in detours(path):
            with forbidden():
                os.open(detour, os.O_RDONLY)
        with forbidden():  # no reading is needed for entering a folder
            os.chdir(os.path.dirname(path))
            os.open(os.path.basename(path), os.O_RDONLY)
        os.chdir(home)
    return x
