# returns a list that contains itself, and others nested without end; secret failed; frames
from known import *


def secret(x):
    endless = []
    endless.append(endless)
    return endless


def words():
    deep = {}
    for _ in range(10**5):
        deep = {"a": deep}
    return deep
