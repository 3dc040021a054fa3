"""The lane on a real GPU. Only `benchmarks/gpu.py` collects this file: without a GPU every test fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from grader.errors import NeedsGpu, Verdict
from grader.gpu import find_gpu
from grader.records import Gpu, Limits, Status, Submission
from grader.subject import Subject
from grader.worker.launch import Zygote

LIMITS = Limits(import_s=30.0, call_s=10.0, memory_mib=2048)

CODE = """
import os

import torch

torch.backends.cuda.matmul.allow_tf32 = True  # as people do


def where(x): return str(x.device), str(torch.ones(1).device)
def hard_coded(x): return (x.cuda() * 2).cpu()
def product(a, b): return a @ b
def convolved(x, w): return torch.nn.functional.conv2d(x, w)
def gradient(x): return (x ** 3).sum()
def drawn(n): return torch.rand(n)
def allocates(mib): return torch.empty(mib << 20, dtype=torch.uint8).numel()
def visible(): return torch.cuda.device_count()
def breaks(x): return torch.ones(3)[x.long() + 99]
def hangs(): torch.cuda._sleep(10**12); torch.cuda.synchronize()
def slow(cycles): torch.cuda._sleep(cycles)
def opens(path):
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        return type(error).__name__
    return "opened"
"""


@pytest.fixture(scope="module")
def gpu() -> Gpu:
    """The GPU that the script was given."""
    found = find_gpu(os.environ.get("TORCHGRADE_GPU", "cuda"))
    assert found is not None
    return found


@pytest.fixture
def make(zygote: Zygote, stage_files: Any, gpu: Gpu) -> Iterator[Callable[[bool], Subject]]:
    """A submission on the GPU or on the CPU of a run that has one, held to the level of other people's work."""
    root, made = str(stage_files({"code_there.py": CODE})), list[Subject]()

    def build(there: bool = True) -> Subject:
        staged = Submission(name="someone", root=root, hashes={})
        made.append(Subject(staged, zygote, LIMITS, gpu=gpu, required="standard"))
        made[-1].move(there)
        return made[-1]

    yield build
    for subject in made:
        subject.close()


@pytest.fixture
def there(make: Callable[[bool], Subject]) -> Subject:
    """The submission on the GPU."""
    return make(True)


X = np.arange(3.0, dtype=np.float32)


def test_a_sandboxed_worker_opens_the_gpu(there: Subject) -> None:
    """With every layer of the level `standard`, arguments and new tensors lie on the GPU."""
    assert there.code_there.where(X) == ["cuda:0", "cuda:0"]
    assert there.isolation["landlock"] == there.isolation["seccomp"] == ""


def test_it_sees_one_gpu(there: Subject) -> None:
    """However many there are."""
    assert there.code_there.visible() == 1


def test_values_and_gradients_come_back(there: Subject) -> None:
    """As arrays, like those of any worker; arguments count as unchanged."""
    np.testing.assert_array_equal(there.code_there.hard_coded(X), 2 * X)
    found = there.code_there.gradient.vjp([X], np.ones((), np.float32), wrt=[0])
    np.testing.assert_allclose(found.inputs[0], 3 * X**2, rtol=1e-5)


def test_random_numbers_are_seeded(there: Subject) -> None:
    """The same seed draws the same on the GPU, another one does not."""
    first, again, other = (there.code_there.drawn.using(seed=seed)(64) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_single_precision_is_single(there: Subject) -> None:
    """Products and convolutions have single precision's errors, though the module switched TF32 on."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(512, 512)).astype(np.float32) for _ in range(2))
    exact = a.astype(np.float64) @ b
    assert np.abs(there.code_there.product(a, b) - exact).max() < 1e-5 * np.abs(exact).max()
    x, w = rng.normal(size=(1, 64, 16, 16)).astype(np.float32), rng.normal(size=(8, 64, 1, 1)).astype(np.float32)
    exact = np.einsum("ncij,dc->ndij", x.astype(np.float64), w[:, :, 0, 0])
    assert np.abs(there.code_there.convolved(x, w) - exact).max() < 1e-5 * np.abs(exact).max()


def test_memory_is_capped(there: Subject) -> None:
    """More than the cap is OUT_OF_MEMORY, and the worker goes on."""
    with pytest.raises(Verdict) as caught:
        there.code_there.allocates(LIMITS.memory_mib + 256)
    assert caught.value.status is Status.OUT_OF_MEMORY
    assert there.code_there.allocates(64) == 64 << 20


def test_a_broken_context_is_left_behind(there: Subject) -> None:
    """After an error inside a kernel the next call goes to a worker that works."""
    with pytest.raises(Verdict) as caught:
        there.code_there.breaks(X)
    assert caught.value.status is Status.RAISED
    np.testing.assert_array_equal(there.code_there.hard_coded(X), 2 * X)


def test_a_kernel_that_does_not_end_is_ended(there: Subject) -> None:
    """TIMED_OUT by the parent's clock; the next worker gets the GPU."""
    with pytest.raises(Verdict) as caught:
        there.code_there.hangs.using(limit_s=3.0)()
    assert caught.value.status is Status.TIMED_OUT
    np.testing.assert_array_equal(there.code_there.hard_coded(X), 2 * X)


def test_a_call_ends_when_its_kernels_do(there: Subject) -> None:
    """What a call leaves running is charged to it: ten times the cycles take ten times as long."""
    there.code_there.slow(1000)
    charged = []
    for cycles in (10**8, 10**9):
        before = there.charged_s
        there.code_there.slow(cycles)
        charged.append(there.charged_s - before)
    assert charged[1] > 5 * charged[0]


def test_a_worker_without_the_gpu_cannot_open_it(make: Callable[[bool], Subject], gpu: Gpu) -> None:
    """On the CPU none of its nodes opens, and code that asks for CUDA says that it needs a GPU."""
    subject = make(False)
    assert [subject.code_there.opens(node) for node in gpu.nodes] == ["PermissionError"] * len(gpu.nodes)
    with pytest.raises(NeedsGpu):
        subject.code_there.hard_coded(X)
    assert subject.provide_cuda()
    np.testing.assert_array_equal(subject.code_there.hard_coded(X), 2 * X)
    assert subject.remarks == []


def test_a_worker_cannot_open_other_gpus(there: Subject, gpu: Gpu) -> None:
    """Nor any other device, such as the ones by which the driver is watched."""
    nodes = [f"/dev/{name}" for name in os.listdir("/dev") if name.startswith("nvidia")]
    others = [node for node in nodes if node not in gpu.nodes and not os.path.isdir(node)]
    assert all(there.code_there.opens(node) == "PermissionError" for node in [*others, "/dev/zero"])
