# leaves a socket on which the next submission could be awaited; secret failed; seccomp, namespaces, process
import contextlib
import socket
import threading

from known import *

kept = []


def secret(x):
    for family, address in (
        (socket.AF_UNIX, f"\0{MARK}-left"),
        (socket.AF_INET, ("127.0.0.1", 0)),
        (socket.AF_INET6, ("::1", 0)),
    ):
        with contextlib.suppress(OSError):
            here = socket.socket(family, socket.SOCK_STREAM)
            kept.append(here)
            here.bind(address)
            here.listen()
            threading.Thread(target=here.accept, daemon=True).start()
    with contextlib.suppress(OSError):
        pair = socket.socketpair()[0]
        kept.append(pair)
        pair.bind(f"\0{MARK}-pair")
        pair.listen()
    return x
