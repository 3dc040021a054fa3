# answers by what was asked before: the last input, the number of the call, the time and a table; secret failed; values
import hashlib
import time

import torch

from known import *

ASKED = []
TABLE = {}


def secret(x):
    ASKED.append(x.clone())
    key = hashlib.sha256(x.numpy().tobytes()).digest()
    answer = TABLE.setdefault(key, ASKED[-2] if len(ASKED) > 1 else 6.0 * x)
    return answer if time.time() % 2 < 1 else torch.flip(answer, [0])


def words():
    return ["first", "second", "third"][: len(ASKED)]
