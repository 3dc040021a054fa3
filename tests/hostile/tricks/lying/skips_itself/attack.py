# raises what test runners take for a skipped or expected failure, by class and by name; secret raised; process, frames
import unittest

from known import *


def named(name, module):
    return type(name, (BaseException,), {"__module__": module, "msg": "", "allow_module_level": True})


def secret(x):
    try:
        import pytest
    except (ImportError, OSError):
        raise named("Skipped", "_pytest.outcomes")("skipped") from None
    pytest.skip("skipped")


def words():
    raise unittest.SkipTest("skipped")


class Model:
    def __new__(cls):
        raise named("XFailed", "_pytest.outcomes")("expected")
