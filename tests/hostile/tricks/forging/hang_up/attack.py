# closes or replaces its channel and stays; secret crashed; process
import socket
import time

from known import *


def secret(x):
    if x.ndim == 1:
        socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)
    os.dup2(os.open(os.devnull, os.O_RDWR), 3)
    os.close(3)
    time.sleep(600)
