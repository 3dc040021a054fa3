"""What a call of a worker costs, seen from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from grader.subject import Subject
from grader.worker.client import queue_s


class OutsideMeter:
    """By the clock on our wall, less what we and the worker waited for a processor; or the processor time that the
    worker used, whichever is more: whoever sleeps is charged, and whoever computes in several threads."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def cost(self, subject: Subject, call: Callable[[], Any]) -> tuple[Any, float]:
        subject.ready()
        own = os.getpid()
        cpu_s, queued_s = subject.cpu_now_s(), subject.queued_s() + queue_s(own)
        start = time.perf_counter()
        value = call()
        wall_s = time.perf_counter() - start
        cpu_s, queued_s = subject.cpu_now_s() - cpu_s, subject.queued_s() + queue_s(own) - queued_s
        return value, max(wall_s - queued_s, cpu_s, 1e-9)

    def spent_s(self) -> float:
        return time.perf_counter() - self._start
