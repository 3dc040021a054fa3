# returns dicts with more keys, or stranger ones, than a reply holds; words failed; frames
from known import *


def words():
    return dict.fromkeys(range(1_000_000))


def secret(x):
    if x.ndim == 1:
        return {float("nan"): 1, True: 2, -1: 3, "": 4, 2.5: {0: {1: {}}}}
    return {x: x, (1,): 2, None: 3, b"": 4, frozenset(): 5}
