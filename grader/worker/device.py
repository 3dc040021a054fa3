"""Where a worker computes: on the GPU that it was given, or, though its code asks for CUDA, on the CPU.

A mode that sees every torch call costs time, so a worker enters it only once the submission has failed for
want of a GPU. torch is handed in, as everywhere but in the zygote and the box.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from typing import Any, Final

# Of torch without CUDA, without a driver, without a device, in a forked process; of tensors saved on a GPU.
WORDS: Final = re.compile(
    "not compiled with CUDA|no NVIDIA driver|NVIDIA driver on your system is too old|No CUDA GPUs"
    "|CUDA is not available|cuda[.]is_available[(][)] is False|no CUDA-capable device|from the 'CUDA' backend"
    "|without ATen_cuda|CUDA driver error|CUDA driver version is insufficient|re-initialize CUDA in forked"
)
NAME: Final = re.compile(r"cuda(:\d+)?")
GPU: Final = "cuda:0"  # the one that a worker was given is its only one
MIB: Final = 1 << 20


class OnGpu:
    """This process's GPU, opened: new tensors are made there unless code says otherwise.

    uuid: of the GPU, which is the only one that CUDA is to see. memory_mib: what torch may take of its memory.
    torch: torch itself, or what stands for it in a test.
    Raises what torch raises where there is no such GPU.
    """

    def __init__(self, torch: Any, uuid: str, memory_mib: int) -> None:
        self._torch = torch
        os.environ["CUDA_VISIBLE_DEVICES"] = uuid  # read by CUDA when it starts, which is now
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # without which products are not deterministic
        torch.cuda.init()
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, memory_mib * MIB / whole), 0)
        torch.set_default_device(GPU)
        torch.zeros(1, device=GPU)  # opens the context
        # As it is now: a submission may put something else in its place.
        self.finish: Callable[[], None] = torch.cuda.synchronize
        self.finish()

    def settle(self) -> None:
        """No TF32, no sums in half precision, no search for the fastest algorithm: before every request, since code
        that was imported may have set them otherwise."""
        backends = self._torch.backends
        backends.cuda.matmul.allow_tf32 = False
        backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
        backends.cudnn.allow_tf32 = False
        backends.cudnn.benchmark = False
        backends.cudnn.deterministic = True

    def moved(self, tensor: Any) -> Any:
        """A copy of the tensor on the GPU."""
        return tensor.to(GPU)


def wants_gpu(error: BaseException) -> bool:
    """Whether torch says that something needs a GPU which this machine does not have."""
    with contextlib.suppress(BaseException):
        return isinstance(error, RuntimeError | AssertionError) and bool(WORDS.search(str(error)[:2000]))
    return False


def redirect(torch: Any) -> bool:
    """From now on this thread's tensors and modules that should go to a CUDA device stay on the CPU. Moving makes a
    copy, as it does between devices. Returns False, and does nothing, where CUDA can be used: a forked worker on a
    machine with a GPU cannot, whatever `is_available` says.

    Not redirected: generators, streams, graphs, files that were saved on a GPU, questions about the hardware.
    """
    if getattr(redirect, "mode", None) is not None:
        return True
    with contextlib.suppress(RuntimeError, AssertionError):
        torch.zeros(1, device="cuda")
        return False
    cpu, tensor, device_type = torch.device("cpu"), torch.Tensor, torch.device

    def is_cuda(value: object) -> bool:
        if type(value) is str:
            return NAME.fullmatch(value) is not None
        return isinstance(value, device_type) and value.type == "cuda"

    def on_cpu(value: Any) -> Any:
        """A device in the place of another; a bare number is one of CUDA's."""
        return cpu if is_cuda(value) or type(value) is int else value

    class OnCpu(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is tensor.cuda:
                return args[0].clone()
            asked = [(kwargs or {}).get("device")]
            if asked[0] is not None:
                kwargs = {**kwargs, "device": on_cpu(asked[0])}
            if func is tensor.to and len(args) > 1:  # the device may be a name or a number there
                asked.append(args[1])
                args = (args[0], on_cpu(args[1]), *args[2:])
            elif any(isinstance(value, device_type) for value in args):
                args = tuple(on_cpu(value) if isinstance(value, device_type) else value for value in args)
            found = func(*args, **(kwargs or {}))
            if func is tensor.to and found is args[0] and any(on_cpu(device) is not device for device in asked):
                return found.clone()
            return found

    def nothing(*_: Any, **__: Any) -> None:
        return None

    default = torch.set_default_device
    torch.set_default_device = lambda device: default(on_cpu(device))
    for name in ("synchronize", "set_device", "reset_peak_memory_stats"):
        setattr(torch.cuda, name, nothing)
    mode = OnCpu()
    mode.__enter__()
    redirect.mode = mode  # type: ignore[attr-defined]
    return True
