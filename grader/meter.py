"""What calls of a worker cost, seen from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from grader.remote import Prepared, Remote
from grader.subject import Subject
from grader.worker.client import queue_s
from grader.worker.wire import SPIN_S

SETTLES_S: Final = 0.5  # within which a worker has cleaned up after its answer
LOOK_S: Final = 0.0002

Calls = Sequence[tuple[Remote, Sequence[Any]]]  # what is called, with which arguments


class Cost(NamedTuple):
    """Seconds that calls took, all together; and how much more processor time than that their worker has used."""

    calls_s: float
    more_s: float


class OutsideMeter:
    """The calls find their arguments in the worker, and leave their values there: neither way is part of `calls_s`,
    which is the time on our clock from question to answer, less what we and the worker stood in the kernel's run queue,
    or the processor time that the worker used, whichever is more. (We may stand there while it computes.)

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
        ready_s = settled_s(subject)
        queued_s = subject.queued_s() + queue_s(own)
        start = time.perf_counter()
        prepared.run()
        wall_s = time.perf_counter() - start
        queued_s = subject.queued_s() + queue_s(own) - queued_s
        used_s = settled_s(subject) - ready_s - SPIN_S
        values = prepared.values()
        calls_s = max(wall_s - queued_s, used_s, 1e-9)
        rests_s = self._rests[subject] = settled_s(subject)
        return values, Cost(calls_s, rests_s - rested_s - calls_s)

    def now_s(self) -> float:
        return time.perf_counter()


def settled_s(subject: Subject) -> float:
    """The processor time of a worker, once it sleeps: the kernel is exact about processes that do not run; and what it
    cleans up after its answer is not to burden the other's next call."""
    until = time.perf_counter() + SETTLES_S
    while subject.busy() and time.perf_counter() < until:
        time.sleep(LOOK_S)
    return subject.cpu_now_s()
