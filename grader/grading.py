"""One submission from its zip to its reports: intake, workers, suite, score."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from msgspec import structs

from grader import interrupt, plugin
from grader.checks.examples import COUNT, examples
from grader.errors import GraderError, IntakeError, ManifestError
from grader.intake import stage
from grader.manifest import load_manifest
from grader.paths import Assignment
from grader.plugin import STOPPED, Grading, Run, not_run
from grader.records import CheckResult, Gpu, HowToRun, Manifest, Scorecard, Submission, WrittenAnswers
from grader.report.files import REPORTS, WRITTEN, write_atomically, write_record, write_refusal, write_reports
from grader.scoring import score, with_marks
from grader.stored import Stored
from grader.subject import Subject
from grader.worker.launch import Launcher
from grader.worker.levels import STANDARD
from grader.worker.remembered import Remembering
from grader.worker.sandbox import LAYERS
from grader.worker.scratch import Scratch
from grader.written.extract import load_originals, read_answers, remarks
from grader.written.marks import Given, given_before

PYTEST_OPTIONS = (
    "--disable-plugin-autoload",
    "-p", "no:cacheprovider",
    "-p", "no:terminal",
    "-p", "no:logging",
    "--assert=plain",  # suites hold no assert, and rewriting them takes a while
    "--capture=no",  # the progress bar writes to stderr while the suite runs
    "--import-mode=importlib",
    "--strict-markers",
    "-o", "markers=check: a check of an assignment",
    "-c", os.devnull,
)  # fmt: skip

JOURNAL = "journal.jsonl"


class Desk:
    """What gradings of one assignment share: manifest, launcher, and the reference behind a worker.

    required: the level of isolation (`levels.LEVELS`) below which nothing is graded.
    total_s: the whole submission's clock, if not the manifest's.
    replies: a private folder in which the reference's replies are kept, see `worker.remembered`.
    gpu: for checks that are placed on one. What is right comes from the CPU all the same.
    Raises ManifestError, and GraderError when there is no room for temporary files.
    """

    def __init__(
        self,
        assignment: Assignment,
        launcher: Launcher,
        *,
        required: str = STANDARD,
        total_s: float | None = None,
        replies: Path | None = None,
        gpu: Gpu | None = None,
    ) -> None:
        self.assignment = assignment
        self.gpu = gpu
        self.manifest = load_manifest(assignment.manifest)
        if total_s is not None:
            limits = structs.replace(self.manifest.limits, total_s=total_s)
            self.manifest = structs.replace(self.manifest, limits=limits)
        self._originals = load_originals(self.manifest, assignment.reference)
        self.launcher = launcher
        self.required = required
        self.stored = Stored(assignment.published, assignment.generated)
        try:
            self._workplace = Scratch(0o711)  # not to be listed: a worker knows its own staged folder and no other
        except OSError as error:
            raise GraderError(f"there is no room for temporary files: {error.strerror or error}") from None
        set_hypothesis_home_dir(self._workplace.path / "hypothesis")  # else it writes where the command was started
        self.interrupted = False  # the last grading was ended by a signal
        self.unwritten = ""  # why the last grading's reports on disk are not its last word
        try:
            remembering = Remembering(launcher, replies) if replies else None
            self.reference = self.subject(self.stage(assignment.reference), reference=True, launcher=remembering)
        except BaseException:
            self._workplace.remove()
            raise

    def stage(self, source: Path) -> Submission:
        """Copies a submission to a folder of its own, which a worker may read. Raises IntakeError, and GraderError
        when it is this machine that cannot copy it."""
        place = self._workplace.path / secrets.token_hex(16)
        try:
            return stage(source, self.manifest, self.assignment.reference, place)
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise GraderError(f"{source.name} cannot be copied to {place.parent}: {error.strerror}") from None

    def subject(
        self, submission: Submission, *, reference: bool = False, launcher: Launcher | None = None
    ) -> Subject:
        return Subject(
            submission,
            launcher or self.launcher,
            self.manifest.limits,
            probes=self.assignment.probes if self.assignment.probes.exists() else None,
            standins=self.assignment.standins if self.assignment.standins.exists() else None,
            reference=reference,
            required="none" if reference else self.required,
            answers=self.assignment.answers,
            seed=self.manifest.seed,
            gpu=None if reference else self.gpu,
        )

    def close(self) -> None:
        self.reference.close()
        set_hypothesis_home_dir(None)
        self._workplace.remove()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def grade(
        self,
        source: Path,
        *,
        out: Path | None = None,
        parts: Sequence[str] = (),
        companions: bool = False,
        slow: Sequence[str] = ("*",),
        notebooks: HowToRun = "run",
        inputs: int = COUNT,
        progress: Callable[[Run], None] = lambda run: None,
    ) -> Scorecard:
        """Grades one zip or folder. `out` gets a line in journal.jsonl for every check, and both reports anew
        after every question. It also gets the answers that staff judge; what they gave before holds for every
        answer that is still the same.

        parts: only these parts of the assignment; all when empty.
        companions: judge hidden companions even where the check they belong to failed.
        slow: run only the slow checks that fit one of these patterns.
        notebooks: whether they are run again, see `Notebooks`.
        inputs: how many each hidden companion tries.
        Raises IntakeError (`out` then says so to the student), ManifestError, SandboxUnavailable, and
        GraderError when the submission cannot be copied or `out` cannot be written to before anything is graded;
        whatever else happens is in the Scorecard. Neither a signal nor a disk that is full later ends this call:
        `interrupted` and `unwritten` tell.
        """
        manifest = only_parts(self.manifest, parts)
        self.unwritten = ""
        if out:
            clear(out)
        try:
            submission = self.stage(source)
        except IntakeError as error:
            if out:
                refuse(error, out)
            raise
        submission, given = self._written(manifest, submission, out)
        student = self.subject(submission)
        run = Run(
            manifest,
            student,
            self.reference,
            self.stored,
            companions=companions,
            slow=slow,
            notebooks=notebooks,
            partly=bool(parts),
        )
        journal = Journal(out, lambda: self.card(run, submission, given)) if out else None

        def on_result(run: Run) -> None:
            progress(run)
            if journal:
                journal.record(run)

        run.on_result = on_result
        try:
            with examples(inputs):
                self._run_suite(run)
        finally:
            student.close()
            shutil.rmtree(submission.root, ignore_errors=True)
            if journal:
                journal.close()
        if run.fatal:
            raise run.fatal
        card = self.card(run, submission, given)
        if journal:
            self.unwritten = journal.finish(card, run)
        return card

    def answers(self, submission: Submission, manifest: Manifest) -> WrittenAnswers:
        """What a staged submission answers to the questions that staff judge; to be read before its code has run."""
        return read_answers(manifest, submission, self._originals)

    def _written(self, manifest: Manifest, submission: Submission, out: Path | None) -> tuple[Submission, Given]:
        """Reads the answers that staff judge, before any submitted code has run, and what staff gave them before;
        the submission gets remarks about both. Raises GraderError."""
        if not any(question.written for question in manifest.questions):
            return submission, ()
        written = self.answers(submission, manifest)
        given, lapsed = given_before(manifest, written, out) if out else ((), [])
        if out:
            try:
                write_record(written, out / WRITTEN)
            except OSError as error:
                raise GraderError(f"{out} cannot be written to: {error.strerror}") from None
        findings = (*submission.findings, *remarks(manifest, written), *lapsed)
        return structs.replace(submission, findings=findings), given

    def _run_suite(self, run: Run) -> None:
        self.interrupted = run_pytest(self.assignment, self.manifest, Grading(run)) and not run.fatal

    def card(self, run: Run, submission: Submission, given: Given = ()) -> Scorecard:
        card = score(
            run.manifest,
            run.specs,
            not_run(run.specs, run.results, STOPPED, run.fault),
            submission=submission,
            isolation=isolation(run.student),
            versions=versions(self.launcher, self.gpu),
            seconds=time.monotonic() - run.started,
        )
        return with_marks(card, given)


class Journal:
    """Keeps a folder of reports in step with a run, so that whatever ends it leaves them valid. When the disk is
    full the suite goes on, and what can be written at its end is."""

    def __init__(self, out: Path, card: Callable[[], Scorecard]) -> None:
        self._out = out
        self._card = card
        self._recorded: set[str] = set()
        self._waiting = -1  # questions with checks to come; unknown before the first record
        self._torn = False  # a line may be missing, or half there
        try:
            # Without a buffer, which could not be emptied any more, not even to close it.
            self._file = (out / JOURNAL).open("wb", buffering=0)
        except OSError as error:
            raise GraderError(f"{out} cannot be written to: {error.strerror}") from None

    def record(self, run: Run) -> None:
        new = [result for id_, result in run.results.items() if id_ not in self._recorded]
        self._recorded.update(run.results)
        waiting = len({spec.question for spec in run.specs if spec.id not in run.results})
        try:
            lines = journal_lines(new)
            if lines and self._file.write(lines) != len(lines):
                self._torn = True
        except OSError:
            self._torn = True
        if waiting != self._waiting:
            self._waiting = waiting
            with contextlib.suppress(OSError):  # the last one will be missed if it fails, too
                write_reports(self._card(), self._out)

    def finish(self, card: Scorecard, run: Run) -> str:
        """Writes the last reports; why they could not be written, or nothing."""
        try:
            if self._torn:
                write_atomically(self._out / JOURNAL, journal_lines(run.results.values()), mode=0o600)
            write_reports(card, self._out)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def close(self) -> None:
        self._file.close()


def journal_lines(results: Iterable[CheckResult]) -> bytes:
    return b"".join(msgspec.json.encode(result) + b"\n" for result in results)


def clear(out: Path) -> None:
    """Makes the folder of reports, without any of an earlier submission's. Raises GraderError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in (*REPORTS, WRITTEN, JOURNAL):
            (out / name).unlink(missing_ok=True)
            for left in out.glob(f".{name}.*.tmp"):  # of a run that was killed while it wrote
                left.unlink(missing_ok=True)
        (out / JOURNAL).touch(mode=0o600)  # it holds what only staff may read, like the scorecard
    except OSError as error:
        raise GraderError(f"{out} cannot be written to: {error.strerror}") from None


def refuse(error: IntakeError, out: Path) -> None:
    """Tells the student why nothing could be graded. Raises GraderError."""
    try:
        write_refusal(str(error), out)
    except OSError as fault:
        raise GraderError(f"{error}; and {out} cannot be written to: {fault.strerror}") from None


def isolation(subject: Subject) -> dict[str, bool]:
    """Layer -> whether it held for the subject's workers; a layer that was never reported did not."""
    return {layer: subject.isolation.get(layer, "absent") == "" for layer in LAYERS}


def versions(launcher: Launcher, gpu: Gpu | None = None) -> dict[str, str]:
    """Of what graded and ran, the run's GPU included."""
    device = {"device": f"{gpu.name} ({gpu.model})"} if gpu else {}
    return {"torchgrade": importlib.metadata.version("torchgrade"), **launcher.versions, **device}


def run_pytest(assignment: Assignment, manifest: Manifest, grading: Grading, *options: str) -> bool:
    """One session of pytest over the assignment's suite. Whether a signal ended it. Raises ManifestError when there is
    no suite, or no checks in it.

    manifest: the whole one; that of `grading.run` may be cut down to some parts.
    """
    run, suite = grading.run, str(assignment.suite)
    files = suite_files(assignment, run.manifest, manifest)
    if not files:
        raise ManifestError(f"the suite of {manifest.id} has no test_*.py")
    # Without --confcutdir the conftest.py of every folder up to the root would have a say in gradings.
    places = "--rootdir", suite, "--confcutdir", suite, *map(str, files)
    try:
        code = pytest.main([*PYTEST_OPTIONS, *options, *places], plugins=[plugin, grading])
    finally:
        forget_modules(assignment.suite)
    if not run.specs and not run.fatal:
        interrupt.check()  # pytest, asked to stop, ends as it does when a file cannot be collected
        why = run.fault or f"pytest ended with {int(code)}"
        run.fatal = ManifestError(f"the suite of {manifest.id} has no checks ({why})")
    return code == pytest.ExitCode.INTERRUPTED


def suite_files(assignment: Assignment, wanted: Manifest, whole: Manifest) -> list[Path]:
    """The suite's test files; of a manifest cut down to some parts, those named after them."""
    files = sorted(assignment.suite.glob("test_*.py"))
    if len(wanted.parts) == len(whole.parts):
        return files
    return [file for file in files if any(file.name.startswith(f"test_{part.id}_") for part in wanted.parts)]


def forget_modules(suite: Path) -> None:
    """pytest finds an imported test file again by its bare name, which another assignment may use as well."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).parent == suite:
            del sys.modules[name]


def only_parts(manifest: Manifest, parts: Sequence[str]) -> Manifest:
    if not parts:
        return manifest
    if unknown := set(parts) - {part.id for part in manifest.parts}:
        raise ManifestError(f"{manifest.id} has no part {', '.join(sorted(unknown))}")
    return structs.replace(
        manifest,
        parts=tuple(part for part in manifest.parts if part.id in parts),
        questions=tuple(question for question in manifest.questions if question.part in parts),
    )
