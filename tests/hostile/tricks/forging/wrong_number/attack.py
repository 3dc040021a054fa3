# replies to other requests than the one that was asked; secret refused; frames

from known import *


def secret(x):
    for request_id in (0, number() + 1, number() ^ (1 << 63), 2**64 - 1):
        os.write(3, frame(wire.RETURNED, request_id, [x.numpy(), []]))
    return x
