# looks among its descriptors for the channel on which workers are ordered, and orders some; secret failed; process
import json
import os
import socket

from known import *

ORDERS = ({"spawn": {}}, {"reap": os.getppid(), "grace_s": 0}, {"ready": {}, "pid": 1}, {"pid": 1, "number": 0})


def secret(x):
    for descriptor in (*range(3), *range(4, 1024)):
        for order in ORDERS:
            with forbidden():
                socket.socket(fileno=os.dup(descriptor)).send(json.dumps({"number": 0, **order}).encode())
    for pid in (os.getppid(), GRADER):
        with forbidden():
            os.listdir(f"/proc/{pid}/fd")
    return x
