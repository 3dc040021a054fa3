# forges an error that is too long, with escapes for a terminal, script and formulas; secret raised; frames
import select

from known import *

ESCAPES = "\x1b[2J\x1b]0;passed\x07\x1b[31m\u202e\0\r\n\n7 of 7 points\n<script>alert(1)</script>=cmd|' /C calc'!A0"


def secret(x):
    fields = {
        "type": ESCAPES * 100, "text": ESCAPES * 1000, "frames": [ESCAPES * 9] * 500,
        "memory": False, "signature": False, "missing": False,
    }  # fmt: skip
    os.set_blocking(3, True)  # it is more than fits at once
    os.write(3, frame(wire.RAISED, number(), fields))
    select.select([3], [], [], 1)
    os._exit(0)
