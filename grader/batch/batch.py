"""A class from its export to its reports. What is known already is not graded again."""

from __future__ import annotations

import fnmatch
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec import structs

from grader import interrupt
from grader.batch.jobs import AnyEvent, Ended, Halted, Job, Judged, Opened, Refused
from grader.batch.ledger import Filed, Known, Ledger
from grader.batch.local import Examiners
from grader.batch.suite import Suite, digest_of_source
from grader.errors import GraderError, IntakeError, ManifestError
from grader.lms import ClassExport
from grader.plugin import STOPPED, not_run
from grader.records import CheckSpec, Row, Scorecard, Status
from grader.report.files import REPORTS, WRITTEN, write_record, write_refusal, write_reports
from grader.scoring import score, with_marks
from grader.written.extract import remarks
from grader.written.marks import given_before

NOT_YET: Final = "not graded yet: the run was stopped before; run the same command again"
SILENCE_S: Final = 0.2  # to wait for an event before looking for a signal


@dataclass
class Tally:
    """How far the run is. `statuses` counts the checks that were judged in this run."""

    total: int = 0
    known: int = 0  # submissions for which nothing was left to do
    done: int = 0  # in this run
    refused: int = 0
    ungraded: int = 0  # submissions in which something is
    statuses: Counter[Status] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> int:
        return self.total - self.known - self.done - self.refused

    def rate(self) -> float:
        """Submissions a second."""
        return self.done / max(time.monotonic() - self.started, 1e-3)


class Batch:
    """out: folder for everything that comes out; each submission has a folder of reports in it, by its id.
    place: the folder into which `export` unpacks.
    """

    def __init__(self, suite: Suite, export: ClassExport, ledger: Ledger, out: Path, place: Path) -> None:
        self.suite = suite
        self.ledger = ledger
        self.tally = Tally(total=len(export.entries))
        self._export = export
        self._out = out
        self._place = place
        self._specs = {spec.id: spec for spec in suite.specs}
        self._part_of = {question.id: question.part for question in suite.manifest.questions}
        self._written = any(question.written for question in suite.manifest.questions)
        self._reports = (*REPORTS, WRITTEN) if self._written else REPORTS
        self._again: deque[Job] = deque()
        self._at_hand: dict[str, Job] = {}
        ledger.note_class(export.entries)
        ledger.note_shown(suite.shown)

    # --- what is to be done -----------------------------------------------------------------------

    def regrade(self, patterns: Sequence[str]) -> None:
        """Forgets the results of these checks and questions (fnmatch patterns). Raises ManifestError for one that fits
        nothing."""
        for pattern in patterns:
            found = [spec.id for spec in self.suite.specs if fits(spec, pattern)]
            if not found:
                raise ManifestError(f"{self.suite.manifest.id} has no check and no question {pattern!r}")
            self.ledger.forget(found)

    def _stale(self, row: Known, results: Mapping[str, Filed], *, ungraded: bool) -> list[str]:
        """Checks without a result that holds. ungraded: a fault of ours is none."""
        ended = {id_: filed.result.status for id_, filed in results.items()}
        return [
            spec.id
            for spec in self.suite.specs
            if spec.id not in results
            or results[spec.id].key != self.suite.key(spec, row.source, ended)
            or (ungraded and results[spec.id].result.status is Status.UNGRADED)
        ]

    def _jobs(self) -> Iterator[Job]:
        for id_ in self.ledger.ids():
            row = self.ledger.known(id_)
            if row.handed.problem:
                self.tally.refused += 1
                self._report(id_)
            elif job := self._job(id_):
                yield job

    def _job(self, id_: str) -> Job | None:
        """What is to be done for a submission; None when there is nothing, and then its reports are there."""
        try:
            source = self._export.fetch(id_)
            self.ledger.note_source(id_, digest_of_source(source))
        except IntakeError as error:
            self.ledger.note_source(id_, "")
            self.ledger.note_refused(id_, str(error))
            source = Path()
        except OSError as error:
            raise GraderError(f"{id_} cannot be read: {error.strerror}; nothing graded is lost") from None
        row, results = self.ledger.known(id_), self.ledger.results(id_)
        stale = [] if row.why else self._stale(row, results, ungraded=True)
        if not stale:
            self.tally.known += not row.why
            self.tally.refused += bool(row.why)
            wanted = ("results.json",) if row.why else self._reports
            if not row.reported or not all((self._out / id_ / name).exists() for name in wanted):
                self._report(id_)
            self._release(id_)
            return None
        known = {id_: filed.result.status for id_, filed in results.items() if id_ not in stale}
        return Job(id=id_, source=str(source), checks=tuple(stale), known=known)

    # --- the run ----------------------------------------------------------------------------------

    def run(self, start: Callable[[], Examiners], progress: Callable[[Tally], None]) -> None:
        """Until everything is judged, by examiners that are started when there is something to judge. Raises
        GraderError when nothing can be graded, KeyboardInterrupt when asked to stop; what is known by then stays
        known."""
        jobs = self._jobs()
        first = next(jobs, None)
        progress(self.tally)
        if first is None:
            return
        with closing(start()) as examiners:
            self._again.append(first)
            more = True
            while more or self._at_hand:
                while more and examiners.room():
                    interrupt.check()
                    job = self._again.popleft() if self._again else next(jobs, None)
                    more = job is not None
                    if job:
                        self._at_hand[job.id] = job
                        examiners.give(job)
                    progress(self.tally)
                for event in examiners.events(SILENCE_S):
                    self._take(event)
                    more = more or bool(self._again)
                interrupt.check()
                progress(self.tally)

    def _take(self, event: AnyEvent) -> None:
        match event:
            case Opened():
                self.ledger.note_opened(event)
            case Judged():
                self._file(event)
            case Refused():
                self.ledger.note_refused(event.id, event.why)
                self.tally.refused += 1
                self._finish(event.id)
            case Ended():
                row, results = self.ledger.known(event.id), self.ledger.results(event.id)
                self.ledger.note_ended(self._ended(event, row.ended))
                stale = [] if event.fault else self._stale(row, results, ungraded=False)
                if stale and {*stale} != {*self._at_hand[event.id].checks}:
                    # How a check ended has changed, and others build on it.
                    known = {id_: filed.result.status for id_, filed in results.items() if id_ not in stale}
                    job = structs.replace(self._at_hand.pop(event.id), checks=tuple(stale), known=known)
                    self._again.append(job)
                else:
                    self.tally.done += 1
                    self._finish(event.id)
            case Halted():
                raise GraderError(event.why)

    def _file(self, event: Judged) -> None:
        row = self.ledger.known(event.id)
        ended = {id_: filed.result.status for id_, filed in self.ledger.results(event.id).items()}
        ended |= {result.id: result.status for result in event.results}
        filed = {
            result.id: Filed(self.suite.key(self._specs[result.id], row.source, ended), result)
            for result in event.results
        }
        [part] = {self._part_of[self._specs[result.id].question] for result in event.results}
        self.ledger.note_results(event.id, part, filed, self._ended(event, row.ended))
        self.tally.statuses.update(result.status for result in event.results)

    def _ended(self, event: Judged | Ended, before: Ended | None) -> Ended:
        """What is to be known if nothing more is heard of the job: where no code ran, what ran before."""
        fault = event.fault if isinstance(event, Ended) else ""
        if before and not event.versions and len(self._at_hand[event.id].checks) < len(self._specs):
            return structs.replace(before, fault=fault)
        return Ended(id=event.id, isolation=event.isolation, versions=event.versions, fault=fault)

    def _finish(self, id_: str) -> None:
        self._at_hand.pop(id_, None)
        self._release(id_)
        self._report(id_)

    def _release(self, id_: str) -> None:
        shutil.rmtree(self._place / id_, ignore_errors=True)

    # --- what comes out ---------------------------------------------------------------------------

    def rows(self) -> Iterator[Row]:
        """All submissions as they stand, in the order of the class."""
        return map(self._row, self.ledger.ids())

    def _row(self, id_: str) -> Row:
        known = self.ledger.known(id_)
        fault = known.ended.fault if known.ended else ""
        problem = known.handed.problem or known.why or ("" if known.opened else fault or NOT_YET)
        return Row(handed=known.handed, card=None if problem else self._card(known), problem=problem)

    def _card(self, row: Known) -> Scorecard:
        results = self.ledger.results(row.handed.id)
        stale = {*self._stale(row, results, ungraded=False)}
        held = {id_: filed.result for id_, filed in results.items() if id_ in self._specs and id_ not in stale}
        ended = row.ended or Ended(id=row.handed.id)
        assert row.opened
        manifest, submission, written = self.suite.manifest, row.opened.submission, row.opened.written
        given, lapsed = given_before(manifest, written, self._out / row.handed.id)
        findings = *submission.findings, *remarks(manifest, written), *lapsed
        card = score(
            manifest,
            self.suite.specs,
            not_run(self.suite.specs, held, STOPPED, ended.fault),
            submission=structs.replace(submission, name=row.handed.id, findings=findings),
            isolation=ended.isolation,
            versions=ended.versions,
            seconds=sum(result.seconds for result in held.values()),
        )
        return with_marks(structs.replace(card, handed=row.handed), given)

    def _report(self, id_: str) -> None:
        row, folder = self._row(id_), self._out / id_
        opened = self.ledger.known(id_).opened
        try:
            folder.mkdir(exist_ok=True)
            if row.card and opened:
                self.tally.ungraded += not row.card.complete
                if self._written:
                    write_record(structs.replace(opened.written, submission=id_), folder / WRITTEN)
                write_reports(row.card, folder)
            else:
                for name in (*REPORTS, WRITTEN):  # what staff gave before stays
                    (folder / name).unlink(missing_ok=True)
                if row.handed.problem or self.ledger.known(id_).why:
                    write_refusal(row.problem, folder)
                else:  # a fault of ours before anything was judged, which is nobody's 0
                    self.tally.ungraded += 1
        except OSError as error:
            raise GraderError(f"{folder} cannot be written to: {error.strerror}; nothing graded is lost") from None
        self.ledger.note_reported(id_)


def fits(spec: CheckSpec, pattern: str) -> bool:
    """Whether the pattern names the check or its question, with or without the part before them."""
    names = spec.id, spec.question, spec.id.partition(".")[2]
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)
