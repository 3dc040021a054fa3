# imports the reference solution as a module; secret failed; landlock, uid
import importlib.util
import runpy
import sys
import zipimport
from importlib.machinery import PathFinder

from known import *


def modules():
    folders = sorted({os.path.dirname(path) for path in ANSWERS})
    sys.path[:0] = [ROOT, *folders]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    for name in ("reference.vault.attack", "vault.attack", "tests.vault.test_p1_secrets", "test_p1_secrets", "trial"):
        with contextlib.suppress(ImportError):
            yield importlib.import_module(name)
    for path in folders:
        with contextlib.suppress(ImportError, AttributeError):
            yield PathFinder.find_spec("attack", [path]).loader.load_module("stolen")
        with contextlib.suppress(zipimport.ZipImportError):
            yield zipimport.zipimporter(path)
    for path in ANSWERS:
        if path.endswith(".py"):
            with contextlib.suppress(OSError):
                spec = importlib.util.spec_from_file_location("stolen", path)
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                yield module
            with contextlib.suppress(OSError):
                yield runpy.run_path(path)


def secret(x):
    for module in modules():
        if not hasattr(module, "secret"):
            breach()  # it is ours all the same
        return module.secret(x)
    return x
