# raises exceptions whose traceback is none, or is that of another file; secret raised; frames
from known import *


class Untraced(Exception):
    __traceback__ = property(lambda self: 5)


class Raising(Exception):
    @property
    def __traceback__(self):
        raise RuntimeError("no traceback")

    __cause__ = __context__ = __traceback__


def secret(x):
    raise Untraced("text")


def words():
    raise Raising


class Model:
    def __new__(cls):
        code = compile("raise ValueError('from nowhere')", ROOT + "/grader/subject.py", "exec")
        exec(code, {"__loader__": cls, "__name__": "grader.subject", "__file__": ROOT + "/grader/subject.py"})
