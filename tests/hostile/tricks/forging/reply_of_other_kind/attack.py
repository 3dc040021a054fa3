# replies with a hello that claims every layer, and with a request; secret refused; frames
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
    hello = frame(wire.HELLO, number(), {"layers": dict.fromkeys(("landlock", "seccomp", "uid"), "")})
    request = frame(wire.REQUEST, number(), ["call", ["attack", "secret"], [x.numpy()], {}, {}])
    os.write(3, hello if x.ndim == 1 else request)
    return x
