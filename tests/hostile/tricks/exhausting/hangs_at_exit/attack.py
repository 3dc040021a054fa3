# leaves nothing undone that could keep its process from ending; secret failed; process
import atexit
import threading
import time

from known import *


class Clinging:
    def __del__(self):
        time.sleep(10**6)


forever = Clinging()
atexit.register(time.sleep, 10**6)
threading._register_atexit(time.sleep, 10**6)


def secret(x):
    threading.Thread(target=time.sleep, args=(10**6,)).start()
    return x
