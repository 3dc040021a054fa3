# forges an error with a status, points or fields of wrong types; secret refused; frames

from known import *


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
