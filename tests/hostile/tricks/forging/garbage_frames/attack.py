# writes what is no frame into the channel; secret refused; frames
from known import *

GARBAGE = (os.urandom(5000), b"\0" * 5000, b"TGW1" * 2000, b"GET / HTTP/1.1\r\n\r\n" * 40, b'{"score": 7}' * 40)


def secret(x):
    os.write(3, GARBAGE[x.numel() % len(GARBAGE)])
    return x
