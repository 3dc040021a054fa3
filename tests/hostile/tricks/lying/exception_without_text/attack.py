# raises exceptions whose text cannot be had; secret raised; frames
import os

from known import *


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Hasty(Exception):
    def __str__(self):
        os._exit(0)


class Odd(Exception):
    def __str__(self):
        return 5


def deep():
    found = []
    for _ in range(100_000):
        found = [found]
    return found


def secret(x):
    raise Mute if x.ndim == 1 else ValueError(deep())


def words():
    raise Odd


def Model():
    raise Hasty
