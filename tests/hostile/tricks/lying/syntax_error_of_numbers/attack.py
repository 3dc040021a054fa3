# raises syntax errors whose file, line and text are numbers; secret raised; frames
import os

from known import *

HERE = os.path.dirname(os.path.abspath(__file__))


def secret(x):
    raise SyntaxError("text", (5, "line", None, 7))


def words():
    raise SyntaxError([1], (os.path.join(HERE, "attack.py\ud800"), "9" * 9999, 0, 7))


class Model:
    def __new__(cls):
        error = SyntaxError()
        error.filename, error.msg = os.path.join(HERE, "a\x1b[2J"), b"\xff"
        raise error
