"""The parent's side of one worker: send a request, wait no longer than the limit, say what happened.

A worker is never asked to end: whatever breaks a limit or the protocol is killed from outside, and the
next request goes to a fresh worker.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from grader.errors import WorkerError
from grader.records import Died, Raised, Reply, Returned, Status
from grader.worker import wire

LOG_BYTES: Final = 64 << 10
PIPE_BYTES: Final = 64 << 10  # more does not lie in one
PATIENCE: Final = 5.0  # a limit may stretch to this many times its length while the machine is busy
TICK_S: Final = 0.25
GRACE_S: Final = 0.5  # for a worker that hung up to finish dying, so that its own end can be told from ours
CPU_S: Final = 3600  # processor seconds of one worker, after which the kernel ends it
OWN_DOING: Final = 0.5  # of its budget: a worker that had grown so far was killed for its own use of memory


class Ending(msgspec.Struct, frozen=True):
    """How a worker's process ended: exit code (negative for a signal), whether it was we who killed it, the
    processor seconds it used, and how far it had grown at most beyond what it shares with the zygote."""

    code: int
    killed: bool = False
    cpu_s: float = 0.0
    peak_mib: float = 0.0  # 0 where nobody can tell


class Objects(NamedTuple):
    """How objects that stay in the worker look on this side: both ways between them and HandleRefs."""

    outward: Callable[[Any], Any] | None = None
    inward: Callable[[wire.HandleRef], Any] | None = None


PLAIN: Final = Objects()


class Process(Protocol):
    """The process behind a worker, however it was started."""

    pid: int

    def end(self, grace_s: float) -> Ending:
        """Kills what is still there after `grace_s` seconds and collects it. Raises WorkerError when nobody
        can say any more how it ended."""
        ...


class TimeUp(Exception):
    """The limit of a call has passed."""


def queue_s(pid: int) -> float:
    """Seconds that a process has waited for a processor so far; 0 where the platform cannot tell."""
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def runs(pid: int) -> bool:
    """Whether a process's main thread computes or stands in the run queue; False where the platform cannot tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2].startswith(b"R")
    except OSError:
        return False


class Stopwatch:
    """Charges a worker with the time that passes, less the time it waited for a processor.

    On a loaded machine an honest call may sit in the kernel's run queue for seconds (counted in
    /proc/<pid>/schedstat); a sleeping or computing one never does. The total is bounded all the same,
    since a worker could make its own threads compete.
    """

    def __init__(
        self,
        pid: int,
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
        queue_s: Callable[[int], float] = queue_s,
    ) -> None:
        self._pid = pid
        self._clock = clock
        self._queue_s = queue_s
        self._start = self._looked = clock()
        self._queued: float | None = None  # read at the first tick: most calls are over by then
        self.limit_s = limit_s

    def charged_s(self) -> float:
        """What the worker has been charged so far."""
        wall = self._clock() - self._start
        return wall if self._queued is None else wall - max(0.0, self._queue_s(self._pid) - self._queued)

    def due(self) -> bool:
        """Whether nobody has looked for a while."""
        return self._clock() - self._looked > TICK_S

    def left_s(self) -> float:
        """Seconds until it is worth looking again. Raises TimeUp."""
        self._looked = self._clock()
        wall = self._looked - self._start
        first = min(TICK_S, self.limit_s / 4)
        if wall < first:
            return first - wall
        if self._queued is None:
            self._queued = self._queue_s(self._pid)
        charged = self.charged_s()
        if charged >= self.limit_s or wall >= PATIENCE * self.limit_s:
            raise TimeUp
        return max(self.limit_s - charged, 0.01)


class Connection:
    """Frames over a stream socket, each read and write under the current stopwatch."""

    def __init__(self, sock: socket.socket, spin_s: float) -> None:
        self._sock = sock
        self._spin_s = spin_s
        self.watch: Stopwatch | None = None
        self.reader = wire.Reader(self)

    def _arm(self) -> None:
        self._sock.settimeout(self.watch.left_s() if self.watch else None)

    def send(self, buffers: list[memoryview]) -> None:
        for buffer in buffers:
            while buffer:
                self._arm()
                try:
                    buffer = buffer[self._sock.send(buffer) :]
                except TimeoutError:
                    continue

    def receive(self, buffer: memoryview) -> int:
        if self.watch and self.watch.due():
            self._arm()  # bytes that keep coming do not stop the clock
        count = wire.receive_soon(self._sock, buffer, self._spin_s)
        while count is None:
            self._arm()
            with contextlib.suppress(TimeoutError):
                count = self._sock.recv_into(buffer)
        if not count:
            raise EOFError
        return count

    def surplus(self) -> bool:
        """Whether bytes lie waiting though no reply is due."""
        if self.reader.left_over():
            return True
        self._sock.setblocking(False)
        try:
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._sock.close()


class LogCapture:
    """Drains a worker's output, keeping the beginning and the end.

    Where the platform can tell what lies in a pipe, `text` holds all that was written before it is asked for.
    """

    def __init__(self, descriptor: int) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0
        self._ended = False
        self._lock = threading.Lock()
        self._descriptor = descriptor
        if sys.platform != "win32":
            os.set_blocking(descriptor, False)
        self._thread = threading.Thread(target=self._drain, daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # the machine has no thread left for us
            os.close(descriptor)
            raise WorkerError(f"a worker's output cannot be read: {error}") from None

    def _drain(self) -> None:
        with open(self._descriptor, "rb", buffering=0) as file:
            if sys.platform == "win32":
                while chunk := file.read(PIPE_BYTES):
                    self._keep(chunk)
                return
            written = select.poll()
            written.register(file, select.POLLIN)
            while not self._ended:
                written.poll()
                self._take()

    def _take(self) -> None:
        """What lies in the pipe now: one read, since somebody may write without end."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if not self._ended:
                chunk = os.read(self._descriptor, PIPE_BYTES)
                self._ended = not chunk
                self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        self._total += len(chunk)
        room = LOG_BYTES // 2 - len(self._head)
        self._head += chunk[:room]
        self._tail = (self._tail + chunk[max(room, 0) :])[-LOG_BYTES // 2 :]

    def close(self) -> None:
        """To be called once the process is gone; waits for the last of its output."""
        self._thread.join(timeout=2)

    def text(self) -> str:
        if sys.platform != "win32":
            self._take()
        with self._lock:
            dropped = self._total - len(self._head) - len(self._tail)
            middle = f"\n… {dropped} bytes left out …\n".encode() if dropped > 0 else b""
            return bytes(self._head + middle + self._tail).decode(errors="replace")


class Worker:
    """A running worker. After a reply of kind Died, or a WorkerError that tells of its end, it is gone.

    memory_mib: its budget. spin_s: how long to look for a reply before sleeping.
    layers: isolation layer -> "" when it holds, else the reason why it does not.
    """

    def __init__(
        self,
        sock: socket.socket,
        log: LogCapture,
        process: Process,
        start_s: float,
        memory_mib: int,
        spin_s: float = wire.SPIN_S,
    ) -> None:
        self._connection = Connection(sock, spin_s)
        self._memory_mib = memory_mib
        self._log = log
        self._process = process
        self.alive = True
        self.cpu_s = 0.0
        self.charged_s = 0.0
        self.layers: Mapping[str, str] = {}
        self._say_hello(start_s)

    def _say_hello(self, limit_s: float) -> None:
        try:
            self._connection.watch = Stopwatch(self._process.pid, limit_s)
            header, meta, payload = self._connection.reader.frame()
            hello = wire.unpack(meta, payload)
            if header.kind != wire.HELLO:
                raise wire.ProtocolError("no hello")
            self.layers = msgspec.convert(hello["layers"], dict[str, str])
        except (OSError, EOFError, TimeUp, wire.ProtocolError, msgspec.ValidationError) as error:
            ending = self._end(GRACE_S)
            raise WorkerError(
                f"a worker did not start ({type(error).__name__}, ended with {ending.code}): {self._log.text()}"
            ) from None

    def ask(self, request: list[Any], limit_s: float, objects: Objects = PLAIN) -> Reply:
        """One request, one reply. Values come as plain data, numpy arrays and what `objects` makes of handles.
        Raises WorkerError when the worker was ended by something other than its code or its limits, and
        wire.Unsendable, with the worker as it was, for a request that cannot be sent."""
        if not self.alive:
            raise WorkerError("a worker was asked after its end")
        number = wire.new_request_id()
        packer = wire.Packer(objects.outward)
        frame = packer.frame(wire.REQUEST, number, packer.pack(request))
        watch = self._connection.watch = Stopwatch(self._process.pid, limit_s)
        try:
            self._connection.send(frame)
            header, meta, payload = self._connection.reader.frame()
            self.charged_s = watch.charged_s()
            return self._decode(header, number, meta, payload, objects)
        except TimeUp:
            self.charged_s = limit_s
            self._end()
            return self._died(Status.TIMED_OUT, f"it did not return within {limit_s:g} s")
        except wire.ProtocolError as error:
            self._end()
            return self._died(
                Status.REFUSED, "the submitted code wrote to the grader's own channel", str(error)
            )
        except (EOFError, OSError):
            return self._died(*explain(self._end(GRACE_S), self._memory_mib))

    def _decode(
        self, header: wire.Header, number: int, meta: bytearray, payload: bytearray, objects: Objects
    ) -> Reply:
        reply = decode_reply(header, number, meta, payload, objects)
        if self._connection.surplus():
            raise wire.ProtocolError("more than one reply")
        return reply

    def _died(self, status: Status, text: str, detail: str = "") -> Died:
        log = "\n".join(part for part in (detail, self._log.text()) if part)
        return Died(status=status, text=text, log=log)

    def _end(self, grace_s: float = 0.0) -> Ending:
        self.alive = False
        try:
            ending = self._process.end(grace_s)
        finally:
            self._connection.close()
            self._log.close()
        self.cpu_s = ending.cpu_s
        return ending

    def cpu_now_s(self) -> float:
        """Processor seconds used so far; 0 where the platform cannot tell."""
        if not self.alive:
            return self.cpu_s
        try:  # the kernel's number for another process's CPU clock: ~pid in the upper bits, 2 = scheduler
            return time.clock_gettime((~self._process.pid << 3) | 2)
        except (AttributeError, OSError):
            return 0.0

    def queued_s(self) -> float:
        """Seconds that it stood in the kernel's run queue so far; 0 where the platform cannot tell."""
        return queue_s(self._process.pid) if self.alive else 0.0

    def busy(self) -> bool:
        """Whether its main thread runs, or would if a processor were free; False where the platform cannot tell."""
        return self.alive and runs(self._process.pid)

    def log(self) -> str:
        return self._log.text()

    def close(self) -> None:
        if self.alive:
            with contextlib.suppress(WorkerError):  # whoever closes it does not ask how it ended
                self._end()


def decode_reply(
    header: wire.Header, number: int, meta: bytearray, payload: bytearray, objects: Objects
) -> Reply:
    """A reply frame to request `number`, checked and rebuilt. Raises ProtocolError."""
    if header.request_id != number:
        raise wire.ProtocolError("a reply to another request")
    body = wire.unpack(meta, payload, objects.inward)
    try:
        if header.kind == wire.RAISED:
            return msgspec.convert(body, Raised)
        if header.kind == wire.RETURNED and type(body) is list and len(body) == 2:
            changed = () if body[1] is None else body[1]
            return Returned(value=body[0], changed=msgspec.convert(changed, tuple[int, ...]))
    except msgspec.ValidationError:
        pass
    raise wire.ProtocolError("a reply of no known kind")


def explain(ending: Ending, memory_mib: int) -> tuple[Status, str]:
    """A worker that ended by itself: status and the sentence for the student. Raises WorkerError when it was
    killed from outside: an operator, or a machine that ran out of memory which others took."""
    code = ending.code
    if ending.killed:
        return Status.CRASHED, "the code closed the worker's connection to the grader"
    if code >= 0:
        return Status.CRASHED, f"the code ended the process (exit code {code})"
    number = -code
    kill = getattr(signal, "SIGKILL", None)
    # The kernel's second warning about processor time is a SIGKILL, too.
    if number == getattr(signal, "SIGXCPU", None) or (number == kill and ending.cpu_s >= CPU_S):
        return Status.TIMED_OUT, "it used up its processor time"
    if number == kill and ending.peak_mib >= OWN_DOING * memory_mib:
        return Status.OUT_OF_MEMORY, "the system ended the process, most likely for want of memory"
    if number == kill:
        raise WorkerError(f"a worker was killed from outside, when it had grown by {ending.peak_mib:.0f} MiB")
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return Status.CRASHED, f"the process crashed ({name})"
