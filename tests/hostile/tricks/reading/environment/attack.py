# looks for what the grader's environment and arguments say, in its own; secret failed; process
import ctypes
import sys
import sysconfig
from pathlib import Path

from known import *

HARMLESS = {
    "HOME", "PATH", "LANG", "LC_CTYPE", "MPLBACKEND", "MPLCONFIGDIR", "MALLOC_ARENA_MAX", "PYTHONHASHSEED",
    "PYTHONDONTWRITEBYTECODE", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    # set by torch and its libraries when they are imported
    "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "TORCHINDUCTOR_CACHE_DIR", "PYTORCH_NVML_BASED_CUDA_CHECK",
    "CUDA_MODULE_LOADING",
}  # fmt: skip


def environment():
    yield from os.environ.items()
    pointers = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    for variable in iter_until_null(pointers):
        yield variable.decode().split("=", 1)
    with contextlib.suppress(OSError):
        for variable in Path("/proc/self/environ").read_text().split("\0")[:-1]:
            yield variable.split("=", 1)


def iter_until_null(pointers):
    index = 0
    while pointers[index]:
        yield pointers[index]
        index += 1


def secret(x):
    for name, value in environment():
        if name not in HARMLESS or any(value.startswith(path) for path in (ROOT, REPORTS, OTHER)):
            breach()
    told = [*sys.argv, *sys.orig_argv, *sys.path, *sysconfig.get_paths().values(), str(sys.flags)]
    private = (*ANSWERS, REPORTS, OTHER, f"{ROOT}/reference", f"{ROOT}/fixtures")
    if any(path in text for text in told for path in private):
        breach()
    return x
