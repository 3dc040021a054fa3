# sends two replies at once; secret refused; frames

from known import *


def secret(x):
    os.write(3, 2 * frame(wire.RETURNED, number(), [(9 * x).numpy(), []]))
    return x
