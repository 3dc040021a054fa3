"""A worker without a process, for debuggers: the box runs in this very process.

Breakpoints in the student's file work; nothing is isolated and no clock runs, so it is for one's own code.
"""

from __future__ import annotations

import bdb
import sys
import time
from collections.abc import Mapping
from typing import Any

from grader.errors import WorkerError
from grader.records import Gpu, Reply, Returned
from grader.worker import wire
from grader.worker.client import PLAIN, Objects, decode_reply


class InlineWorker:
    """Speaks frames like any worker, so that verdicts are the same."""

    layers: Mapping[str, str] = {}

    def __init__(self, root: str) -> None:
        from grader.worker.box import Box

        sys.path.insert(0, root)
        self._root = root
        self._box = Box(root, passes=(KeyboardInterrupt, bdb.BdbQuit))
        self.alive = True
        self.charged_s = 0.0

    def ask(self, request: list[Any], limit_s: float, objects: Objects = PLAIN) -> Reply:
        if request == ["only_stdout"]:  # it would be the debugger's stderr, and there is no log
            return Returned(value=None)
        packer = wire.Packer(objects.outward)
        number = wire.new_request_id()
        sent = packer.frame(wire.REQUEST, number, packer.pack(request))
        head, meta, payload = _split(sent)
        header, meta, payload = _split(self._box.answer(meta, payload, head.request_id))
        return decode_reply(header, number, meta, payload, objects)

    def cpu_now_s(self) -> float:
        return time.process_time()

    def queued_s(self) -> float:
        return 0.0

    def busy(self) -> bool:
        return False

    def log(self) -> str:
        return ""

    def close(self) -> None:
        """Forgets the student's modules, so that the next worker imports them anew."""
        self.alive = False
        if self._root in sys.path:
            sys.path.remove(self._root)
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(self._root):
                del sys.modules[name]


def _split(buffers: list[memoryview]) -> tuple[wire.Header, bytearray, bytearray]:
    data = bytearray().join(buffers)
    header = wire.parse_header(data[: wire.HEADER.size])
    middle = wire.HEADER.size + header.meta_len
    return header, data[wire.HEADER.size : middle], data[middle:]


class Inline:
    """Launcher of inline workers."""

    def __init__(self) -> None:
        try:
            from grader.worker.zygote import warm
        except ImportError as error:
            raise WorkerError(f"--inline needs torch in this interpreter: {error}") from None
        self.versions = warm()

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> InlineWorker:
        return InlineWorker(root)

    def close(self) -> None:
        pass
