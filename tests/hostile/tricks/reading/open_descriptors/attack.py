# reads from every open descriptor but its own channel; secret failed; process
import fcntl
import stat

from known import *

OWN = 3  # frames to the grader


def kind(fd):
    return stat.S_IFMT(os.fstat(fd).st_mode)


def secret(x):
    for fd in range(4096):
        try:
            mode, access = kind(fd), fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
        except OSError:
            continue
        if fd > OWN and mode in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFSOCK, stat.S_IFIFO, stat.S_IFBLK):
            breach()
        if fd == OWN:
            continue
        with contextlib.suppress(OSError):
            os.set_blocking(fd, False)
            if os.read(fd, 1):
                breach()
        with contextlib.suppress(OSError):
            os.lseek(fd, 0, os.SEEK_SET)
            if os.read(fd, 1):
                breach()
        if mode == stat.S_IFIFO and access != os.O_WRONLY:
            breach()
        for folder in ("/proc/self/fd", f"/proc/{os.getpid()}/fd", "/dev/fd"):
            with contextlib.suppress(OSError):
                again = os.open(f"{folder}/{fd}", os.O_RDONLY | os.O_NONBLOCK)
                try:  # of a pipe, the other end
                    if os.read(again, 1):
                        breach()
                finally:
                    os.close(again)
    return x
