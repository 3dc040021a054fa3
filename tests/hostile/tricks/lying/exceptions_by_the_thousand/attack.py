# raises groups of ten thousand exceptions, and chains of causes that have no end; secret raised; frames
from known import *


def secret(x):
    raise ExceptionGroup("group", [ValueError(i) for i in range(10_000)])


def words():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__, first.__context__, second.__context__ = second, first, second, first
    raise first


class Model:
    def __new__(cls):
        error = None
        for i in range(100_000):
            after = ValueError(i)
            after.__cause__ = after.__context__ = error
            error = after
        raise BaseExceptionGroup("group", [error, KeyboardInterrupt(), SystemExit(0)])
