"""The GPU that a run is given: which it is, and whose turn it is to compute there.

Nothing here touches CUDA: which GPUs there are stands in the files of the NVIDIA driver (its README, "The /proc
Interface"), so that no process of ours has to open one to find out.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from grader import interrupt
from grader.errors import GraderError
from grader.records import Gpu

if sys.platform != "win32":
    import fcntl

CPU: Final = "cpu"
CONTROLS: Final = "nvidiactl", "nvidia-uvm"  # what it takes beside a GPU's own node: its control, its memory
POLL_S: Final = 0.02


def find_gpu(device: str, system: Path = Path("/")) -> Gpu | None:
    """The GPU of the name "cuda" or "cuda:N"; None for "cpu".

    They are counted as `nvidia-smi` does, in the order of their places on the bus, among those that
    CUDA_VISIBLE_DEVICES leaves. system: where /proc and /dev lie.
    Raises GraderError for another name, and where there is no such GPU.
    """
    if device == CPU:
        return None
    asked = re.fullmatch(r"cuda(?::(\d{1,3}))?", device, re.ASCII)
    if asked is None:
        raise GraderError(f"--device takes cpu, cuda or cuda:N, not {device!r}")
    found = _visible(_gpus(system), os.environ.get("CUDA_VISIBLE_DEVICES"))
    number = int(asked[1] or 0)
    if number >= len(found):
        there = ", ".join(f"cuda:{i} {gpu.model}" for i, gpu in enumerate(found)) or "none"
        raise GraderError(f"--device {device}: there is no such GPU here (there is {there}); leave --device out")
    return Gpu(name=f"cuda:{number}", model=found[number].model, uuid=found[number].uuid, nodes=found[number].nodes)


def _gpus(system: Path) -> list[Gpu]:
    """All that the driver tells of, whose nodes are there."""
    found = []
    for place in sorted((system / "proc/driver/nvidia/gpus").glob("*")):  # by bus, as four or eight hexadecimal digits
        try:
            text = (place / "information").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
        uuid, minor = facts.get("GPU UUID", ""), facts.get("Device Minor", "")
        if not (re.fullmatch(r"GPU-[0-9a-fA-F-]{36}", uuid) and minor.isdecimal()):
            continue
        nodes = tuple(str(system / "dev" / name) for name in (f"nvidia{minor}", *CONTROLS))
        if all(map(os.path.exists, nodes)):
            found.append(Gpu(name="", model=facts.get("Model", "a GPU"), uuid=uuid, nodes=nodes))
    return found


def _visible(gpus: list[Gpu], setting: str | None) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES names, by number or by the beginning of the UUID; as in CUDA, all after an entry
    that fits none are hidden."""
    if setting is None:
        return gpus
    left: list[Gpu] = []
    for entry in (entry.strip() for entry in setting.split(",")):
        if entry.isdecimal():
            fitting = gpus[int(entry) :][:1]
        else:
            fitting = [gpu for gpu in gpus if entry.startswith("GPU-") and gpu.uuid.startswith(entry)]
        if len(fitting) != 1 or fitting[0] in left:
            break
        left += fitting
    return left


class Place:
    """Where the workers of one submission compute, and of the reference that races it: on the GPU of the run, `gpu`, if
    it has one, or on the CPU.

    stays: on the GPU, once it is there.
    """

    def __init__(self, gpu: Gpu | None) -> None:
        self.gpu = gpu
        self.stays = False
        self._turn = Turn(gpu) if gpu else None
        self.opened: Gpu | None = None  # what new workers are given

    @property
    def on_gpu(self) -> bool:
        return self.opened is not None

    @property
    def device(self) -> str:
        """The GPU's name, or "cpu"."""
        return self.opened.name if self.opened else CPU

    @property
    def waited_s(self) -> float:
        """How long the GPU was others' when it was to be ours."""
        return self._turn.waited_s if self._turn else 0.0

    def move(self, on_gpu: bool) -> bool:
        """Whether that is another place than before."""
        before = self.opened
        self.opened = self.gpu if on_gpu or (self.stays and before) else None
        return self.opened != before

    def ready(self) -> None:
        """Before any request: waits until the GPU is ours, if the worker is on it. See `Turn.take`."""
        if self._turn and self.on_gpu:
            self._turn.take()

    def leave_gpu(self) -> None:
        """Lets others have the GPU until the next request to a worker there."""
        if self._turn:
            self._turn.give_back()


class Turn:
    """A place in the queue of a GPU. Whoever has the turn computes there alone, among all processes of one user.

    waited_s: how long its owner has waited for it so far.
    """

    def __init__(self, gpu: Gpu) -> None:
        user = getattr(os, "geteuid", lambda: 0)()
        self._path = Path(tempfile.gettempdir()) / f"torchgrade_{user}_{gpu.uuid}.lock"
        self._user = user
        self._lock = -1
        self.waited_s = 0.0

    def take(self) -> None:
        """Waits for the turn; at once for whoever has it. Raises GraderError when the file that stands for the queue
        is not ours, KeyboardInterrupt when asked to stop."""
        if self._lock >= 0 or sys.platform == "win32":
            return
        descriptor = self._opened()
        begin = time.monotonic()
        try:
            while not _locked(descriptor):
                interrupt.check()
                time.sleep(POLL_S)
        except BaseException:
            os.close(descriptor)
            raise
        finally:
            self.waited_s += time.monotonic() - begin
        self._lock = descriptor

    def give_back(self) -> None:
        """Lets the next one have it, if it was ours."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _opened(self) -> int:
        """Its file; in a folder where everybody may make files it could be somebody else's, or a link."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        except OSError as error:
            raise GraderError(f"{self._path} cannot be used as the queue of a GPU: {error.strerror}") from None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != self._user or status.st_mode & 0o077:
            os.close(descriptor)
            raise GraderError(f"{self._path} is not ours alone, so it cannot be the queue of a GPU; remove it")
        return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
