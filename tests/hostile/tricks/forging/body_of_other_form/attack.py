# replies with bodies that are no reply: other forms, keys, types, extensions, depths; secret refused; frames
import struct
import sys

import msgspec

from known import *

deep = b"\x91" * 100_000 + b"\xc0"
Ext = msgspec.msgpack.Ext
BODIES = (
    deep,
    b"\xdd\xff\xff\xff\xff",  # a list of four billion items that are not there
    *map(msgspec.msgpack.encode, (
        [], [1, [], 2], {"score": 7}, None, [1, "changed"], [1, [0.5]], [1, {"0": 0}],
        [Ext(77, b""), None], [Ext(1, b""), None], [Ext(2, b""), None], [Ext(-1, bytes(12)), None],
        [Ext(1, struct.pack("<BBQ2q", 8, 2, 0, 2**40, 2**40)), None],
        [Ext(1, struct.pack("<BBQ1q", 8, 1, 2**63, 3)), None],
        [Ext(1, struct.pack("<BBQ1q", 8, 1, 0, -1)), None],
        [Ext(1, struct.pack("<BBQ", 99, 0, 0)), None],
        [{None: 1}, None], [{b"x": 1}, None],
    )),
)  # fmt: skip


def secret(x):
    frame = sys._getframe()
    while "request_id" not in frame.f_locals:
        frame = frame.f_back
    os.set_blocking(3, True)  # they are more than fit at once
    for body in BODIES if x.ndim == 1 else BODIES[::-1]:
        head = struct.pack("<4sBBHIQQ", b"TGW1", 2, 0, 0, len(body), frame.f_locals["request_id"], 0)
        os.write(3, head + body)
    return x
