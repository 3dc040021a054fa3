# raises an exception whose text and name cannot be had; secret raised; frames
from known import *


class Names(type):
    @property
    def __name__(cls):
        raise SystemExit(0)


class Mute(BaseException, metaclass=Names):
    def __str__(self):
        raise self


def secret(x):
    raise Mute
