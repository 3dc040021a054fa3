"""What a call of a worker costs, seen from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Final

from grader.subject import Subject
from grader.worker.client import queue_s

SPUN_S: Final = 0.001  # more processor time than a worker takes to look for the next question before it sleeps
SETTLES_S: Final = 0.5  # within which a worker has cleaned up after its answer
LOOK_S: Final = 0.0002


class OutsideMeter:
    """The time on our clock from question to answer, less what we and the worker stood in the kernel's run queue, or
    the processor time that the worker used, whichever is more; and the processor time that it used between its last
    call and this one, once it had cleaned up. So whoever sleeps is charged, whoever computes in several threads, and
    whoever keeps the processors busy while the other one is measured."""

    def __init__(self) -> None:
        self._rests: dict[Subject, float] = {}  # processor time when it came to rest

    def cost(self, subject: Subject, call: Callable[[], Any]) -> tuple[Any, float]:
        subject.ready()
        own = os.getpid()
        cpu_s, queued_s = subject.cpu_now_s(), subject.queued_s() + queue_s(own)
        idle_s = cpu_s - self._rests.get(subject, cpu_s)
        start = time.perf_counter()
        value = call()
        wall_s = time.perf_counter() - start
        used_s, queued_s = subject.cpu_now_s() - cpu_s, subject.queued_s() + queue_s(own) - queued_s
        self._settle(subject)
        return value, max(wall_s - queued_s, used_s, 1e-9) + (idle_s if idle_s > SPUN_S else 0.0)

    def now_s(self) -> float:
        return time.perf_counter()

    def _settle(self, subject: Subject) -> None:
        """Waits until the worker waits: what it frees after its answer is not to burden the other's next call."""
        until = time.perf_counter() + SETTLES_S
        while subject.busy() and time.perf_counter() < until:
            time.sleep(LOOK_S)
        self._rests[subject] = subject.cpu_now_s()
