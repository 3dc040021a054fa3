# claims to have changed 200000 arguments, at impossible positions; secret refused; frames
import select

from known import *


def secret(x):
    os.set_blocking(3, True)  # it is more than fits at once
    os.write(3, frame(wire.RETURNED, number(), [x.numpy(), [-1, 2**64 - 1, *range(200_000)]]))
    select.select([3], [], [], 1)
    os._exit(0)
