"""What calls of a worker cost, seen from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from grader.remote import Prepared, Remote
from grader.subject import Subject
from grader.worker.client import queue_s

SETTLES_S: Final = 0.5  # within which a worker has cleaned up after its answer
LOOK_S: Final = 0.0002

Calls = Sequence[tuple[Remote, Sequence[Any]]]  # what is called, with which arguments


class Cost(NamedTuple):
    """Seconds that calls took, all together; and how much more processor time than that their worker has used."""

    calls_s: float
    more_s: float


class OutsideMeter:
    """The calls find their arguments in the worker, and leave their values there: neither way is part of `calls_s`,
    which is the time on our clock from question to answer, less what we and the worker stood in the kernel's run queue.

    For `more_s` everything counts that the worker uses from when it came to rest after its last answer until it has
    handed these values over and rests again. So whoever sleeps can be charged, whoever computes in several threads,
    ahead or afterwards, and whoever keeps the processors busy while the other one is measured. Less than nothing is
    left where the worker waited.
    """

    def __init__(self) -> None:
        self._rests: dict[Subject, float] = {}  # processor time when it came to rest

    def cost(self, subject: Subject, calls: Calls) -> tuple[list[Any], Cost]:
        """The calls' values, and what they cost. Raises what `Remote` raises."""
        subject.ready()
        own, rested_s = os.getpid(), self._rests.get(subject, subject.cpu_now_s())
        prepared = Prepared(calls)
        queued_s = subject.queued_s() + queue_s(own)
        start = time.perf_counter()
        prepared.run()
        wall_s = time.perf_counter() - start
        queued_s = subject.queued_s() + queue_s(own) - queued_s
        values = prepared.values()
        calls_s = max(wall_s - queued_s, 1e-9)
        return values, Cost(calls_s, self._settled_s(subject) - rested_s - calls_s)

    def now_s(self) -> float:
        return time.perf_counter()

    def _settled_s(self, subject: Subject) -> float:
        """Its processor time, once it waits. What it frees after its answer is not to burden the other's next call; and
        the kernel is exact about processes that do not run."""
        until = time.perf_counter() + SETTLES_S
        while subject.busy() and time.perf_counter() < until:
            time.sleep(LOOK_S)
        self._rests[subject] = found = subject.cpu_now_s()
        return found
