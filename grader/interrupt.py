"""Being asked to stop: KeyboardInterrupt at once, and again before the next check.

Once is not enough: what the signal meets may be code whose exceptions nobody gets, such as a callback of the garbage
collector.
"""

from __future__ import annotations

import signal
from types import FrameType

_asked = False


def listen() -> None:
    """SIGTERM and SIGHUP end a command like Ctrl-C: reports are completed, temporary folders removed."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def check() -> None:
    """Raises KeyboardInterrupt when a signal has come."""
    if _asked:
        raise KeyboardInterrupt


def _stop(number: int, frame: FrameType | None) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt
