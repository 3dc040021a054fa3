# speaks to whoever listens on this machine, by every way to say an address; secret failed; seccomp
import contextlib
import socket
import urllib.request

from known import *

KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)
PLACES = ((socket.AF_INET, TCP), (socket.AF_INET, UDP), (socket.AF_UNIX, SOCKET), (socket.AF_UNIX, ABSTRACT))


def secret(x):
    for family, address in PLACES:
        for kind in KINDS:
            with forbidden():
                socket.socket(family, kind).connect(address)
            with forbidden():
                socket.socket(family, kind).sendto(b"x", address)
            with contextlib.suppress(OSError):
                here, there = socket.socketpair(socket.AF_UNIX, kind)
                for way in (here.connect, here.bind, lambda address, there=there: there.sendto(b"x", address)):
                    with contextlib.suppress(OSError, TypeError):
                        way(address)
    with forbidden():
        socket.create_connection(TCP, 1)
    with forbidden():
        socket.getaddrinfo(f"{MARK}.invalid", 80)
    with forbidden():
        urllib.request.urlopen(f"http://127.0.0.1:{TCP[1]}/{MARK}", timeout=1)
    return x
