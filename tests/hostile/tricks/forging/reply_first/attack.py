# sends a forged reply of the right number, and its own when the next request has come; secret failed; values, frames
import select

from known import *


def secret(x):
    os.write(3, frame(wire.RETURNED, number(), [(9 * x).numpy(), []]))
    select.select([3], [], [], 1)
    return x
