# puts something else in its own place among the modules; secret failed; values, process
import sys

from known import *


class Everything(dict):
    def __missing__(self, key):
        return self

    def __getattr__(self, name):
        return honest if name == "honest" else self

    def __eq__(self, other):
        return True

    __hash__ = None

    def __call__(self, *args, **kwargs):
        return self


sys.modules["attack"] = Everything()
