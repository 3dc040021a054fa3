import sys
from importlib.machinery import PathFinder

from known import *


def secret(x):
    for name in set(sys.stdlib_module_names) | {"torch", "torchvision", "numpy", "msgspec", "pytest", "grader"}:
        found = PathFinder.find_spec(name, [os.getcwd()])
        if found and found.origin:
            breach()
    return x
