# spoils its argument in place and has a thread put it right again later; secret failed; values
import threading
import time

from known import *


def secret(x):
    before = x.clone()
    x.zero_()

    def mend():
        time.sleep(0.05)
        x.copy_(before)

    threading.Thread(target=mend, daemon=True).start()
    return x
