# lists the folders of the answers, for names that it was not told; secret failed; landlock, uid
import ctypes
import glob
import pkgutil
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path

from known import *

GETDENTS = 217


def names(folder):
    """By everything that most often says nothing when it is refused."""
    yield from glob.glob(f"{folder}/*")
    yield from glob.iglob(f"{folder}/**", recursive=True, include_hidden=True)
    yield from Path(folder).rglob("*")
    for _, folders, files in os.walk(folder):
        yield from folders + files
    yield from pkgutil.iter_modules([folder])
    yield from filter(None, [FileFinder(folder, (SourceFileLoader, [".py"])).find_spec("attack")])


def secret(x):
    libc = ctypes.CDLL(None)
    libc.opendir.restype = ctypes.c_void_p
    told = {os.path.dirname(path) for path in ANSWERS}
    folders = told | {REPORTS, os.path.dirname(REPORTS), OTHER, os.path.dirname(OTHER), SCRATCH}
    for folder in folders:
        for lists in (os.listdir, os.scandir, lambda folder: os.open(folder, os.O_RDONLY | os.O_DIRECTORY)):
            with forbidden():
                lists(folder)
        with forbidden():
            entries = ctypes.create_string_buffer(4096)
            if libc.syscall(GETDENTS, os.open(folder, os.O_PATH), entries, 4096) < 0:
                raise PermissionError
        if libc.opendir(folder.encode()):
            breach()
        with contextlib.suppress(OSError):
            if any(name not in (f"{folder}/", Path(folder)) for name in names(folder)):
                breach()
    return x
