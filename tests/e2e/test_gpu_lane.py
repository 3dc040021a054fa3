"""Checks that are placed on a GPU, graded without one and with one, for which workers on the CPU stand."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mini_assignment import MANIFEST, SOLUTION, SUITE_P1, check, statuses, swap, write_files, write_mini
from msgspec import structs

from grader.batch.door import Options, grade_class
from grader.batch.suite import load_suite
from grader.errors import GraderError
from grader.gpu import Turn
from grader.grading import Desk
from grader.placement import CARRIED, NEEDS_GPU, WAITING
from grader.plugin import Run
from grader.records import Gpu, Raised, Reply, Scorecard
from grader.subject import ON_CPU
from grader.worker.client import PLAIN, Objects
from grader.worker.launch import AnyWorker, Launcher

GPU = Gpu(name="cuda:0", model="a fake", uuid="GPU-aaaaaaaa-0000-0000-0000-000000000000", nodes=())
PLACED = MANIFEST + """
[devices."p1.total"]
device = "cuda"

[devices."p1.sample_odd"]
device = "any"

[devices."p1.sample_speed"]
device = "any"

[devices."p2.shout"]
device = "cuda"
without = "wait"

[[speeds]]
check = "p1.sample_speed"
kind = "ratio"
allowed = 50.0
measured = "a figure"
"""
SPEED = SUITE_P1 + '''

@pytest.mark.check("p1.sample_speed", question="sampling", points=0)
def test_sample_speed(speed):
    """sample takes no loop"""
    same = lambda actual, expected: close(actual, expected, name="n", dims="N", tol=EXACT)
    speed.ratio(lambda subject, n: [(subject.solution.sample, ["odd", n])], inputs=lambda rng: 64, agree=same)
'''
CHANGED: dict[str, str | bytes] = {"reference/mini/assignment.toml": PLACED, "tests/mini/test_p1_numbers.py": SPEED}
CUDA = swap(SOLUTION, "return FACTOR * x", "return (FACTOR * x.cuda()).cpu()")


class OnFakeGpu:
    """A worker on the CPU that takes the word for it: code that asks for CUDA finds it there."""

    def __init__(self, inner: AnyWorker, fails: bool) -> None:
        self._inner = inner
        self._fails = fails
        self.layers: Mapping[str, str] = {**inner.layers, "landlock": ""}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def ask(self, request: list[Any], limit_s: float, objects: Objects = PLAIN) -> Reply:
        if request[0] == "device" and self._fails:
            return Raised(type="RuntimeError", text="No CUDA GPUs are available", gpu=True)
        assert request[0] != "device" or request == ["device", GPU.uuid, 2048]
        return self._inner.ask(["redirect"] if request[0] == "device" else request, limit_s, objects)


class FakeGpus:
    """Starts such workers for those that are to have a GPU, and notes every start."""

    def __init__(self, inner: Launcher) -> None:
        self._inner = inner
        self.given: list[bool] = []
        self.fails = False

    @property
    def versions(self) -> Mapping[str, str]:
        return self._inner.versions

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> AnyWorker:
        worker = self._inner.start(root, memory_mib)
        self.given.append(gpu is not None)
        return OnFakeGpu(worker, self.fails) if gpu else worker  # type: ignore[return-value]

    def close(self) -> None:
        pass


Hand = Callable[[dict[str, str | bytes]], Path]


@pytest.fixture
def gpus(launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGpus:
    """Fake GPUs, whose queue is this test's own."""
    monkeypatch.setattr(Turn, "_opened", _opened_in(tmp_path))
    return FakeGpus(launcher)


def _opened_in(folder: Path) -> Callable[[Turn], int]:
    opened = Turn._opened

    def run(turn: Turn) -> int:
        turn._path = folder / "queue"
        return opened(turn)

    return run


@pytest.fixture
def without(tmp_path: Path, launcher: Launcher) -> Iterator[Desk]:
    """A desk for runs without a GPU."""
    with Desk(write_mini(tmp_path / "assignment", CHANGED), launcher) as desk:
        yield desk


@pytest.fixture
def with_gpu(tmp_path: Path, gpus: FakeGpus) -> Iterator[Desk]:
    """A desk for runs with one."""
    with Desk(write_mini(tmp_path / "assignment", CHANGED), gpus, gpu=GPU) as desk:
        yield desk


def devices(card: Scorecard) -> dict[str, str]:
    return {check.id: check.device for check in card.checks}


def test_without_a_gpu_what_needs_one_is_not_run(
    without: Desk, hand_in: Hand, tmp_path: Path, valid_reports: Callable[[Path], Scorecard]
) -> None:
    """Nothing is lost: points are carried or wait, the card is complete, and the reports say why."""
    out = tmp_path / "reports"
    card = without.grade(hand_in({}), out=out)
    assert devices(card) == {
        "p1.scale": "cpu", "p1.scale.sizes": "cpu", "p1.total": "", "p1.sample_even": "cpu", "p1.sample_odd": "cpu",
        "p1.sample_speed": "cpu", "p2.shout": "",
    }  # fmt: skip
    assert (card.score, card.max_score, card.awaiting, card.complete) == (6, 6, 2, True)
    assert check(card, "p1.total").message == f"{NEEDS_GPU}; {CARRIED}"
    assert check(card, "p2.shout").message == f"{NEEDS_GPU}; {WAITING}"
    assert "device" not in card.versions
    assert valid_reports(out) == card
    assert NEEDS_GPU in (out / "results.json").read_text()


def test_wrong_code_is_worth_its_share_of_what_was_judged(without: Desk, hand_in: Hand) -> None:
    """Two of the three points that are judged here make two thirds of the question's four."""
    wrong = swap(SOLUTION, "return FACTOR * x", "return FACTOR * x.reshape(-1)")
    card = without.grade(hand_in({"solution.py": wrong}), parts=["p1"])
    assert check(card, "p1.scale").max_score == check(card, "p1.scale").score == pytest.approx(4 / 3)
    assert check(card, "p1.scale.sizes").score == 0
    assert check(card, "p1.total").max_score == 0
    assert card.max_score == 6


def test_with_a_gpu_each_check_is_judged_in_its_place(with_gpu: Desk, gpus: FakeGpus, hand_in: Hand) -> None:
    """Those that are placed there are judged on the GPU, the others on the CPU, and the card says on which."""
    card = with_gpu.grade(hand_in({}))
    assert {id_ for id_, device in devices(card).items() if device == "cuda:0"} == {
        "p1.total", "p1.sample_odd", "p1.sample_speed", "p2.shout",
    }  # fmt: skip
    assert devices(card)["p1.scale"] == "cpu"
    assert (card.score, card.awaiting) == (8, 0) and card.score == card.max_score
    assert card.versions["device"] == "cuda:0 (a fake)"


def test_the_reference_races_on_the_same_gpu(with_gpu: Desk, gpus: FakeGpus, hand_in: Hand) -> None:
    """A check of speed on the GPU takes two workers there; what is right comes from one on the CPU."""
    with_gpu.manifest = only(with_gpu, "p1.sample_speed")
    with_gpu.grade(hand_in({}), slow=(), parts=["p1"])
    assert gpus.given.count(True) == 2


def only(desk: Desk, id_: str) -> Any:
    """The manifest with this one check on the GPU."""
    return structs.replace(desk.manifest, devices={id_: desk.manifest.devices[id_]})


def test_code_that_asks_for_cuda_finds_it(with_gpu: Desk, hand_in: Hand) -> None:
    """It is graded on the GPU from the first time on, without a remark; staff can read where that began."""
    card = with_gpu.grade(hand_in({"solution.py": CUDA}))
    assert card.score == card.max_score == 8
    assert ON_CPU not in card.findings and card.findings == ()
    assert set(devices(card).values()) == {"cuda:0"}
    assert "asks for CUDA, so it is graded on cuda:0" in check(card, "p1.scale").staff


@pytest.mark.parametrize(("factor", "status"), [(1.00005, "passed"), (1.005, "failed")])
def test_values_from_the_gpu_are_held_to_its_precision(
    with_gpu: Desk, hand_in: Hand, factor: float, status: str
) -> None:
    """A check that allows 1e-6 forgives what single precision costs there, and no more."""
    off = swap(SOLUTION, "return scale(x).sum()", f"return {factor} * scale(x).sum().float()")
    card = with_gpu.grade(hand_in({"solution.py": off}), parts=["p1"])
    assert statuses(card)["p1.total"] == status


def test_a_gpu_that_does_not_open_is_our_fault(with_gpu: Desk, gpus: FakeGpus, hand_in: Hand) -> None:
    """Checks on it are UNGRADED, and say why; those on the CPU are judged."""
    gpus.fails = True
    card = with_gpu.grade(hand_in({}))
    found = statuses(card)
    assert not card.complete
    assert found["p1.scale"] == "passed" and found["p1.total"] == "ungraded"
    assert "No CUDA GPUs are available" in check(card, "p1.total").staff


def test_work_on_the_cpu_goes_on_while_others_have_the_gpu(with_gpu: Desk, hand_in: Hand) -> None:
    """Checks on the CPU are judged meanwhile; those on the GPU wait, and the submission's clock waits with them."""
    other = Turn(GPU)
    other.take()
    seen: list[tuple[set[str], Run, float]] = []

    def progress(run: Run) -> None:
        if run.results:
            seen.append((set(run.results), run, run.left_s() - (run.started - time.monotonic())))
        if len(run.results) == 1:
            threading.Timer(1.0, other.give_back).start()

    card = with_gpu.grade(hand_in({}), progress=progress)
    (first, run, whole_s), (second, *_), *_, (_, _, whole_in_the_end_s) = seen
    assert first == {"p1.scale"} and "p1.total" in second
    assert card.score == 8
    assert run.student.at.waited_s >= 0.5
    assert whole_in_the_end_s - whole_s == pytest.approx(run.student.at.waited_s, abs=0.05)


def test_between_checks_the_gpu_is_free(with_gpu: Desk, hand_in: Hand) -> None:
    """Nobody keeps the turn once a check on the GPU is over, nor after the last one."""
    free = Turn(GPU)

    def progress(run: Run) -> None:
        last = next(reversed(run.results.values()), None)
        if last and last.device == "cpu":
            free.take()
            free.give_back()

    with_gpu.grade(hand_in({}), progress=progress)
    free.take()
    free.give_back()
    assert free.waited_s < 5


def test_without_landlock_submitted_code_gets_no_gpu(with_gpu: Desk, hand_in: Hand, monkeypatch: Any) -> None:
    """Without it a worker could open more than its own device: grading refuses, with what to do."""
    start = FakeGpus.start

    def bare(self: FakeGpus, *order: Any) -> AnyWorker:
        worker = start(self, *order)
        if isinstance(worker, OnFakeGpu):
            worker.layers = {**worker.layers, "landlock": "no such layer"}
        return worker

    monkeypatch.setattr(FakeGpus, "start", bare)
    with pytest.raises(GraderError, match="only on a kernel with Landlock; leave --device out"):
        with_gpu.grade(hand_in({}))


def test_results_rest_on_the_device_where_their_checks_do(without: Desk) -> None:
    """With a GPU another result is wanted of checks that are placed on one, and of no other."""
    suites = [load_suite(without.assignment, "run", device) for device in ("cpu", "cuda:0", "cuda:1")]
    cpu, first, second = (suite.digests for suite in suites)
    assert first == second
    assert {id_ for id_ in cpu if cpu[id_] != first[id_]} == {
        "p1.total", "p1.sample_odd", "p1.sample_speed", "p2.shout",
    }  # fmt: skip


@pytest.mark.parametrize("command", ["run", "batch"])
def test_a_gpu_that_is_not_here_is_a_wrong_argument(
    grade_py: Callable[..., subprocess.CompletedProcess[str]], command: str, tmp_path: Path
) -> None:
    """One line, exit code 2, and nothing is written."""
    write_files(tmp_path / "in/someone", {"a.py": "x = 1\n"})
    done = grade_py(command, "a2", tmp_path / "in", "--device", "cuda:99", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.startswith("grade: --device cuda:99: there is no such GPU here")
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "out").exists()


def test_a_cluster_has_its_own_machines(without: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU of this machine is of no use to others."""
    monkeypatch.setattr("grader.batch.door.find_gpu", lambda device: GPU)
    options = Options(device="cuda", cluster="local:1")
    with pytest.raises(GraderError, match="--device is for this machine"):
        grade_class(without.assignment, tmp_path, tmp_path / "out", options)
