"""A worker that remembers: what our own solution once answered is not asked again.

For code that gives the same answers to the same requests, which is the reference and nobody else's. Replies lie in a
folder that the processes of one run share. A request's key holds its bytes and, of every object that it mentions, all
requests that this object, and those it came from or met, have been through. A real worker is started for the first
request whose reply is not there, and led through the requests that its objects have behind them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from grader.errors import WorkerError
from grader.records import Gpu, Reply, Returned
from grader.worker import wire
from grader.worker.client import PLAIN, Objects
from grader.worker.launch import AnyWorker, Launcher
from grader.worker.wire import HandleRef

if sys.platform != "win32":
    import fcntl

LOCKS: Final = 64
LARGEST: Final = 16 << 20  # bytes of a reply that is kept
ROOM: Final = 512 << 20  # bytes that one process adds to the folder
SETUP: Final = ("import", "probes", "standins")  # change nothing that a reply would show


class Replies:
    """Replies in a folder, by key. What one process computes, the others wait for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._room = ROOM

    def get(self, key: str) -> bytes | None:
        try:
            return (self._folder / key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, reply: bytes) -> None:
        if len(reply) > min(LARGEST, self._room):
            return
        self._room -= len(reply)
        new = self._folder / f"{key}.{os.getpid()}"
        with contextlib.suppress(OSError):  # a full disk costs time and no more
            new.write_bytes(reply)
            new.replace(self._folder / key)

    @contextlib.contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """No other process is here with this key, where the platform has locks."""
        if sys.platform == "win32":
            yield
            return
        with (self._folder / f"lock{int(key[:8], 16) % LOCKS}").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@dataclass(eq=False)
class Step:
    """A request that objects have been through. refs: number in the request -> object. made: objects of its reply."""

    meta: bytes
    payload: bytes
    refs: Mapping[int, int]
    made: tuple[int, ...]
    lived: bool  # by the real worker


@dataclass(eq=False)
class Company:
    """Objects that came from each other or met in a request, so that each may have changed the others."""

    digest: str = ""
    steps: list[Step] = field(default_factory=list)
    members: list[int] = field(default_factory=list)


class Numbered(wire.Packer):
    """Packs a request whose objects are numbered by their places in their companies, in order of appearance."""

    def __init__(self, companies: Mapping[int, Company], objects: Objects) -> None:
        super().__init__(objects.outward)
        self._companies = companies
        self.met: list[Company] = []
        self.refs: dict[int, int] = {}

    def pack(self, value: Any, depth: int = 0) -> Any:
        if type(value) is HandleRef:
            company = self._companies[value.id]
            if company not in self.met:
                self.met.append(company)
            number = self.met.index(company) << 32 | company.members.index(value.id)
            self.refs[number] = value.id
            value = HandleRef(number)
        return super().pack(value, depth)


class RememberedWorker:
    """Answers from the folder where it can, else as the worker that it starts then."""

    def __init__(self, launcher: Launcher, root: str, memory_mib: int, replies: Replies) -> None:
        self._start: Callable[[], AnyWorker] = partial(launcher.start, root, memory_mib)
        self._replies = replies
        self._live: AnyWorker | None = None
        self._setup: list[list[Any]] = []
        self._companies: dict[int, Company] = {}
        self._lived: dict[int, int] = {}  # object -> its number in the real worker
        self._count = 0
        self.alive = True
        self.charged_s = 0.0
        self.layers: Mapping[str, str] = {}

    def ask(self, request: list[Any], limit_s: float, objects: Objects = PLAIN) -> Reply:
        """As `client.Worker.ask`."""
        if request[0] in SETUP:
            self._setup.append(request)
            return self._live.ask(request, limit_s) if self._live else Returned(value=None)
        if request[0] == "drop":
            return self._drop(request[1], limit_s)
        packer = Numbered(self._companies, objects)
        meta, payload = encoded(packer, request)
        digests = " ".join(company.digest for company in packer.met)
        key = hashlib.sha256(f"{len(meta)} {len(payload)} {digests} ".encode() + meta + payload).hexdigest()
        step = Step(meta, payload, packer.refs, (), lived=False)
        stored = self._replies.get(key)
        if stored is None:
            with self._replies.alone(key):
                stored = self._replies.get(key)
                if stored is None:
                    reply = self._lead(packer.met, step, limit_s)
                    if not isinstance(reply, Returned):
                        return reply
                    stored = joined(*encoded(wire.Packer(), [reply.value, list(reply.changed)]))
                    self._replies.put(key, stored)
        return self._told(stored, key, step, packer.met, objects)

    def _told(self, stored: bytes, key: str, step: Step, met: list[Company], objects: Objects) -> Returned:
        """The stored reply, whose objects join the company of those in the request."""
        first, made = self._count, []

        def inward(ref: HandleRef) -> Any:
            ref = HandleRef(first + ref.id, ref.label)
            made.append(ref.id)
            return objects.inward(ref) if objects.inward else ref

        meta, payload = parted(stored)
        value, changed = wire.unpack(meta, payload, inward, trusted=True)
        self._count += len(made)
        if met or made:
            if not step.lived:
                step.made = tuple(made)
            company = Company(
                digest=key,
                steps=[*(step for one in met for step in one.steps), step],
                members=[*(member for one in met for member in one.members), *sorted(made)],
            )
            there = (one for one in company.members if one in self._companies or one in made)
            self._companies |= dict.fromkeys(there, company)
        return Returned(value=value, changed=tuple(changed))

    def _lead(self, met: list[Company], step: Step, limit_s: float) -> Reply:
        """Has the real worker live through what the objects of `step` have behind them, and then `step`."""
        if self._live is None:
            self._live = self._start()
            self.layers = self._live.layers
            for request in self._setup:
                if not isinstance(reply := self._live.ask(request, limit_s), Returned):
                    return self._checked(reply)
        for before in (before for company in met for before in company.steps if not before.lived):
            if not isinstance(reply := self._lived_through(before, before.made, limit_s), Returned):
                return self._checked(reply)
        return self._checked(self._lived_through(step, None, limit_s))

    def _lived_through(self, step: Step, made: tuple[int, ...] | None, limit_s: float) -> Reply:
        assert self._live is not None
        numbers: list[int] = []

        def inward(ref: HandleRef) -> HandleRef:
            numbers.append(ref.id)
            return HandleRef(len(numbers) - 1, ref.label)

        request = wire.unpack(
            step.meta, step.payload, lambda ref: HandleRef(self._lived[step.refs[ref.id]]), trusted=True
        )
        reply = self._live.ask(request, limit_s, Objects(None, inward))
        if isinstance(reply, Returned):
            step.made = tuple(range(self._count, self._count + len(numbers))) if made is None else made
            step.lived = True
            self._lived |= dict(zip(step.made, numbers, strict=True))
        return reply

    def _checked(self, reply: Reply) -> Reply:
        if self._live is not None and not self._live.alive:
            self.alive = False
        return reply

    def _drop(self, numbers: list[int], limit_s: float) -> Reply:
        left = [self._companies.pop(number) for number in numbers]
        # As long as one of them is there, the others may be needed to lead it on.
        over = {one for company in left for one in company.members} - {
            one for company in self._companies.values() for one in company.members
        }
        lived = [self._lived.pop(one) for one in sorted(over) if one in self._lived]
        if self._live and lived:
            return self._checked(self._live.ask(["drop", lived], limit_s))
        return Returned(value=None)

    def cpu_now_s(self) -> float:
        return self._live.cpu_now_s() if self._live else 0.0

    def queued_s(self) -> float:
        return self._live.queued_s() if self._live else 0.0

    def busy(self) -> bool:
        return self._live is not None and self._live.busy()

    def log(self) -> str:
        return self._live.log() if self._live else ""

    def close(self) -> None:
        self.alive = False
        if self._live:
            self._live.close()


class Remembering:
    """Launcher of remembered workers; the real ones come from `launcher`, which stays its owner's.

    folder: private, there already, the same for all processes of a run. What lies there holds answers.
    """

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        self._launcher = launcher
        self._replies = Replies(folder)

    @property
    def versions(self) -> Mapping[str, str]:
        return self._launcher.versions

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> RememberedWorker:
        if gpu:
            raise WorkerError("nothing is remembered of a worker with a GPU")
        return RememberedWorker(self._launcher, root, memory_mib, self._replies)

    def close(self) -> None:
        pass


def encoded(packer: wire.Packer, value: Any) -> tuple[bytes, bytes]:
    """Meta and payload of a message. Raises wire.Unsendable."""
    body = packer.pack(value)
    try:
        return msgspec.msgpack.encode(body), b"".join(packer.buffers)
    except (OverflowError, UnicodeEncodeError, RecursionError, TypeError) as error:
        raise wire.Unsendable(f"a value outside the protocol ({type(error).__name__})") from None


def joined(meta: bytes, payload: bytes) -> bytes:
    padding = bytes(-(8 + len(meta)) % wire.ALIGN)
    return len(meta).to_bytes(8, "little") + meta + padding + payload


def parted(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 8:
        raise WorkerError("a remembered reply is damaged")
    end = 8 + int.from_bytes(data[:8], "little")
    return data[8:end], data[end + -end % wire.ALIGN :]
