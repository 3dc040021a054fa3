"""Code that asks for CUDA: graded on the CPU with a remark, or told that it needs a GPU; never called wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from grader.errors import NeedsGpu, Verdict
from grader.records import Limits, Status, Submission
from grader.subject import ON_CPU, Subject
from grader.worker.device import wants_gpu
from grader.worker.launch import Zygote

LIMITS = Limits(import_s=5.0, call_s=5.0, memory_mib=512)

ASKING = """
import torch
from torch import nn

def method(x): return x.cuda() * 2
def number(x): return x.cuda(0) + x.to(0)
def name(x): return x.to("cuda") * 2
def keyword(x): return x.to(device="cuda:0", dtype=torch.float64) * 2
def device(x): return x.to(torch.device("cuda")) * 2
def factory(x): return torch.zeros(3, device="cuda") + torch.ones(3, device=torch.device("cuda")) + x
def like(x): return torch.zeros_like(x, device="cuda") + x.new_ones(3, device="cuda")
def context(x):
    with torch.device("cuda"):
        return torch.ones(3) + x
def default(x):
    torch.set_default_device("cuda")
    return torch.ones(3) + x
def model(x):
    net = nn.Linear(3, 3, device="cuda")
    net = nn.Sequential(net.cuda(), nn.Linear(3, 3).to("cuda"), nn.ReLU().to(torch.device("cuda:0")))
    torch.cuda.synchronize()
    net(x.cuda()[None]).sum().backward()
    return len(list(net.parameters())), all(p.grad is not None and p.is_leaf for p in net.parameters())
def copies(x):
    y = x.cuda()
    y += 1
    z = x.to("cuda")
    z += 1
    return x
def ordinary(x): return x.to(torch.float64), x.to("cpu") is x, x.to(x) is x
def dtype(x): return torch.ones(2, dtype=torch.int64).to(x, non_blocking=True)
def generator(): return torch.rand(3, generator=torch.Generator(device="cuda"), device="cuda")
def hardware(): return torch.cuda.get_device_name(0)
def falls_back(x):
    try:
        return x.cuda()
    except Exception:
        return x * 2
def asks_first(x): return x.to("cuda" if torch.cuda.is_available() else "cpu") * 2
def own(): raise RuntimeError("no such luck")
"""


@pytest.fixture(scope="module")
def make(zygote: Zygote, stage_files: Any) -> Iterator[Callable[[], Subject]]:
    made: list[Subject] = []
    at_import = "import torch\nX = torch.ones(3).cuda()\ndef f(): return X\n"
    root = stage_files({"asking.py": ASKING, "at_import.py": at_import})

    def build() -> Subject:
        made.append(Subject(Submission(name="someone", root=str(root), hashes={}), zygote, LIMITS))
        return made[-1]

    yield build
    for subject in made:
        subject.close()


@pytest.fixture(scope="module")
def redirected(make: Callable[[], Subject]) -> Subject:
    subject = make()
    assert subject.stay_on_cpu()
    return subject


X = np.arange(3.0, dtype=np.float32)


@pytest.mark.parametrize("function", ["method", "name", "keyword", "device", "factory", "context", "default", "model"])
def test_asking_for_cuda_is_told_from_other_errors(make: Callable[[], Subject], function: str) -> None:
    """Where there is no GPU the verdict is of a kind of its own, RAISED and not wrong."""
    with pytest.raises(NeedsGpu) as caught:
        getattr(make().asking, function)(X)
    assert caught.value.status is Status.RAISED
    assert "needs a GPU" in caught.value.text and "needs a GPU" in caught.value.hidden_text


@pytest.mark.parametrize(
    ("function", "right"),
    [
        ("method", 2 * X), ("number", 2 * X), ("name", 2 * X), ("keyword", 2 * X), ("device", 2 * X),
        ("factory", 1 + X), ("like", np.ones(3)), ("context", 1 + X), ("copies", X), ("dtype", np.ones(2)),
    ],
)  # fmt: skip
def test_the_cpu_takes_its_place(redirected: Subject, function: str, right: Any) -> None:
    """Tensors that should go to a GPU are computed with all the same; moving them makes copies."""
    np.testing.assert_array_equal(getattr(redirected.asking, function)(X), right)


def test_a_default_device_is_redirected(make: Callable[[], Subject]) -> None:
    """`set_default_device("cuda")` leaves new tensors on the CPU."""
    subject = make()
    subject.stay_on_cpu()
    np.testing.assert_array_equal(subject.asking.default(X), 1 + X)


def test_models_are_redirected(redirected: Subject) -> None:
    """Modules stay whole: their parameters are leaves with gradients."""
    assert redirected.asking.model(X) == [4, True]


def test_other_moves_stay_what_they_are(redirected: Subject) -> None:
    """Changes of dtype and moves to the CPU are not touched."""
    double, same, itself = redirected.asking.ordinary(X)
    assert double.dtype == np.float64 and same is True and itself is True


@pytest.mark.parametrize("function", ["generator", "hardware"])
def test_what_cannot_be_redirected_needs_a_gpu(redirected: Subject, function: str) -> None:
    """Generators and questions about the hardware say that there is no GPU."""
    with pytest.raises(NeedsGpu) as caught:
        getattr(redirected.asking, function)()
    assert caught.value.status is Status.RAISED


@pytest.mark.parametrize("function", ["falls_back", "asks_first"])
def test_code_that_can_do_without_is_left_alone(make: Callable[[], Subject], function: str) -> None:
    """Whoever asks first, or catches the error, runs as ever, without a remark."""
    subject = make()
    np.testing.assert_array_equal(getattr(subject.asking, function)(X), 2 * X)
    assert subject.remarks == []


def test_an_import_is_tried_again(make: Callable[[], Subject]) -> None:
    """A module that asks for CUDA when it is imported is imported again once the CPU takes its place."""
    subject = make()
    with pytest.raises(NeedsGpu):
        subject.at_import.f()
    assert subject.stay_on_cpu()
    np.testing.assert_array_equal(subject.at_import.f(), np.ones(3))
    assert subject.remarks == [ON_CPU]
    assert not subject.stay_on_cpu()
    assert subject.remarks == [ON_CPU]


def test_other_errors_do_not_ask_for_a_gpu(make: Callable[[], Subject]) -> None:
    """An ordinary error is no want of a GPU."""
    with pytest.raises(Verdict) as caught:
        make().asking.own()
    assert not isinstance(caught.value, NeedsGpu)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (AssertionError("Torch not compiled with CUDA enabled"), True),
        (RuntimeError("Found no NVIDIA driver on your system. Please check"), True),
        (RuntimeError("No CUDA GPUs are available"), True),
        (RuntimeError("Cannot re-initialize CUDA in forked subprocess."), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("Torch not compiled with CUDA enabled"), False),
        (RuntimeError("size mismatch"), False),
    ],
)
def test_the_words_of_torch_are_known(error: BaseException, wanted: bool) -> None:
    """torch says in several ways that there is no GPU; other errors of CUDA's are not meant."""
    assert wants_gpu(error) is wanted
