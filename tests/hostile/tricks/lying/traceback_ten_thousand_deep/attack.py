# raises from ten thousand calls deep, and from beyond what the interpreter allows; secret raised; frames
import sys

from known import *


def down(depth):
    if depth == 0:
        raise ValueError("x" * 10_000)
    down(depth - 1)


def secret(x):
    sys.setrecursionlimit(30_000)
    try:
        down(10_000)
    finally:
        sys.setrecursionlimit(1000)


def words():
    down(-1)
