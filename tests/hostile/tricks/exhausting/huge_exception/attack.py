# raises an exception with a very long text, name and chain; secret raised; frames
from known import *


def secret(x):
    error = None
    for _ in range(10**4):
        error, cause = ValueError("x"), error
        error.__cause__ = cause
    raise type("E" * 10**6, (Exception,), {})("can't say \ud800\0" * (1 << 22)) from error
