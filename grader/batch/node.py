"""What a machine of a cluster does: it proves what it is, then judges submissions that come as bytes.

`prove` and `judge` are called in a process of the cluster's, which itself stages and runs nothing: examiners do, as
they do for a run on one machine. Arguments and results are bytes: JSON, but for the files.
"""

from __future__ import annotations

import atexit
import queue
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from grader.batch.freight import unpack, unpack_files
from grader.batch.jobs import AnyEvent, Ended, Halted, Job, Proof, Refused, Settings
from grader.batch.local import ENDED, TRIES, Examiner, Starter
from grader.batch.suite import digest_of
from grader.errors import WorkerError
from grader.grading import versions
from grader.paths import Assignment
from grader.records import Limits
from grader.report.files import encode
from grader.worker.levels import shortfall
from grader.worker.scratch import Scratch

IDLE_S: Final = 3600.0  # after which examiners that nobody asks end: their run is over
Key = tuple[str, bytes]  # digest of the assignment, settings


class Bench:
    """Examiners of one assignment, `count` at most, which share one import of torch.

    files: of the assignment, where this machine has none or others. Raises WorkerError when they are not those that
    `digest` names, OSError.
    """

    def __init__(self, settings: Settings, digest: str, files: bytes, count: int) -> None:
        self._required = settings.required
        self._scratch = Scratch(0o700)
        try:
            self._assignment = Assignment(settings.assignment)
            if files:
                root = self._scratch.path / "repository"
                unpack_files(files, root)
                self._assignment = Assignment(settings.assignment, root)
                if digest_of(self._assignment) != digest:
                    raise WorkerError("the assignment's files have not arrived as they were sent")
            replies = self._scratch.path / "replies"
            replies.mkdir()
            own = structs.replace(settings, root=str(self._assignment.root), replies=str(replies))
            self._starter = Starter(own, count)
        except BaseException:
            self._scratch.remove()
            raise
        self._examiners: dict[int, Examiner] = {}
        self._count = count
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(count):
            self._free.put(number)
        self._used = time.monotonic()

    def proof(self) -> Proof:
        """By a worker that runs nothing. Raises WorkerError, OSError."""
        self._used = time.monotonic()
        launcher, folder = self._starter.launcher, Scratch(0o755)
        try:
            worker = launcher.start(str(folder.path), Limits().memory_mib)
            worker.close()
        finally:
            folder.remove()
        answers = *self._assignment.answers, *Assignment(self._assignment.id).answers  # of another version, maybe
        return Proof(versions=versions(launcher), shortfall=shortfall(self._required, worker.layers, answers))

    def judge(self, job: Job, freight: bytes) -> list[AnyEvent]:
        """All that an examiner tells of the job. Raises OSError, WorkerError."""
        number = self._free.get()
        try:
            with tempfile.TemporaryDirectory(dir=self._scratch.path) as folder:
                job = structs.replace(job, source=str(unpack(freight, Path(folder))))
                for _ in range(TRIES):
                    events = self._examined(number, job)
                    if events and isinstance(events[-1], Ended | Refused | Halted):
                        return events
                return [*events, Ended(id=job.id, fault=ENDED)]
        finally:
            self._used = time.monotonic()
            self._free.put(number)

    def _examined(self, number: int, job: Job) -> list[AnyEvent]:
        """What the examiner tells until the job, or the examiner, is at its end."""
        examiner = self._examiners.pop(number, None) or self._starter.start([number])[0]
        examiner.give(job)
        events: list[AnyEvent] = []
        while event := examiner.event():
            events.append(event)
            if isinstance(event, Ended | Refused):
                examiner.jobs.popleft()
                self._examiners[number] = examiner
                return events
        examiner.close()
        return events

    @property
    def idle_s(self) -> float:
        """Seconds for which nothing has been asked of it."""
        return time.monotonic() - self._used if self._free.qsize() == self._count else 0.0

    def close(self) -> None:
        for examiner in list(self._examiners.values()):
            examiner.close()
        self._scratch.remove()  # which holds answers: it goes first, should somebody lose patience with us
        self._starter.close()


_benches: dict[Key, Bench] = {}
_lock: Final = threading.Lock()


def prove(settings: bytes, digest: str, files: bytes, count: int) -> bytes:
    """A Proof. digest: of the assignment, whose `files` come once the proof says that they are not here. count:
    examiners at a time. Raises WorkerError, OSError."""
    key = digest, settings
    wanted = msgspec.json.decode(settings, type=Settings)
    with _lock:
        for old in [old for old, bench in _benches.items() if bench.idle_s > IDLE_S]:
            _benches.pop(old).close()
        if key not in _benches:
            if not files and digest_of(Assignment(wanted.assignment)) != digest:
                return encode(Proof(absent=True))
            _benches[key] = Bench(wanted, digest, files, count)
        bench = _benches[key]
    return encode(bench.proof())


def judge(settings: bytes, digest: str, job: bytes, freight: bytes) -> list[bytes]:
    """The events of a Job whose submission is `freight`, when it has ended. Raises LookupError for what was not proved
    here, OSError, WorkerError."""
    with _lock:
        bench = _benches.get((digest, settings))
    if bench is None:
        raise LookupError("nothing has been proved here")
    return [encode(event) for event in bench.judge(msgspec.json.decode(job, type=Job), freight)]


@atexit.register
def close_all() -> None:
    """Ends all examiners of this process. One that is killed takes them with it, since they see their pipe close."""
    while _benches:
        _benches.popitem()[1].close()
