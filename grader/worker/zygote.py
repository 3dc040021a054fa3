"""The zygote: imports torch once, then forks a worker whenever the parent asks.

It is started by exec, so that it never held a test or an answer; it runs one thread, so that forking is
safe (a thread pool does not survive a fork) and the rights dropped in a child cover the whole child.

Control messages are JSON over a SOCK_SEQPACKET pair; an answer repeats its message's number:
    {"spawn": {...}} + two descriptors (frames, log)  ->  {"pid": n}
    {"reap": pid, "grace_s": t}  ->  {"code": exit code, "killed": by us, "cpu_s": …, "peak_mib": …}
    {"twin": true} + two descriptors (control, log)  ->  {"pid": n}, and a zygote at the other end of that control
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import os
import signal
import socket
import sys
import sysconfig
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from grader.worker import wire
from grader.worker.sandbox import Rights, Sandbox

FRAMES_FD = 3
HUGE = 2 << 20  # bytes of a large page
MADV_COLLAPSE = 25


class SocketStream:
    """Frames over a connected stream socket, without a clock: the parent holds the clocks."""

    def __init__(self, sock: socket.socket, spin_s: float = wire.SPIN_S) -> None:
        self._sock = sock
        self._spin_s = spin_s

    def send(self, buffers: list[memoryview]) -> None:
        self._sock.setblocking(True)
        for buffer in buffers:
            self._sock.sendall(buffer)

    def receive(self, buffer: memoryview) -> int:
        count = wire.receive_soon(self._sock, buffer, self._spin_s)
        if count is None:
            self._sock.setblocking(True)
            count = self._sock.recv_into(buffer)
        if not count:
            raise EOFError
        return count


def warm(first_times: bool = True) -> dict[str, str]:
    """Imports the libraries and runs their lazy first times once, so that no worker pays for them.
    Returns the versions of what workers run.

    first_times: off in a zygote whose workers are given a GPU. A backward pass and an optimiser's step look for GPUs,
    and whoever has looked before a fork cannot use one after it.
    """
    import matplotlib
    import matplotlib.pyplot as plt
    import numpy
    import torch
    import torchvision
    from torch import nn
    from torchvision.models.feature_extraction import create_feature_extractor

    from grader.worker import dropout

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    warm.registration = dropout.install(torch)  # type: ignore[attr-defined]
    versions = {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": numpy.__version__,
        "matplotlib": matplotlib.__version__,
        "dropout": dropout.NAME,
    }
    if not first_times:
        return versions

    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(8), nn.LayerNorm(8)
    )
    out = nn.functional.dropout(model(torch.ones(2, 3, 6, 6)), 0.5)
    out = nn.Embedding(9, 8)(torch.tensor([1, 2])) + torch.einsum("nd,nd->nd", out, out.softmax(-1))
    loss = nn.functional.cross_entropy(out, torch.tensor([0, 1]), ignore_index=1)
    loss.backward()  # type: ignore[no-untyped-call]
    for optimiser in (torch.optim.Adam(model.parameters()), torch.optim.AdamW(model.parameters())):
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda epoch: 0.9**epoch)
        optimiser.step()
        schedule.step()
    data = torch.utils.data.TensorDataset(torch.ones(4, 1))
    list(torch.utils.data.DataLoader(data, batch_size=2, shuffle=True))
    file = io.BytesIO()
    torch.save({"a": [1.0]}, file)
    torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    numpy.random.seed(0)
    encoder = torchvision.models.regnet_x_400mf(weights=None)
    create_feature_extractor(encoder, {"trunk_output.block4": "c5"})(torch.ones(2, 3, 32, 32))
    figure = plt.figure()
    figure.gca().plot([0, 1])
    figure.canvas.draw()
    plt.close("all")
    return versions


def readable_folders() -> list[str]:
    """Where the interpreter and the libraries live: all that a worker may read besides the submission."""
    paths = sysconfig.get_paths()
    found = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {os.path.join(sys.base_prefix, "lib")}
    found |= {"/usr/lib", "/lib", "/lib64", "/usr/local/lib", "/usr/share/fonts", "/usr/share/zoneinfo"}
    found |= {"/etc/ld.so.cache", "/etc/localtime", "/proc/cpuinfo", "/sys/devices/system/cpu"}
    found |= {os.environ.get("MPLCONFIGDIR", "")}
    return sorted(path for path in found if path and os.path.exists(path))


# What CUDA reads of the machine before it opens a GPU, and where NVIDIA's images have its driver. No secret is there.
GPU_READABLE = (
    "/proc/driver/nvidia",
    "/proc/devices",
    "/proc/modules",
    "/proc/sys/vm/mmap_min_addr",
    "/sys/bus/pci",
    "/sys/devices/system/memory",
    "/sys/devices/system/node",
    "/usr/local/nvidia",
)


def become_worker(order: dict[str, Any], frames: int, log: int, sandbox: Sandbox, zygote: int) -> None:
    """In the forked child: keep the two descriptors and no other (the control channel least of all), drop the
    rights, say hello, serve. Does not return."""
    null = os.open(os.devnull, os.O_RDWR)  # stderr may have to go there, too
    for fd, place in ((null, 0), (log, 1), (log, 2)):
        os.dup2(fd, place)
    frames = os.dup2(frames, FRAMES_FD)
    os.closerange(FRAMES_FD + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdin = io.TextIOWrapper(io.FileIO(0), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"), encoding="utf-8", errors="replace", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w"), encoding="utf-8", errors="replace", write_through=True)
    devices = tuple(order["devices"])
    rights = Rights(
        readable=(*order["readable"], order["root"], *(GPU_READABLE if devices else ())),
        devices=devices,
        memory_mib=order["memory_mib"],
        cpu_s=order["cpu_s"],
        uid=order["uid"],
    )
    layers = sandbox.enter(rights, zygote)
    run(SocketStream(socket.socket(fileno=frames), order["spin_s"]), order["root"], layers)


def run(stream: SocketStream, root: str, layers: dict[str, str]) -> None:
    """The life of a worker, forked or spawned, once its rights are what they are going to be."""
    from grader.worker.box import OWN, Box, serve

    system = {key: os.environ[key] for key in ("SYSTEMROOT",) if key in os.environ}  # Windows needs it
    os.environ.clear()
    os.environ.update(system, HOME=root, PATH="/usr/bin:/bin", LANG="C.UTF-8", MPLBACKEND="agg", OMP_NUM_THREADS="1")
    sys.path[:] = [root, *(p for p in sys.path if os.path.abspath(p or ".") != OWN)]
    sys.argv[:] = [""]
    os.chdir(root)
    stream.send(wire.Packer().frame(wire.HELLO, 0, {"layers": layers}))
    serve(stream, Box(root))


def main(control_fd: int, first_times: bool = True) -> None:
    """The life of a zygote; see `warm`."""
    warnings.simplefilter("default")
    sys.dont_write_bytecode = True
    control = socket.socket(fileno=control_fd)
    versions = warm(first_times)
    import grader.worker.box
    import grader.worker.shell  # noqa: F401  (so that a worker finds them loaded; it cannot read our files)

    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"the zygote runs {threads} threads; forking would not be safe")
    sandbox = Sandbox()
    folders = readable_folders()
    gc.collect()
    gc.freeze()
    control.send(ready(versions))
    compacted = False
    while True:
        data, descriptors, _flags, _address = socket.recv_fds(control, 1 << 16, 2)
        if not data:
            os._exit(0)  # the interpreter's way out takes half a second, with nothing to be said on it
        message = json.loads(data)
        own = os.getpid()
        if "spawn" in message:
            order = {"readable": folders, **message["spawn"]}
            pid = forked(partial(become_worker, order, descriptors[0], descriptors[1], sandbox, own))
            answer: dict[str, Any] = {"pid": pid}
        elif "twin" in message:
            if not compacted:
                compact()
                compacted = True
            pid = os.fork()
            if pid == 0:
                sandbox.die_with(own)
                control.close()
                os.dup2(descriptors[1], 2)
                os.close(descriptors[1])
                control = socket.socket(fileno=descriptors[0])
                control.send(ready(versions))
                continue
            answer = {"pid": pid}
        else:
            answer = reap(message["reap"], message["grace_s"])
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(json.dumps({**answer, "number": message["number"]}).encode())


def ready(versions: dict[str, str]) -> bytes:
    return json.dumps({"ready": versions, "pid": os.getpid()}).encode()


def forked(life: Callable[[], None]) -> int:
    """The number of a new process that lives `life`, and of which nothing returns."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            life()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:  # printing may fail, too, and nothing of the zygote's may run here
            os._exit(code)
    return pid


def compact() -> None:
    """Has the kernel keep this process's memory in large pages, as far as it can (Linux 6.1): forking copies a tenth
    of the page tables then, and an end frees as much less. It takes a second, so it is for many forks."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        lines = [line.split() for line in maps]
    for span, rights, *_rest, name in (fields if len(fields) > 5 else [*fields, ""] for fields in lines):
        if rights.startswith("rw") and name in ("", "[heap]"):
            start, end = (int(address, 16) for address in span.split("-"))
            for place in range(-(-start // HUGE) * HUGE, end - HUGE + 1, HUGE):
                madvise(place, HUGE, MADV_COLLAPSE)


def reap(pid: int, grace_s: float) -> dict[str, Any]:
    """Waits `grace_s` for the worker, kills its group while its number is still ours, collects it."""
    deadline = time.monotonic() + grace_s
    ended = None
    while ended is None and time.monotonic() < deadline:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        time.sleep(0.005)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
    _pid, status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return {
        "code": code,
        "killed": ended is None,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": max(0.0, usage.ru_maxrss / 1024 - private_mib()),
    }


def private_mib() -> float:
    """What a child holds from its first moment: our memory that is no file's, whose pages a fork hands on. (The
    libraries' pages count for a child only once it touches them.)"""
    with open("/proc/self/statm", encoding="ascii") as file:
        _size, resident, shared = map(int, file.read().split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def spawned(port: int, token: str, root: str) -> None:
    """A plain worker's whole life, on platforms without a zygote: no rights are dropped."""
    sys.dont_write_bytecode = True
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(token.encode())
    warm()
    run(SocketStream(sock), root, {})
