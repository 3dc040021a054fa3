# raises exceptions with a hundred megabytes of text, or ten thousand arguments; secret raised; frames, rlimits
from known import *


class Long(Exception):
    def __str__(self):
        return "x" * (100 << 20)


def secret(x):
    raise Long


def words():
    raise ValueError(*[b"\xff" * 1000] * 10_000)


class Model:
    def __new__(cls):
        raise type("X" * (8 << 20), (Exception,), {})("\U0001f525" * (1 << 20))
