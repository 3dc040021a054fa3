"""Starting workers: forked from a zygote where the platform can, spawned afresh where it cannot."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from grader.errors import WorkerError
from grader.records import Gpu, Reply
from grader.worker.client import CPU_S, PLAIN, Ending, LogCapture, Objects, Stopwatch, TimeUp, Worker
from grader.worker.scratch import Scratch
from grader.worker.wire import SPIN_S

PACKAGE_ROOT: Final = str(Path(__file__).resolve().parents[2])
START_S: Final = 60.0  # for importing torch on a slow machine; a busy one gets more, as calls do
SPAWN_S: Final = 10.0


class AnyWorker(Protocol):
    """A worker, whichever way it runs: see `client.Worker`."""

    alive: bool
    layers: Mapping[str, str]
    charged_s: float  # by the clock of the last request

    def ask(self, request: list[Any], limit_s: float, objects: Objects = PLAIN) -> Reply: ...

    def cpu_now_s(self) -> float: ...

    def queued_s(self) -> float: ...

    def busy(self) -> bool: ...

    def log(self) -> str: ...

    def close(self) -> None: ...


class Launcher(Protocol):
    """Makes workers for staged submissions. Whoever makes it closes it. What it raises is a WorkerError."""

    @property
    def versions(self) -> Mapping[str, str]: ...

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> AnyWorker:
        """gpu: the one that the worker may open."""
        ...

    def close(self) -> None: ...


class Lazy:
    """A launcher that is made for the first worker that somebody needs."""

    def __init__(self, make: Callable[[], Launcher]) -> None:
        self._make = make
        self._launcher: Launcher | None = None

    @property
    def versions(self) -> Mapping[str, str]:
        return self._launcher.versions if self._launcher else {}

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> AnyWorker:
        self._launcher = self._launcher or self._make()
        return self._launcher.start(root, memory_mib, gpu)

    def close(self) -> None:
        if self._launcher:
            self._launcher.close()


def default_launcher() -> Launcher:
    """A zygote on Linux; elsewhere forking after `import torch` is not safe, and nothing drops rights."""
    if sys.platform != "linux":
        return Spawner()
    first = 60_000 + 100 * (os.getpid() % 50)
    return Zygote(range(first, first + 100) if os.geteuid() == 0 else ())


def environment(cache: str) -> dict[str, str]:
    """What a zygote or worker finds in its environment: nothing of the parent's but what libraries need."""
    kept = {k: os.environ[k] for k in ("SYSTEMROOT", "CUDA_VISIBLE_DEVICES") if k in os.environ}
    return kept | {
        "PATH": "/usr/bin:/bin",
        "HOME": cache,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": cache,
        "MALLOC_ARENA_MAX": "2",
        # Freed memory stays at hand: else it depends on how the heap happens to lie whether a call of some MB fetches
        # its memory from the system each time, and so how long it takes.
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),  # bytes, the most that the C library takes
        "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",  # what is printed is in the log at once
    }


def command(entry: str, *args: object) -> list[str]:
    """A fresh interpreter that runs `entry` and knows of us only where our package lies."""
    listed = ", ".join(repr(arg) for arg in args)
    code = f"import sys; sys.path.insert(0, {PACKAGE_ROOT!r}); import grader.worker.zygote as z; z.{entry}({listed})"
    # Not -I, under which PYTHONHASHSEED would not count; the environment is ours anyway.
    return [sys.executable, "-s", "-P", "-c", code]


class ForkedProcess:
    def __init__(self, zygote: Zygote, pid: int) -> None:
        self._zygote = zygote
        self._born = zygote.born
        self.pid = pid

    def end(self, grace_s: float) -> Ending:
        if self._zygote.born != self._born:  # a later zygote has no such child, and the pid may be another's
            raise WorkerError("the zygote ended, and its workers with it (PDEATHSIG)")
        return msgspec.convert(self._zygote.tell({"reap": self.pid, "grace_s": grace_s}), Ending)


class Twin:
    """A zygote that another one forked: known by its number alone, since it is no child of ours."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """None while it lives."""
        return 0 if select.select([self._descriptor], [], [], 0)[0] else None

    def wait(self, timeout: float | None = None) -> int:
        if not select.select([self._descriptor], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a zygote", timeout or 0)
        return 0

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)


class Adopted(NamedTuple):
    """What a process needs to work with a twin: its number, our end of its control, and of its log."""

    pid: int
    control: int
    log: int

    @property
    def descriptors(self) -> tuple[int, int]:
        return self.control, self.log

    def close(self) -> None:
        """Where another process has the descriptors by now."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class Zygote:
    """The parent's handle of the zygote process; started again when it is found dead, or does not answer.

    uids: the users that workers become in turn when we run as root (the limit on processes counts per
    user); empty leaves them as they are.
    twin: one that is there already; a process of our own takes its place when it ends.
    spin_s: how long both sides look for a frame before they sleep; 0 where all processors have other work.
    for_gpus: its workers may be given a GPU. No other zygote's can, since what warms it up looks for GPUs; so one of
        these is started beside it for the first worker that is to have one.
    """

    def __init__(
        self,
        uids: Sequence[int] = (),
        *,
        twin: Adopted | None = None,
        spin_s: float = SPIN_S,
        for_gpus: bool = False,
    ) -> None:
        self.uids = uids
        self._uids: Iterator[int | None] = itertools.cycle(uids or [None])
        self._for_gpus = for_gpus
        self._beside: Zygote | None = None
        self._spin_s = spin_s
        self._lock = threading.Lock()
        self._cache = cache()
        self.versions: dict[str, str] = {}
        self._ready = False
        self._numbers = itertools.count()
        self.born = 0  # how many processes there have been
        self._process: subprocess.Popen[bytes] | Twin
        if twin:
            self._process, self._control = Twin(twin.pid), socket.socket(fileno=twin.control)
            self._log = LogCapture(twin.log)
            return
        try:
            self._launch()
        except WorkerError:
            self._cache.remove()
            raise

    def _launch(self) -> None:
        self.born += 1
        self._ready = False
        self._control, theirs, log_read, log_write = channels(socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                command("main", theirs.fileno(), not self._for_gpus),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log_write,
                env=environment(str(self._cache.path)) | {"CUDA_VISIBLE_DEVICES": ""},  # none before a fork
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._control.close()
            os.close(log_read)
            raise WorkerError(f"the process that starts workers cannot be started: {error.strerror}") from None
        finally:
            theirs.close()
            os.close(log_write)
        self._log = LogCapture(log_read)

    @property
    def pid(self) -> int:
        return self._process.pid

    def fork_twin(self) -> Adopted:
        """Another zygote, for another process of ours, without importing torch again. It ends with this one, or when
        its control is closed. The descriptors are the caller's. Raises WorkerError."""
        pid, ours, log = self._forked(socket.SOCK_SEQPACKET, {"twin": True})
        return Adopted(pid, ours.detach(), log)

    def _forked(self, kind: socket.SocketKind, message: dict[str, Any]) -> tuple[int, socket.socket, int]:
        """Has the zygote fork: the new process's number, our end of what it is asked by, and of its log."""
        ours, theirs, log_read, log_write = channels(kind)
        try:
            answer = self.tell(message, (theirs.fileno(), log_write))
        except BaseException:  # a signal, too
            ours.close()
            os.close(log_read)
            raise
        finally:
            theirs.close()
            os.close(log_write)
        return answer["pid"], ours, log_read

    def wait_ready(self) -> None:
        """Blocks until torch is imported there. Raises WorkerError with the zygote's last words."""
        with self._lock:
            if not self._ready:
                self.versions = self._receive(START_S)["ready"]
                self._ready = True

    def _receive(self, limit_s: float) -> dict[str, Any]:
        watch = Stopwatch(self._process.pid, limit_s)
        data = None
        try:
            while data is None:
                self._control.settimeout(watch.left_s())
                with contextlib.suppress(TimeoutError):
                    data = self._control.recv(1 << 16)
        except TimeUp:
            raise self._lost(f"the zygote did not answer within {limit_s:g} s") from None
        except OSError as error:
            raise self._lost(f"the zygote does not answer ({error.strerror})") from None
        if not data:
            raise self._lost("the zygote ended")
        found = json.loads(data)
        assert isinstance(found, dict)
        return found

    def _lost(self, why: str) -> WorkerError:
        """Makes an end of a zygote that is of no more use, so that the next start brings another."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)  # its last words count, if it is ending
        self._process.kill()
        self._process.wait()
        self._log.close()
        return WorkerError(f"{why}: {self._log.text().strip()[-2000:]}".strip(": "))

    def tell(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> dict[str, Any]:
        self.wait_ready()
        with self._lock:
            number = next(self._numbers)
            try:
                socket.send_fds(self._control, [json.dumps({**message, "number": number}).encode()], descriptors)
            except OSError as error:
                raise self._lost(f"the zygote is gone ({error.strerror})") from None
            # A signal may have ended an earlier exchange between its two halves: its answer is passed over.
            while (answer := self._receive(SPAWN_S)).pop("number") != number:
                pass
            return answer

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> Worker:
        if gpu and not self._for_gpus:
            return self._for_gpu_workers().start(root, memory_mib, gpu)
        try:
            return self._fork(root, memory_mib, gpu)
        except WorkerError:
            if self._process.poll() is None:
                raise  # it answers: another one would do no better
            self._control.close()
            self._launch()
            return self._fork(root, memory_mib, gpu)

    def _for_gpu_workers(self) -> Zygote:
        if self._beside is None:
            self._beside = Zygote(self.uids, spin_s=self._spin_s, for_gpus=True)
            self._beside._uids = self._uids  # in turns with ours: no two workers are the same user
        return self._beside

    def _fork(self, root: str, memory_mib: int, gpu: Gpu | None) -> Worker:
        self.wait_ready()
        order = {"root": root, "memory_mib": memory_mib, "cpu_s": CPU_S, "uid": next(self._uids)}
        order |= {"spin_s": self._spin_s, "devices": gpu.nodes if gpu else ()}
        pid, ours, log = self._forked(socket.SOCK_STREAM, {"spawn": order})
        return Worker(ours, LogCapture(log), ForkedProcess(self, pid), SPAWN_S, memory_mib, self._spin_s)

    def close(self) -> None:
        if self._beside:
            self._beside.close()
            self._beside = None
        self._control.close()
        if not self._ready:
            self._process.kill()  # it is importing still, and would not notice for seconds
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._cache.remove()


def cache() -> Scratch:
    """Where the libraries of a zygote or worker keep what they compute once. Raises WorkerError."""
    try:
        return Scratch(0o755)
    except OSError as error:
        raise WorkerError(f"there is no room for temporary files: {error.strerror or error}") from None


def channels(kind: socket.SocketKind) -> tuple[socket.socket, socket.socket, int, int]:
    """Our end and the other end of what a process is asked by, and of its log. Raises WorkerError."""
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        try:
            return ours, theirs, *os.pipe()
        except OSError:
            ours.close()
            theirs.close()
            raise
    except OSError as error:
        raise WorkerError(f"a worker cannot be reached: {error.strerror}") from None


class SpawnedProcess:
    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self.pid = popen.pid

    def end(self, grace_s: float) -> Ending:
        killed = False
        try:
            self._popen.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            killed = True
        return Ending(self._popen.wait(), killed)


class Spawner:
    """Plain workers, one cold process each: every platform, no isolation but the process itself."""

    def __init__(self) -> None:
        self._cache = cache()
        self.versions: dict[str, str] = {}

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> Worker:
        token = secrets.token_hex(16)
        try:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.settimeout(START_S)
                popen = subprocess.Popen(
                    command("spawned", listener.getsockname()[1], token, root),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=environment(str(self._cache.path)),
                )
                assert popen.stdout is not None
                with popen.stdout as output:
                    log = LogCapture(os.dup(output.fileno()))
                try:
                    sock = self._accept(listener, token)
                except TimeoutError:
                    popen.kill()
                    log.close()
                    raise WorkerError(f"a worker did not start: {log.text()[-2000:]}") from None
        except OSError as error:
            raise WorkerError(f"a worker cannot be started: {error.strerror}") from None
        return Worker(sock, log, SpawnedProcess(popen), START_S, memory_mib)

    @staticmethod
    def _accept(listener: socket.socket, token: str) -> socket.socket:
        while True:
            sock, _address = listener.accept()
            sock.settimeout(START_S)
            if secrets.compare_digest(sock.recv(len(token), socket.MSG_WAITALL), token.encode()):
                return sock
            sock.close()

    def close(self) -> None:
        self._cache.remove()
