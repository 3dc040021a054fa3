# replies with a hello that claims every layer, and with a request; secret refused; frames

from known import *


def secret(x):
    hello = frame(wire.HELLO, number(), {"layers": dict.fromkeys(("landlock", "seccomp", "uid"), "")})
    request = frame(wire.REQUEST, number(), ["call", ["attack", "secret"], [x.numpy()], {}, {}])
    os.write(3, hello if x.ndim == 1 else request)
    return x
