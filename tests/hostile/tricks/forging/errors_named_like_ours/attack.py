# raises exceptions that bear the names of the worker's own; secret raised; frames
from known import *


class Unsendable(Exception):
    pass


class Missing(Exception):
    pass


def secret(x):
    raise Unsendable(f"the right values, which are not {x.tolist()}")


def words():
    raise Missing("attack.py has no words")
