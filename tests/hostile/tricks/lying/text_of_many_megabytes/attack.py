# returns texts, bytes and numbers of millions of digits; words failed; frames, rlimits
from known import *


def words():
    return ["x" * (20 << 20), b"x" * (20 << 20), bytearray(8), memoryview(b"")]


def secret(x):
    return 10**100_000 if x.ndim == 1 else [2**64, -(2**63) - 1]


def Model():
    return range(10**18)
