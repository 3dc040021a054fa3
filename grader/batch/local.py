"""Examiners on this machine: as many processes as asked for, which share one import of torch."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import send_handle
from typing import Final, Protocol

from msgspec import structs

from grader.batch.examiner import STOP
from grader.batch.jobs import AnyEvent, Ended, Job, Refused, Settings, decode_event
from grader.errors import WorkerError
from grader.report.files import encode
from grader.worker.launch import PACKAGE_ROOT, Adopted, Zygote, default_launcher

MOST_DEATHS: Final = 3  # of examiners, one after the other, without a word from any
AHEAD: Final = 2  # jobs that an examiner has: one at hand, one that waits
TRIES: Final = 2  # of a job whose examiner ended in the middle of it
MOST_USERS: Final = 25  # examiners whose workers run as users of their own
CLOSE_S: Final = 10.0
ENDED: Final = "the process that examined it ended, twice; run the same command again"


class Examiners(Protocol):
    """Who judges: on this machine or elsewhere. Whoever makes it closes it."""

    def room(self) -> bool:
        """Whether another job should be given out now."""
        ...

    def give(self, job: Job) -> None: ...

    def events(self, timeout_s: float) -> Iterator[AnyEvent]:
        """What has been told, after at most `timeout_s` seconds of silence."""
        ...

    def close(self) -> None: ...


class Examiner:
    """One process. Its jobs are `jobs`, the first of which is at hand."""

    def __init__(self, settings: Settings) -> None:
        ours, theirs = socket.socketpair()
        self.jobs: deque[Job] = deque()
        number = theirs.fileno()
        code = f"import sys; sys.path.insert(0, {PACKAGE_ROOT!r}); import grader.batch.examiner as e; e.main({number})"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-c", code],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the one who commands
            )
        except OSError as error:
            ours.close()
            raise WorkerError(f"an examiner cannot be started: {error.strerror}") from None
        finally:
            theirs.close()
        self.pipe = Connection(ours.detach())
        self._send(encode(settings))

    def lend(self, twin: Adopted | None) -> None:
        """What its workers come from, to be told before the first job; without a twin it imports torch itself. Its
        descriptors stay the caller's."""
        self._send(encode(twin.pid if twin else None))
        for descriptor in twin.descriptors if twin else ():
            with contextlib.suppress(OSError):
                send_handle(self.pipe, descriptor, self._process.pid)

    def give(self, job: Job) -> None:
        self.jobs.append(job)
        self._send(encode(job))

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # it is gone, which is found out where its events are read
            self.pipe.send_bytes(data)

    def event(self) -> AnyEvent | None:
        """The next one, for which this waits. None when it is gone."""
        try:
            return decode_event(self.pipe.recv_bytes())
        except (EOFError, OSError):
            return None

    def stop(self) -> None:
        """Has it end after the jobs that it has. Does not wait for that."""
        self._send(STOP)

    def close(self, wait_s: float = 0.0) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=wait_s)
        self.pipe.close()
        self._process.kill()
        self._process.wait()


class Starter:
    """Starts examiners that share one import of torch, `count` at a time. Raises WorkerError."""

    def __init__(self, settings: Settings, count: int) -> None:
        self.launcher = default_launcher()
        self._settings = settings
        self._count = count

    def start(self, numbers: Iterable[int]) -> list[Examiner]:
        """numbers: from 0 to `count`; those who live at the same time differ in it, and so do their users."""
        started: list[Examiner] = []
        try:
            for number in numbers:  # all of them first: they collect the suite while torch is imported
                started.append(Examiner(structs.replace(self._settings, uids=self._users(number))))
            for examiner in started:
                self._lend(examiner)
        except BaseException:
            for examiner in started:
                examiner.close()
            raise
        return started

    def _users(self, number: int) -> tuple[int, ...]:
        if not isinstance(self.launcher, Zygote):
            return ()
        return tuple(self.launcher.uids[number % MOST_USERS :: min(self._count, MOST_USERS)])

    def _lend(self, examiner: Examiner) -> None:
        twin = None
        if isinstance(self.launcher, Zygote):
            with contextlib.suppress(WorkerError):  # the zygote of all is gone: the examiner starts one of its own
                twin = self.launcher.fork_twin()
        try:
            examiner.lend(twin)
        finally:
            if twin:
                twin.close()

    def close(self) -> None:
        self.launcher.close()


class Local:
    """`count` examiners here. One that ends in the middle of a job is replaced, and its job is given out once more."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._starter = Starter(settings, count)
        self._deaths = 0
        self._tries: dict[str, int] = {}
        self._examiners: list[Examiner] = []
        try:
            self._examiners += self._starter.start(range(count))
        except BaseException:
            self.close()
            raise

    def room(self) -> bool:
        return any(len(examiner.jobs) < AHEAD for examiner in self._examiners)

    def give(self, job: Job) -> None:
        min(self._examiners, key=lambda examiner: len(examiner.jobs)).give(job)

    def events(self, timeout_s: float) -> Iterator[AnyEvent]:
        pipes = {examiner.pipe: number for number, examiner in enumerate(self._examiners)}
        for pipe in wait(list(pipes), timeout_s):
            number = pipes[pipe]  # type: ignore[index]
            event = self._examiners[number].event()
            if event is None:
                yield from self._replace(number)
            else:
                self._deaths = 0
                if isinstance(event, Ended | Refused):
                    self._examiners[number].jobs.popleft()
                yield event

    def _replace(self, number: int) -> Iterator[AnyEvent]:
        gone = self._examiners[number]
        gone.close()
        self._deaths += 1
        if self._deaths > MOST_DEATHS:
            raise WorkerError("examiners end as soon as they are started; what they wrote stands above")
        jobs = list(gone.jobs)
        if jobs:
            at_hand = jobs[0].id
            self._tries[at_hand] = self._tries.get(at_hand, 0) + 1
            if self._tries[at_hand] == TRIES:
                yield Ended(id=at_hand, fault=ENDED)
                del jobs[0]
        [self._examiners[number]] = self._starter.start([number])
        for job in jobs:
            self._examiners[number].give(job)

    def close(self) -> None:
        """Lets jobs at hand come to nothing."""
        for examiner in self._examiners:
            examiner.stop()
        until = time.monotonic() + CLOSE_S
        for examiner in self._examiners:
            examiner.close(0.0 if examiner.jobs else max(0.0, until - time.monotonic()))
        self._starter.close()
