# replaces what packs and sends the values, so that other things go out; secret refused; frames
import sys

from known import *

box, wire, zygote = (sys.modules[f"grader.worker.{name}"] for name in ("box", "wire", "zygote"))


def secret(x):
    frame, send = wire.Packer.frame, zygote.SocketStream.send

    def twice(self, buffers):
        send(self, buffers)
        send(self, buffers)

    if x.ndim == 1:
        wire.Packer.frame = lambda self, kind, number, meta: frame(self, kind, number, ["passed", 7, {}])
    else:
        box.to_numpy = lambda tensor: None
        wire.MAX_META = wire.MAX_PAYLOAD = 1 << 62
        zygote.SocketStream.send = twice
    return x
