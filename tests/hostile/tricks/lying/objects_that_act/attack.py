# returns objects whose every attribute raises, exits or hangs; secret raised; frames, process, clock
import os

from known import *


class Acting:
    def __init__(self, act):
        object.__setattr__(self, "act", act)

    def __getattribute__(self, name):
        return object.__getattribute__(self, "act")()

    __getattr__ = __getattribute__


def stop():
    raise SystemExit(0)


def hang():
    while True:
        pass


def secret(x):
    return Acting(stop)


def words():
    return Acting(lambda: os._exit(0))


def Model():
    return Acting(hang)
