"""What calls cost, seen from outside, whatever a worker does to seem fast."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grader.meter import Cost, OutsideMeter
from grader.records import Limits, Submission
from grader.subject import Subject
from grader.worker.launch import Zygote
from grader.worker.wire import SPIN_S

MS = 1e-3

SPENDS = '''
import resource
import threading
import time

import torch

def nothing():
    return 1

def fetched():
    """Pages of memory that came from the system."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [torch.ones(5 << 20) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def compute(s):
    until = time.thread_time() + s
    while time.thread_time() < until:
        pass
    return 1

def sleep(s):
    time.sleep(s)
    return 1

def in_threads(s):
    others = [threading.Thread(target=compute, args=(s,)) for _ in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    return 1

def behind(s):
    threading.Thread(target=compute, args=(s,)).start()
    return 1

def __getattr__(name):
    if name != "ahead":
        raise AttributeError(name)
    compute(0.2)  # when the call is prepared
    return lambda s: 1

class Late(torch.Tensor):
    def detach(self):
        compute(0.2)
        return torch.ones(())

def afterwards(s):
    return torch.zeros(()).as_subclass(Late)
'''


@pytest.fixture
def spends(zygote: Zygote, stage_files: Callable[..., Path]) -> Any:
    subject = Subject(
        Submission(name="spends", root=str(stage_files({"spends.py": SPENDS})), hashes={}), zygote, Limits()
    )
    yield subject
    subject.close()


@pytest.fixture
def cost_of(spends: Subject) -> Callable[..., Cost]:
    """What a call of a function of SPENDS costs; the first call of all is not measured."""
    meter = OutsideMeter()
    meter.cost(spends, [(spends.spends.nothing, [])])

    def cost(name: str, *args: float) -> Cost:
        values, found = meter.cost(spends, [(getattr(spends.spends, name), args)])
        assert values == [1]
        return found

    return cost


@pytest.mark.parametrize(
    ("call", "calls_s", "more_s"), [("compute", 0.2, 0.0), ("sleep", 0.2, -0.2), ("in_threads", 0.2, 0.2)]
)
def test_all_ways_to_spend_time_are_seen(
    cost_of: Callable[..., Cost], call: str, calls_s: float, more_s: float
) -> None:
    """Computing, sleeping, and computing in several threads at once, which costs their sum."""
    found = cost_of(call, 0.2)
    assert found.calls_s >= 0.99 * calls_s and found.calls_s + found.more_s >= 0.99 * (calls_s + more_s)


def test_several_calls_cost_their_sum(spends: Subject) -> None:
    """One after the other, in one message; every value comes back."""
    values, found = OutsideMeter().cost(spends, 3 * [(spends.spends.compute, [0.05])])
    assert values == [1, 1, 1] and found.calls_s >= 0.99 * 0.15


@pytest.mark.parametrize("call", ["ahead", "afterwards"])
def test_work_beside_the_calls_is_seen(cost_of: Callable[..., Cost], call: str) -> None:
    """What is computed while arguments arrive, or values are fetched, is more than the calls took."""
    found = cost_of(call, 0.2)
    assert found.calls_s < 0.1 and found.more_s > 0.19


def test_work_between_two_calls_is_seen_in_the_second(spends: Subject, cost_of: Callable[..., Cost]) -> None:
    """Whoever answers at once and computes on, while the reference is measured, pays with the next call."""
    before_s, deadline = spends.cpu_now_s(), time.monotonic() + 60
    first = cost_of("behind", 0.2)
    while spends.cpu_now_s() < before_s + 0.2 and time.monotonic() < deadline:
        time.sleep(0.01)
    second, third = cost_of("nothing"), cost_of("nothing")
    assert sum(first) + sum(second) > 0.19 > 2 * sum(third)


def test_a_full_machine_is_not_charged(cost_of: Callable[..., Cost]) -> None:
    """Time in the kernel's run queue costs nothing: where six others want each processor a call costs what it takes."""
    # Each in a session of its own: the kernel shares processors out among sessions.
    command = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    busy = [
        subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        for _ in range(6 * (os.cpu_count() or 1))
    ]
    try:
        for process in busy:
            assert process.stdout and process.stdout.readline()
        start = time.perf_counter()
        found = cost_of("compute", 0.3)
        wall_s = time.perf_counter() - start
    finally:
        for process in busy:
            with process:
                process.kill()
    assert 0.3 - SPIN_S <= found.calls_s < 0.45 < wall_s and sum(found) < 0.45


def test_memory_stays_at_hand(spends: Subject) -> None:
    """A call that takes 80 MB fetches them from the system once, and not anew at every call."""
    assert spends.spends.fetched() > 10_000  # pages
    spends.spends.fetched()
    assert spends.spends.fetched() < 100
