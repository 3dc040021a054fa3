# returns one small list that stands for more items than there are atoms; words timed_out; clock, rlimits
from known import *


def words():
    # Slow to look at and quick to forget: without an end of patience it takes years.
    item = {**dict.fromkeys(map(str, range(20_000))), (): 0}
    for _ in range(40):
        item = [item, item]
    return item
