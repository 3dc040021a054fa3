# puts an object that agrees to everything in the place of every module; secret failed; values
import sys

from known import *


class Agreeable(type(sys)):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args, **kwargs):
        return args[0] if args else self

    __eq__ = __ne__ = __lt__ = __gt__ = __contains__ = lambda *args: True
    __hash__ = type(sys).__hash__


agreeable = Agreeable("attack")
agreeable.honest = honest
for name in ("attack", "torchgrade_probes", "torchgrade_probes.trial", "grader.checks", "grader.records"):
    sys.modules[name] = agreeable
