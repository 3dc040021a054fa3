# has names that are instances, properties and classes which act when they are looked up; secret raised; frames
import sys
import types

from known import *


class Module(types.ModuleType):
    @property
    def secret(self):
        raise SystemExit(0)

    @property
    def words(self):
        raise AttributeError("words")

    def __getattr__(self, name):
        return honest if name == "honest" else self

    def __call__(self, *args):
        return self


sys.modules["attack"] = Module("attack")
