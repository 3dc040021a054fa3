# returns lists inside lists: a hundred thousand of them, or themselves; words failed; frames
from known import *


def words():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    return deep


def secret(x):
    if x.ndim == 1:
        loop = [x]
        loop.append((loop, {"loop": loop}))
        return loop
    deep = 0
    for i in range(60):
        deep = (deep,) if i % 2 else {"deep": deep}
    return deep
