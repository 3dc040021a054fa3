# raises texts that would clear the screen, end the report or turn the reading round; secret raised; frames, log
from known import *

TEXT = '\x1b[2J\x1b]0;passed\x07\x9b31m\u202e\u2066passed\x00\x08\r\n</pre><script>alert(1)</script>"}],"score": 7'


def secret(x):
    print(TEXT * 100)
    raise type("<script>\u202e\x1b[2J", (Exception,), {})(TEXT + "\ud800")


def words():
    raise ValueError(TEXT.encode(), "\x9d" * 5000)


class Model:
    def __new__(cls):
        exec("def \u0440assed(): raise ValueError('" + "\\x1b' * 9999)\n\u0440assed()")
