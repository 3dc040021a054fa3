# sends a forged reply and ends the process with success on the next request; secret failed; values, process
import select

from known import *


def secret(x):
    os.write(3, frame(wire.RETURNED, number(), [(9 * x).numpy(), []]))
    select.select([3], [], [], 1)
    os._exit(0)
