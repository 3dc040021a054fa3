# writes a forged line into every descriptor but its channel, and into those of others; secret failed; landlock, uid
import socket

from known import *

LINE = b'{"pid": 1, "number": 0, "code": 0, "killed": false, "score": 7}\n'
NOWHERE = os.makedev(1, 3)  # the device number of /dev/null


def secret(x):
    for fd in (0, *range(4, 1024)):
        with contextlib.suppress(OSError):
            os.write(fd, LINE)
            if os.fstat(fd).st_rdev != NOWHERE:
                breach()
        with contextlib.suppress(OSError):
            socket.send_fds(socket.socket(fileno=fd), [LINE], [3])
            breach()
    for pid in (os.getppid(), GRADER):
        for fd in range(64):
            with forbidden():
                os.open(f"/proc/{pid}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
    return x
