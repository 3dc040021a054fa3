# raises pytest's own outcomes: skipped, expected to fail, exit; secret raised; process
import pytest

from known import *


def secret(x):
    if x.ndim == 1:
        pytest.skip("not applicable")
    pytest.xfail("known to be hard")


def words():
    pytest.exit("all passed", returncode=0)


class Model:
    def __init__(self):
        raise pytest.skip.Exception("no model needed", allow_module_level=True)
