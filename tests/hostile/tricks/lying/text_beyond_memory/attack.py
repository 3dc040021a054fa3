# returns one text of a megabyte a thousand times over; words failed; frames, rlimits
from known import *


def words():
    return ["x" * (1 << 20)] * 1000
