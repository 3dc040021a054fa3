"""What `batch.py` measures, each in a fresh process. Writes its figures to the file FIGURES, as JSON.

    one_run.py batch FIGURES CLASS OUT [QUESTION ...]    what `grade.py batch` does; --only with questions
    one_run.py inside FIGURES SUBMISSION REPLIES         all checks on one submission, student code in this process

`inside` is what one pays without any of our machinery: one Python process that imports torch and the submitted files
and runs pytest once. Nothing is isolated and no clock runs. The answers of the reference, which others would have
stored, lie in the folder REPLIES, once somebody has asked for them.
"""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec import structs
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from grader.batch.batch import Tally
from grader.batch.door import Options, grade_class
from grader.batch.progress import Watching
from grader.grading import Desk, run_pytest
from grader.paths import find_assignment
from grader.plugin import Grading, Run
from grader.records import Record, Status
from grader.worker import dropout
from grader.worker.inline import Inline
from grader.worker.launch import Lazy, default_launcher

BETWEEN_S = 0.5  # between two looks at the examiners
A2 = find_assignment("a2")


class Figures(Record, frozen=True):
    """Of one `grade.py batch`.

    start_s: until torch is imported and the examiners are started. judging_s: from then until all are judged.
    parent_mib: the most resident memory of the command's own process; examiner_mib: of the largest examiner.
    """

    start_s: float
    judging_s: float
    parent_mib: float
    examiner_mib: float
    refused: int
    ungraded: int


class Watch:
    """Called with the tally: before the examiners are started, when they are, and after all that happens then."""

    def __init__(self) -> None:
        self.times: list[float] = []  # of the first two calls and the last one
        self.examiner_mib = 0.0
        self._looked = 0.0

    def __call__(self, tally: Tally) -> None:
        now = time.perf_counter()
        self.times[2:] = [now]
        if now - self._looked > BETWEEN_S:
            self._looked = now
            self.examiner_mib = max([self.examiner_mib, *map(peak_mib, examiners())])


def examiners() -> list[int]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in children if b"grader.batch.examiner" in read(f"/proc/{pid}/cmdline")]


def peak_mib(pid: int | str) -> float:
    found = re.search(rb"VmHWM:\s+(\d+) kB", read(f"/proc/{pid}/status"))
    return int(found[1]) / 1024 if found else 0.0  # it has just ended


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def batch(source: Path, out: Path, only: list[str]) -> Figures:
    watch = Watch()
    title = f"{source.name}, {', '.join(only)} again" if only else source.name
    with Watching(Console(stderr=True), title) as progress:

        def both(tally: Tally) -> None:
            watch(tally)
            progress(tally)

        summary = grade_class(A2, source, out, Options(only=only), progress=both)
    begun, started, ended = watch.times
    return Figures(
        start_s=started - begun,
        judging_s=ended - started,
        parent_mib=peak_mib("self"),
        examiner_mib=watch.examiner_mib,
        refused=summary.refused,
        ungraded=summary.ungraded,
    )


class Bare(Inline):
    """Student code in this process, without the first times of everything that a zygote goes through."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        torch.use_deterministic_algorithms(True, warn_only=True)
        self.versions = {}
        self._registration = dropout.install(torch)


def inside(source: Path, replies: Path) -> dict[str, Status]:
    """How each check ended."""
    # No zygote, once all replies are there.
    with closing(Lazy(default_launcher)) as launcher, Desk(A2, launcher, required="none", replies=replies) as desk:
        limits = structs.replace(desk.manifest.limits, total_s=1e9)
        manifest = structs.replace(desk.manifest, limits=limits)
        student = desk.subject(desk.stage(source), launcher=Bare())
        run = Run(manifest, student, desk.reference, desk.stored, clocks=False)
        run_pytest(A2, manifest, Grading(run))
        if run.fatal or run.fault:
            raise run.fatal or RuntimeError(run.fault)
        return {id_: result.status for id_, result in run.results.items()}


def main() -> None:
    way, figures, source, folder, *only = sys.argv[1:]
    places = Path(source).resolve(), Path(folder).resolve()
    target = Path(figures).resolve()  # submitted code changes the working folder
    found = batch(*places, only) if way == "batch" else inside(*places)
    target.write_bytes(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
