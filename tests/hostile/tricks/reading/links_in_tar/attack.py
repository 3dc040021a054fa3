import importlib
from pathlib import Path

from known import *


def secret(x):
    for name in ("solution", "users", "chained", "hard", "nested.attack"):
        with forbidden(ImportError):
            importlib.import_module(name)
    for path in ("weights.pt", "solution.py", "nested/attack.py", "users.py", "hard.py"):
        with forbidden():
            Path(path).read_text()
    return x
