"""`grade_class`: from the export of a class to scores, pages and filled gradebooks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from grader.batch.batch import Batch, Tally
from grader.batch.jobs import Settings
from grader.batch.ledger import Ledger
from grader.batch.local import Examiners, Local
from grader.batch.mixed import refuse_mixed
from grader.batch.outputs import OVERVIEW, TABLE, fill, write_overall
from grader.batch.suite import Suite, load_suite
from grader.errors import GraderError
from grader.gpu import CPU, find_gpu
from grader.lms import ClassExport, open_class
from grader.paths import Assignment
from grader.records import HowToRun
from grader.report.gradescope import count_text
from grader.worker.levels import STANDARD
from grader.worker.scratch import Scratch


class Options(NamedTuple):
    """jobs: examiners at a time. only: checks and questions to be graded again, everywhere. cluster: address of a Dask
    scheduler, or `local:N`; "" for this machine. device: "cpu", or the name of a GPU of this machine."""

    jobs: int = os.cpu_count() or 1
    only: Sequence[str] = ()
    notebooks: HowToRun = "run"
    required: str = STANDARD
    total_s: float | None = None
    cluster: str = ""
    device: str = CPU


class Summary(NamedTuple):
    """What came of a class. remarks: sentences for staff about the export as a whole. filled: about gradebooks."""

    out: Path
    submissions: int
    refused: int
    ungraded: int
    remarks: Sequence[str]
    filled: Sequence[str]

    def lines(self) -> list[str]:
        graded = self.submissions - self.refused - self.ungraded
        counts = [f"{count_text(graded, 'submission')} graded"]
        if self.refused:
            counts.append(f"{self.refused} cannot be read")
        if self.ungraded:
            counts.append(f"{self.ungraded} not complete, through no fault of theirs: run the same command again")
        return [*self.remarks, *self.filled, ", ".join(counts), f"{self.out}: {OVERVIEW}, {TABLE}"]


@contextmanager
def scratch() -> Iterator[Path]:
    """A private folder for as long as it is needed; those that ended processes left go, too."""
    try:
        made = Scratch(0o700)
    except OSError as error:
        raise GraderError(f"there is no room for temporary files: {error.strerror or error}") from None
    try:
        yield made.path
    finally:
        made.remove()
        Scratch(0o700).remove()


def grade_class(
    assignment: Assignment,
    source: Path,
    out: Path,
    options: Options,
    *,
    gradebooks: Sequence[Path] = (),
    column: str = "",
    progress: Callable[[Tally], None] = lambda tally: None,
) -> Summary:
    """Grades what has not been graded, and writes what comes of it into `out`.

    gradebooks: files of which `out` gets filled copies; column: theirs for this assignment.
    Raises GraderError, ManifestError, IntakeError when nothing can be graded, KeyboardInterrupt when asked to stop.
    What was found out by then is in `out`, and holds when the same is asked for again.
    """
    if find_gpu(options.device) and options.cluster:
        raise GraderError("--device is for this machine, and --cluster for others: leave one of them out")
    with (
        scratch() as place,
        opened(assignment, source, place / "fetched") as export,
        Ledger(out, assignment.id) as ledger,
    ):
        batch = Batch(load_suite(assignment, options.notebooks, options.device), export, ledger, out, place / "fetched")
        batch.regrade(options.only)
        try:
            batch.run(lambda: examiners(assignment, batch.suite, place, options), progress)
        finally:
            write_overall(batch, out)
        filled = [line for path in gradebooks for line in fill(path, batch, out, column)]
        tally = batch.tally
        return Summary(out, tally.total, tally.refused, tally.ungraded, export.remarks, filled)


def opened(assignment: Assignment, source: Path, place: Path) -> ClassExport:
    """The class, which is one of this assignment. Raises IntakeError."""
    export = open_class(source, place)
    try:
        refuse_mixed(export, assignment)
    except BaseException:
        export.close()
        raise
    return export


def examiners(assignment: Assignment, suite: Suite, place: Path, options: Options) -> Examiners:
    """Those that the options ask for. place: private folder for what they share. Raises GraderError."""
    replies = place / "replies"
    replies.mkdir(exist_ok=True)
    settings = Settings(
        assignment=assignment.id,
        root=str(assignment.root),
        replies=str(replies),
        required=options.required,
        notebooks=options.notebooks,
        total_s=options.total_s,
        device=options.device,
    )
    if options.cluster:
        from grader.batch.cluster import Cluster

        return Cluster(settings, suite.whole, options.cluster, place)
    return Local(settings, options.jobs)
