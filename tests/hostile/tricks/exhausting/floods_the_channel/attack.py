# writes to the grader's channel without end and reads nothing; secret refused; frames
import os

from known import *


def secret(x):
    while x.dim() == 1:
        os.write(3, bytes(1 << 16))
    return x
