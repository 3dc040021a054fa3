# ends the main thread alone, so that the process neither answers nor ends; secret timed_out; clock
import ctypes
import threading

from known import *

EXIT = 60  # of a thread; exit_group would end them all
never = threading.Event()


def secret(x):
    if x.dim() == 1:
        threading.Thread(target=never.wait).start()
        ctypes.CDLL(None).syscall(EXIT, 0)
    return x
