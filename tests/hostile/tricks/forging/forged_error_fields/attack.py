# forges an error with a status, points or fields of wrong types; secret refused; frames
import sys

from known import *

wire = sys.modules["grader.worker.wire"]


def number():
    """Of the request that is being answered."""
    frame = sys._getframe()
    while "request_id" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["request_id"]


def frame(kind, request_id, body):
    packer = wire.Packer()
    return b"".join(packer.frame(kind, request_id, packer.pack(body)))


def secret(x):
    for fields in (
        {"type": "E", "text": "", "status": "passed", "score": 7},
        {"type": 1, "text": None},
        {"type": "E", "text": "", "frames": [1, [2]]},
        {"type": "E", "text": "", "missing": "yes"},
        {"status": "passed", "text": "", "log": ""},
        ["passed"],
    ):
        os.write(3, frame(wire.RAISED, number(), fields))
    return x
