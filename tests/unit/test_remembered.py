"""Remembered workers: what was answered once is not asked again, and nobody can tell the difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.records import Gpu, Limits, Reply, Returned, Submission
from grader.remote import Remote
from grader.subject import Subject
from grader.worker.launch import AnyWorker, Zygote
from grader.worker.remembered import Remembering

SOLUTION = """
    import torch

    class Counter(torch.nn.Module):
        def __init__(self, start):
            super().__init__()
            self.total = torch.nn.Parameter(torch.tensor(float(start)))
            self.inner = torch.nn.Linear(1, 1)

        def add(self, amount):
            self.total.data += amount
            return self.total.item()

        def absorb(self, other):
            self.total.data += other.total.data
            other.total.data.zero_()
            return self.total.item()

    def double(x):
        return 2 * x

    def noise():
        return torch.rand(3)

    def pair():
        return Counter(1), Counter(10)

    def fails():
        raise ValueError("no")
"""


class Counting:
    """A launcher that notes how many workers it started, and how often they were asked."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self.started = self.asked = 0
        self.versions: dict[str, str] = {}

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> AnyWorker:
        self.started += 1
        worker = self._zygote.start(root, memory_mib, gpu)
        ask = worker.ask

        def counted(request: list[Any], *rest: Any) -> Reply:
            self.asked += request[0] not in ("import", "drop")
            return ask(request, *rest)

        worker.ask = counted  # type: ignore[method-assign]
        return worker

    def close(self) -> None:
        pass


Story = Callable[[Subject], list[Any]]


@pytest.fixture(scope="module")
def root(stage_files: Callable[[dict[str, str]], Path]) -> Path:
    return stage_files({"solution.py": SOLUTION})


@pytest.fixture
def counting(zygote: Zygote) -> Counting:
    return Counting(zygote)


@pytest.fixture
def subject(counting: Counting, root: Path, tmp_path: Path) -> Iterator[Callable[[], Subject]]:
    """Another subject with the same memory, each time."""
    made = []

    def new(remembering: bool = True) -> Subject:
        launcher = Remembering(counting, tmp_path) if remembering else counting
        made.append(Subject(Submission(name="s", root=str(root), hashes={}), launcher, Limits(), reference=True))
        return made[-1]

    yield new
    for each in made:
        each.close()


def plain(values: list[Any]) -> list[Any]:
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in values]


def calls(subject: Subject) -> list[Any]:
    x = np.arange(4.0)
    return [subject.solution.double(x), subject.solution.double(3), subject.solution.noise.using(seed=5)()]


def one_object(subject: Subject) -> list[Any]:
    counter = subject.solution.Counter(1)
    return [counter.add(1), counter.add(1), counter.add(1), counter.parameters()["total"]]


def two_objects(subject: Subject) -> list[Any]:
    one, other = subject.solution.pair()
    return [one.add(1), other.add(1), one.absorb(other), other.add(0), one.add(0)]


def a_part_of_an_object(subject: Subject) -> list[Any]:
    counter = subject.solution.Counter(1)
    inner: Remote = counter.inner.get()
    inner.fill({"weight": np.full((1, 1), 7.0), "bias": np.zeros(1)})
    return [counter.inner(np.ones((1, 1), np.float32)), counter.parameters()["inner.weight"]]


@pytest.mark.parametrize("story", [calls, one_object, two_objects, a_part_of_an_object])
def test_the_second_to_ask_hears_the_same_and_needs_no_worker(
    subject: Callable[..., Subject], counting: Counting, story: Story
) -> None:
    """Plain values, objects that change, objects that change each other, and parts of objects."""
    wanted = plain(story(subject(remembering=False)))
    counting.started = counting.asked = 0
    assert plain(story(subject())) == wanted
    asked = counting.asked
    assert counting.started == 1 and asked
    assert plain(story(subject())) == wanted
    assert (counting.started, counting.asked) == (1, asked)


def test_an_object_with_another_past_is_another_object(subject: Callable[..., Subject]) -> None:
    """The same request to an object that has been through something else is not answered from memory."""
    assert one_object(subject())[:3] == [2.0, 3.0, 4.0]
    counter = subject().solution.Counter(1)
    assert [counter.add(5), counter.add(1), counter.add(1)] == [6.0, 7.0, 8.0]


def test_a_worker_is_led_to_where_memory_ends(subject: Callable[..., Subject], counting: Counting) -> None:
    """Past the last remembered reply, a real worker goes through what the object has behind it, and through nothing
    else."""
    assert two_objects(subject()) == [2.0, 11.0, 13.0, 0.0, 13.0]
    calls(subject())
    counting.started = counting.asked = 0
    late = subject()
    calls(late)
    one, other = late.solution.pair()
    assert [one.add(1), other.add(1)] == [2.0, 11.0]
    assert counting.started == 0
    assert other.add(100) == 111.0
    assert counting.started == 1
    assert counting.asked == 4  # pair, two that were remembered, and the new one
    assert one.absorb(other) == 113.0


def test_objects_that_are_let_go_take_nothing_with_them(subject: Callable[..., Subject]) -> None:
    """An object whose companion nobody holds any more is led on all the same."""
    assert two_objects(subject()) == [2.0, 11.0, 13.0, 0.0, 13.0]
    late = subject()
    one, other = late.solution.pair()
    assert one.add(1) == 2.0
    del other
    late.let_go()
    assert one.add(40) == 42.0
    del one
    late.let_go()
    assert late.solution.Counter(7).add(1) == 8.0


def test_failures_are_not_remembered(root: Path, counting: Counting, tmp_path: Path) -> None:
    """What raised is asked again: it was our own fault, and may be mended."""
    worker = Remembering(counting, tmp_path).start(str(root), 512)
    try:
        for _ in range(2):
            reply = worker.ask(["call", ["solution", "fails"], [], {}, {"seed": 0}], 5.0)
            assert not isinstance(reply, Returned)
        assert counting.asked == 2
    finally:
        worker.close()


def test_a_lost_memory_only_costs_time(subject: Callable[..., Subject], tmp_path: Path, counting: Counting) -> None:
    """Replies that are gone are asked for again."""
    wanted = plain(calls(subject()))
    for file in tmp_path.iterdir():
        file.unlink()
    assert plain(calls(subject())) == wanted
    assert counting.started == 2
