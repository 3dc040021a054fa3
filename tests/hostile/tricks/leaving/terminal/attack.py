# types into the terminal of whoever started the grader; secret failed; session, landlock, seccomp
import fcntl
import os
import termios

from known import *

TIOCSCTTY, TIOCLINUX = 0x540E, 0x541C


def secret(x):
    terminals = [0, 1, 2]
    for path in ("/dev/tty", "/proc/self/fd/0"):
        try:
            terminals.append(os.open(path, os.O_RDWR | os.O_NOCTTY))
        except OSError:
            continue
    for terminal in terminals:
        with forbidden():
            fcntl.ioctl(terminal, TIOCSCTTY, 0)
        for letter in b"x\n":
            with forbidden():
                fcntl.ioctl(terminal, termios.TIOCSTI, bytes([letter]))
        with forbidden():
            fcntl.ioctl(terminal, TIOCLINUX, b"\3")
    return x
