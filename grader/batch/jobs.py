"""What travels between the one who grades a class and its examiners: jobs out, events back, as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from grader.gpu import CPU
from grader.records import CheckResult, HowToRun, Record, Status, Submission, WrittenAnswers


class Settings(Record, frozen=True):
    """The same for all jobs of a run.

    root: of the repository that the assignment lies in.
    replies: private folder for the reference's replies.
    uids: the users that workers of this examiner become.
    device: "cpu", or the name of the GPU that all examiners share.
    """

    assignment: str
    root: str
    replies: str
    required: str
    notebooks: HowToRun = "run"
    total_s: float | None = None
    uids: tuple[int, ...] = ()
    device: str = CPU


class Job(Record, frozen=True):
    """One submission to be judged in some checks. `source` is its path; `known`: how other checks ended, which these
    may build on."""

    id: str
    source: str
    checks: tuple[str, ...]
    known: dict[str, Status] = msgspec.field(default_factory=dict)


class Event(Record, frozen=True, tag=True):
    """Base of what an examiner tells. `id` is the job's."""

    id: str


class Opened(Event, frozen=True):
    """The submission could be read. Its `root` is gone when this is read."""

    submission: Submission
    written: WrittenAnswers


class Ran(Event, frozen=True):
    """Base of what is told once code may have run for the job: isolation and versions of that, where any has."""

    isolation: dict[str, bool] = msgspec.field(default_factory=dict)
    versions: dict[str, str] = msgspec.field(default_factory=dict)


class Judged(Ran, frozen=True, kw_only=True):
    """All results of one part of the assignment."""

    results: tuple[CheckResult, ...]


class Ended(Ran, frozen=True):
    """The last event of a job. `fault` is of ours: nothing was judged after it."""

    fault: str = ""


class Refused(Event, frozen=True):
    """The last event of a job whose submission cannot be read; `why` is for the student."""

    why: str


class Halted(Event, frozen=True):
    """The last event of an examiner: nothing can be graded there, whatever the submission."""

    why: str


class Proof(Record, frozen=True):
    """What a machine of a cluster shows before it gets work.

    versions: of what grades and runs there. shortfall: see `worker.levels.shortfall`.
    absent: nothing of this is known yet, since the assignment's files must be sent there first.
    """

    versions: dict[str, str] = msgspec.field(default_factory=dict)
    shortfall: str = ""
    absent: bool = False


AnyEvent = Opened | Judged | Ended | Refused | Halted


def decode_event(data: bytes) -> AnyEvent:
    found: Any = msgspec.json.decode(data, type=AnyEvent)
    return found  # type: ignore[no-any-return]
