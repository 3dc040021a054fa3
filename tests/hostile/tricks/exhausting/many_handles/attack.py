# returns as many handles as a reply can hold, of objects that do not exist; secret failed; frames, values
from grader.worker.wire import HandleRef
from known import *


def secret(x):
    return [HandleRef(2**64 - 1 - number) for number in range(95_000)]


def words():
    return [object() for _ in range(30_000)]
