"""A worker with a GPU: what it may open, what it sets, where its arguments lie. A fake stands for CUDA."""

from __future__ import annotations

import os
import resource
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from grader.records import Gpu, Raised, Returned
from grader.worker import device, sandbox
from grader.worker.device import MIB, OnGpu
from grader.worker.inline import InlineWorker
from grader.worker.landlock import Landlock
from grader.worker.launch import Zygote
from grader.worker.sandbox import Rights

UUID = "GPU-aaaaaaaa-0000-0000-0000-000000000000"
NODES = "/dev/zero", "/dev/full"  # that are everywhere, and that no worker may open


class FakeTorch:
    """What `OnGpu` asks of torch, written down in order."""

    def __init__(self, memory_mib: int = 8192) -> None:
        self.asked: list[Any] = []
        self.backends = SimpleNamespace(
            cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=True)),
            cudnn=SimpleNamespace(allow_tf32=True, benchmark=True, deterministic=False),
        )
        self.cuda = SimpleNamespace(
            init=lambda: self.asked.append(("init", os.environ["CUDA_VISIBLE_DEVICES"])),
            get_device_properties=lambda number: SimpleNamespace(total_memory=memory_mib * MIB),
            set_per_process_memory_fraction=lambda share, number: self.asked.append(("share", share, number)),
            synchronize=lambda: self.asked.append("finish"),
        )

    def set_default_device(self, name: str) -> None:
        self.asked.append(("default", name))

    def zeros(self, count: int, device: str) -> None:
        self.asked.append(("zeros", device))


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker sets in its environment is gone after the test."""
    for name in ("CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.setenv(name, "")


@pytest.mark.usefixtures("own_environment")
def test_the_gpu_is_opened_and_capped() -> None:
    """CUDA starts with one GPU to see, torch gets its share of the memory before anything is allocated, and the context
    is open when the parent is told so."""
    torch = FakeTorch(memory_mib=8192)
    OnGpu(torch, UUID, memory_mib=2048)
    steps = [("init", UUID), ("share", 0.25, 0), ("default", "cuda:0"), ("zeros", "cuda:0"), "finish"]
    assert torch.asked == steps
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.usefixtures("own_environment")
def test_a_small_gpu_is_given_whole() -> None:
    """A share is never more than everything."""
    torch = FakeTorch(memory_mib=1024)
    OnGpu(torch, UUID, memory_mib=2048)
    assert ("share", 1.0, 0) in torch.asked


@pytest.mark.usefixtures("own_environment")
def test_precision_and_choice_of_algorithms_are_fixed() -> None:
    """TF32 and autotuning are off before every request, whatever the code set."""
    torch = FakeTorch()
    opened = OnGpu(torch, UUID, memory_mib=2048)
    opened.settle()
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    assert not (matmul.allow_tf32 or cudnn.allow_tf32 or cudnn.benchmark)
    assert not (matmul.allow_fp16_reduced_precision_reduction or matmul.allow_bf16_reduced_precision_reduction)
    assert cudnn.deterministic


# --- the box ----------------------------------------------------------------------------------------


class FakeGpu:
    """In the place of `OnGpu`: torch's device without contents, on which only its name can be asked for."""

    def __init__(self, torch: Any, uuid: str, memory_mib: int) -> None:
        self.log = torch.gpu_log = [("opened", uuid, memory_mib)]

    def settle(self) -> None:
        self.log.append("settle")

    def finish(self) -> None:
        self.log.append("finish")

    def moved(self, tensor: Any) -> Any:
        return tensor.to("meta")


CODE = """
import torch

def places(x, pair, *, bias): return [str(t.device) for t in (x, *pair, bias)]
def log(): return [str(step) for step in torch.gpu_log]
def fails(): raise ValueError("no")
def double(x): return 2 * x
def bump(x): x += 1
"""


@pytest.fixture
def worker(stage_files: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[InlineWorker]:
    """A box in this process whose GPU is a fake."""
    import torch

    folder = Path.cwd()
    monkeypatch.setattr(device, "OnGpu", FakeGpu)
    monkeypatch.setattr(torch, "gpu_log", [], raising=False)
    made = InlineWorker(str(stage_files({"gpu_code.py": CODE})))
    yield made
    made.close()
    os.chdir(folder)


def call(worker: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    return worker.ask(["call", ["gpu_code", name], list(args), kwargs, {"watch": True}], 5)


X = np.ones(3, np.float32)


def test_arguments_come_to_lie_on_the_gpu(worker: InlineWorker) -> None:
    """All arrays of a request are moved once the GPU is open, in lists and by name too, and none before."""
    assert call(worker, "places", X, [X, X], bias=X) == Returned(value=["cpu"] * 4)
    assert worker.ask(["device", UUID, 512], 5) == Returned(value=None)
    assert call(worker, "places", X, [X, X], bias=X).value == ["meta"] * 4


def test_every_request_begins_settled_and_ends_finished(worker: InlineWorker) -> None:
    """Before a call the settings are put right; after it, and before the reply, what it began is waited for."""
    worker.ask(["device", UUID, 512], 5)
    call(worker, "log")
    opened = str(("opened", UUID, 512))
    assert call(worker, "log").value == [opened, "finish", "settle", "finish", "settle"]


def elsewhere(_self: FakeGpu, tensor: Any) -> Any:
    """The tensor as one that has no array before it is copied to the CPU."""
    import torch

    class Elsewhere(torch.Tensor):
        def numpy(self, *_: Any, **__: Any) -> Any:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")

        def cpu(self, *_: Any) -> Any:
            return self.as_subclass(torch.Tensor)

    return tensor.clone().as_subclass(Elsewhere)


def test_values_come_back_from_where_they_are(worker: InlineWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call returns is copied to the parent, and arguments on another device are compared with what was sent."""
    monkeypatch.setattr(FakeGpu, "moved", elsewhere)
    worker.ask(["device", UUID, 512], 5)
    found = call(worker, "double", X)
    np.testing.assert_array_equal(found.value, 2 * X)
    assert found.changed == ()
    assert call(worker, "bump", X).changed == (0,)


def test_a_gpu_that_does_not_open_is_told(stage_files: Any) -> None:
    """Where there is no GPU the request for it fails, and says so."""
    worker = InlineWorker(str(stage_files({"gpu_code.py": CODE})))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        patch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
        found = worker.ask(["device", UUID, 512], 5)
    worker.close()
    assert isinstance(found, Raised) and found.gpu


# --- rights -----------------------------------------------------------------------------------------


class Recorded(Landlock):
    """Landlock of one version, whose calls are written down."""

    def __init__(self, version: int) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._wanted = version
        super().__init__(None)  # type: ignore[arg-type]

    def _call(self, number: int, *arguments: int | bytes | None) -> int:
        self.calls.append((number, *arguments))
        if arguments[0] is None:
            return self._wanted
        return os.open("/dev/null", os.O_RDONLY) if number == 444 else 0

    def rules(self, *args: Any) -> list[tuple[int, str]]:
        """Rights and path of every rule."""
        found: list[tuple[int, str]] = []
        keep = self._call

        def seen(number: int, *arguments: Any) -> int:
            if number == 445:
                rights, descriptor = struct.unpack("=Qi", arguments[2])
                found.append((rights, os.readlink(f"/proc/self/fd/{descriptor}")))
            return keep(number, *arguments)

        self._call = seen  # type: ignore[method-assign]
        self.restrict(*args)
        return found


READ_FILE, READ_DIR, WRITE_FILE, IOCTL = 1 << 2, 1 << 3, 1 << 1, 1 << 15


@pytest.mark.parametrize("version", [1, 3, 5, 7])
def test_without_a_device_the_rights_are_what_they_were(version: int) -> None:
    """Folders and files to read, two devices that everybody has, and not a bit more."""
    rules = Recorded(version).rules(["/usr/lib", "/proc/cpuinfo"], [], Rights(readable=()).devices)
    assert rules == [
        (READ_FILE | READ_DIR, os.path.realpath("/usr/lib")),
        (READ_FILE, "/proc/cpuinfo"),
        (READ_FILE | WRITE_FILE, "/dev/null"),
        (READ_FILE, "/dev/urandom"),
    ]


@pytest.mark.parametrize(("version", "ioctl"), [(1, 0), (4, 0), (5, IOCTL), (7, IOCTL)])
def test_a_device_can_be_read_written_and_told_what_to_do(version: int, ioctl: int) -> None:
    """Its nodes come on top of the rest; the right to ioctl is named where the kernel knows it."""
    rules = Recorded(version).rules(["/usr/lib"], [], ["/dev/zero"])
    assert (READ_FILE | WRITE_FILE | ioctl, "/dev/zero") in rules
    assert len(rules) == 4


def limits(monkeypatch: pytest.MonkeyPatch, **rights: Any) -> list[tuple[int, tuple[int, int]]]:
    """What `_limit` asks the kernel for."""
    asked: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(sandbox.resource, "setrlimit", lambda kind, pair: asked.append((kind, pair)))
    monkeypatch.setattr(sandbox, "_mapped_bytes", lambda: {"VmSize": 100 * MIB, "VmData": 10 * MIB})
    monkeypatch.setattr(sandbox.resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2)
    sandbox._limit(Rights(readable=(), **rights), own_uid=True)
    return asked


def test_only_a_device_lifts_the_limit_on_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA reserves more addresses than there is memory; every other limit is the same with a GPU and without."""
    without, with_ = limits(monkeypatch, memory_mib=50), limits(monkeypatch, memory_mib=50, devices=NODES)
    assert without[0] == (resource.RLIMIT_AS, (150 * MIB, 150 * MIB))
    assert with_ == without[1:]


SOURCE = """
import os, resource, torch

def opens(path):
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        return error.strerror
    return "opened"

def addresses(): return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY

def forked_too_late():
    torch.ones(2, requires_grad=True).sum().backward()
    return torch.cuda._is_in_bad_fork()
"""


@pytest.fixture(scope="module")
def ask(zygote: Zygote, stage_files: Any) -> Iterator[Callable[..., Any]]:
    """Calls a function in a worker with a GPU or without; its nodes are devices that every machine has."""
    root = str(stage_files({"inside.py": SOURCE}))
    gpu = Gpu(name="cuda:0", model="a fake", uuid=UUID, nodes=NODES[:1])
    workers = {given: zygote.start(root, 512, gpu if given else None) for given in (False, True)}

    def run(given: bool, name: str, *args: Any) -> Any:
        found = workers[given].ask(["call", ["inside", name], list(args), {}, {}], 10)
        assert isinstance(found, Returned), found
        return found.value

    run.layers = {given: worker.layers for given, worker in workers.items()}  # type: ignore[attr-defined]
    yield run
    for worker in workers.values():
        worker.close()


def test_a_worker_may_open_its_device_and_no_other(ask: Any) -> None:
    """The node of its GPU opens in the worker that was given it; the next one does not, and in others none does."""
    layers = ask.layers[True]
    if layers["landlock"] == "":
        assert ask(True, "opens", NODES[0]) == "opened"
    assert "opened" not in (ask(True, "opens", NODES[1]), *(ask(False, "opens", node) for node in NODES))


def test_a_worker_with_a_device_has_every_other_layer(ask: Any) -> None:
    """The layers that hold are the same for both; only the limit on addresses is gone."""
    with_, without = ({layer for layer, why in ask.layers[given].items() if not why} for given in (True, False))
    assert with_ == without
    assert (ask(False, "addresses"), ask(True, "addresses")) == (True, False)


def test_a_worker_with_a_device_comes_from_a_process_that_never_looked_for_one(ask: Any) -> None:
    """torch refuses CUDA to a process that was forked from one that had looked for GPUs, as warming up does."""
    assert ask(True, "forked_too_late") is False
