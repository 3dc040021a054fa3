"""A process that examines: jobs come in over a pipe, events go out.

It ends with the one who started it, whose end closes the pipe: no examiner goes on for nobody.
"""

from __future__ import annotations

import gc
import os
import queue
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import Any

import msgspec

from grader.batch.jobs import AnyEvent, Ended, Halted, Job, Judged, Opened, Refused, Settings
from grader.batch.series import Series, Task
from grader.errors import GraderError, IntakeError
from grader.gpu import find_gpu
from grader.grading import Desk, isolation, run_pytest, versions
from grader.paths import Assignment
from grader.plugin import Run
from grader.records import CheckSpec
from grader.report.files import encode
from grader.worker.launch import Adopted, Launcher, Lazy, Zygote, default_launcher

STOP = b""  # in place of a job: there will be no more


def examine(
    settings: Settings, jobs: Iterable[Job], tell: Callable[[AnyEvent], None], launcher: Launcher
) -> None:
    """Judges jobs as they come, one after the other, and tells what becomes of each."""
    assignment = Assignment(settings.assignment, Path(settings.root))
    at = ""  # the job at hand, until its last event

    def finish(event: AnyEvent) -> None:
        nonlocal at
        at = ""
        tell(event)

    def tasks() -> Iterator[Task]:
        nonlocal at
        gc.collect()
        gc.freeze()  # the suite has been collected and stays, so that nobody need look through it again
        for job in jobs:
            at = job.id
            try:
                submission = desk.stage(Path(job.source))
            except IntakeError as error:
                finish(Refused(id=job.id, why=str(error)))
                continue
            except GraderError as error:
                finish(Ended(id=job.id, fault=str(error)))
                continue
            tell(Opened(id=job.id, submission=submission, written=desk.answers(submission, desk.manifest)))
            run = Run(
                desk.manifest,
                desk.subject(submission),
                desk.reference,
                desk.stored,
                notebooks=settings.notebooks,
                known=job.known,
                on_result=Parts(job, first.specs, desk, tell),
            )
            yield run, frozenset(job.checks)

    def done(run: Run) -> None:
        run.student.close()
        shutil.rmtree(run.student.submission.root, ignore_errors=True)
        if not run.fatal:
            finish(Ended(id=at, fault=run.fault, **ran(run, desk)))

    try:
        replies = Path(settings.replies)
        gpu = find_gpu(settings.device)
        with Desk(
            assignment, launcher, required=settings.required, total_s=settings.total_s, replies=replies, gpu=gpu
        ) as desk:
            first = Run(desk.manifest, desk.reference, desk.reference, desk.stored)
            series = Series(first, tasks(), done)
            run_pytest(assignment, desk.manifest, series)
            if series.run.fatal:
                raise series.run.fatal
            if at:  # it has not come to its checks
                finish(Ended(id=at, fault=series.run.fault))
    except GraderError as error:
        tell(Halted(id=at, why=str(error)))


class Parts:
    """Tells the results of a job, a part of the assignment at a time."""

    def __init__(
        self, job: Job, specs: Iterable[CheckSpec], desk: Desk, tell: Callable[[AnyEvent], None]
    ) -> None:
        self._job = job
        self._desk = desk
        self._tell = tell
        part_of = {question.id: question.part for question in desk.manifest.questions}
        self._waiting: dict[str, set[str]] = {}
        for spec in specs:
            if spec.id in job.checks:
                self._waiting.setdefault(part_of[spec.question], set()).add(spec.id)

    def __call__(self, run: Run) -> None:
        for part, checks in list(self._waiting.items()):
            if checks <= run.results.keys():
                del self._waiting[part]
                results = tuple(result for id_, result in run.results.items() if id_ in checks)
                self._tell(Judged(id=self._job.id, results=results, **ran(run, self._desk)))


def ran(run: Run, desk: Desk) -> dict[str, Any]:
    """Isolation and versions of what ran; nothing where nothing did."""
    if not run.student.isolation:
        return {}
    return {"isolation": isolation(run.student), "versions": versions(desk.launcher, desk.gpu)}


def main(descriptor: int) -> None:
    """The life of an examiner process. descriptor: of its pipe, on which its settings come first, then the twin that is
    its zygote, as soon as there is one."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # whoever asks us to stop says so over the pipe
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    pipe = Connection(descriptor)
    settings = msgspec.json.decode(pipe.recv_bytes(), type=Settings)
    twins: queue.SimpleQueue[Adopted | None] = queue.SimpleQueue()
    jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, twins, jobs), daemon=True).start()

    def adopted() -> Launcher:
        twin = twins.get()
        return Zygote(settings.uids, twin=twin, spin_s=0.0) if twin else default_launcher()

    with closing(Lazy(adopted)) as launcher:
        examine(settings, iter(jobs.get, None), lambda event: pipe.send_bytes(encode(event)), launcher)


def _listen(
    pipe: Connection, twins: queue.SimpleQueue[Adopted | None], jobs: queue.SimpleQueue[Job | None]
) -> None:
    try:
        pid = msgspec.json.decode(pipe.recv_bytes(), type=int | None)
        twins.put(Adopted(pid, recv_handle(pipe), recv_handle(pipe)) if pid else None)
        while data := pipe.recv_bytes():
            jobs.put(msgspec.json.decode(data, type=Job))
        jobs.put(None)
        pipe.recv_bytes()
    finally:  # the other end is closed, or, with words of ours unread, reset: whoever asked is gone
        os._exit(1)

