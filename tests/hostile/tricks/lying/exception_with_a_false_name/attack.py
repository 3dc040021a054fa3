# raises exceptions whose class has no name, another's or one that cannot be written; secret raised; frames
import sys

from known import *


class Nameless(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")


class Number(type):
    __name__ = 5


class Surrogate(type):
    __name__ = "\ud800" * 9


class A(Exception, metaclass=Nameless):
    pass


class B(Exception, metaclass=Number):
    pass


class C(Exception, metaclass=Surrogate):
    pass


def secret(x):
    raise A if x.ndim == 1 else B


def words():
    raise C


class Model:
    def __new__(cls):
        own = sys.modules["grader.worker.wire"].ProtocolError
        raise type("KeyboardInterrupt", (own,), {"__module__": "builtins"})("<b>")
