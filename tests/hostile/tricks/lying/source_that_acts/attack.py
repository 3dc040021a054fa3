# raises from a module whose loader, asked for the line that failed, raises too; secret raised; frames
import sys

from known import *


class Loader:
    def get_source(self, name):
        raise SystemExit(0)


def secret(x):
    place = sys.modules["attack"].__file__.replace("attack", "made_up")
    exec(compile("raise ValueError('from a file that is not there')", place, "exec"),
         {"__loader__": Loader(), "__name__": "made_up", "__file__": place})  # fmt: skip
