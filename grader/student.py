"""Plain `pytest` as a door: in `student/<assignment>` it grades that folder, `--subject=DIR` another.

Loaded by every pytest in this environment, it stays out of the way unless the ini file names an
`assignment`. Hidden checks are not run here: students see their results after grading.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec import structs

from grader import plugin
from grader.errors import GraderError
from grader.grading import Desk, isolation, versions
from grader.paths import find_assignment
from grader.plugin import Grading, Run
from grader.records import CheckResult, CheckSpec, Manifest, Status
from grader.report.terminal import render
from grader.scoring import score
from grader.worker.inline import Inline
from grader.worker.launch import Launcher, Spawner, default_launcher

LATER = "Judged after you hand in."
INLINE = "Your code runs inside this very process (--inline): no clocks, no isolation, debuggers work."
PLAIN = "Your code runs in a plain process: nothing isolates it, which is fine for your own code."
WORKER = "Your code runs in a sandboxed worker process, as it does when it is graded."


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("assignment", "torchgrade: the assignment whose suite this is")
    group = parser.getgroup("torchgrade")
    group.addoption("--subject", type=Path, help="folder or zip to grade; default: this folder")
    group.addoption("--inline", action="store_true", help="run the code in this process, for debuggers")
    group.addoption("--notebooks", action="store_true", help="also run the notebooks, which takes a minute each")
    group.addoption("--plain", action="store_true", help="run the code in a plain, cold process")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "check(id, question=, points=): a check of an assignment")
    name = config.getini("assignment")
    if config.getoption("inline") and config.getoption("notebooks"):
        raise pytest.UsageError("notebooks run in a worker of their own: give --notebooks or --inline, not both")
    if not name:
        if config.getoption("subject"):
            # pytest looks for its ini file before it knows our option, and takes a separate DIR for a test path.
            raise pytest.UsageError("write --subject=DIR, with the equals sign, beside an assignment's pytest.ini")
        return
    # `python -m pytest` puts the student's folder first on the import path; nothing here may come from it.
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != config.invocation_params.dir]
    try:
        config.pluginmanager.register(StudentDoor(config, name), "torchgrade-student-door")
    except GraderError as error:
        raise pytest.UsageError(str(error)) from None


class StudentDoor:
    """Sets up one grading of one tree, and prints its points at the end."""

    def __init__(self, config: pytest.Config, name: str) -> None:
        assignment = find_assignment(name)
        self._inline = bool(config.getoption("inline"))
        # The reference has a worker even then: in one process the two would share their modules' names.
        self._launcher: Launcher = Spawner() if config.getoption("plain") else default_launcher()
        try:
            self._desk = Desk(assignment, self._launcher, required="none")
        except BaseException:
            self._launcher.close()
            raise
        try:
            self._set_up(config)
        except BaseException:
            self.pytest_unconfigure()
            raise

    def _set_up(self, config: pytest.Config) -> None:
        assignment = self._desk.assignment
        here = config.rootpath
        subject: Path = config.getoption("subject") or (
            assignment.student if here == assignment.suite else here
        )
        # A debugger should stop in the student's own file, not in a staged copy.
        self._submission = self._desk.stage(subject)
        if self._inline and subject.is_dir():
            self._submission = structs.replace(self._submission, root=str(subject.resolve()))
        manifest = self._desk.manifest
        if self._inline:
            forever = structs.replace(manifest.limits, total_s=math.inf)
            manifest = structs.replace(manifest, limits=forever)
        self.run = Run(
            manifest,
            self._desk.subject(self._submission, launcher=Inline() if self._inline else None),
            self._desk.reference,
            self._desk.stored,
            hidden=False,
            notebooks="run" if config.getoption("notebooks") else "off",
            clocks=not self._inline,
            strict=False,
        )
        config.pluginmanager.register(plugin, "torchgrade-fixtures")
        config.pluginmanager.register(Grading(self.run), "torchgrade-grading")

    def pytest_report_header(self) -> str:
        place = INLINE if self._inline else PLAIN if isinstance(self._launcher, Spawner) else WORKER
        return f"torchgrade: {place}"

    def pytest_collection_finish(self) -> None:
        if self.run.fatal:
            raise pytest.UsageError(str(self.run.fatal))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        run = self.run
        specs = [spec for spec in run.specs if spec.id in run.selected | run.concealed]
        if not specs:
            return
        later = {id_: CheckResult(id=id_, status=Status.SKIPPED, message=LATER) for id_ in run.concealed}
        card = score(
            narrowed(run.manifest, specs),
            specs,
            {**later, **run.results},
            submission=self._submission,
            isolation=isolation(run.student),
            versions=versions(self._launcher),
            seconds=0.0,
        )
        terminalreporter.write(render(card, hidden=False, color=bool(terminalreporter.hasmarkup)))

    def pytest_unconfigure(self) -> None:
        if hasattr(self, "run"):
            self.run.student.close()
        self._desk.close()
        self._launcher.close()


def narrowed(manifest: Manifest, specs: Iterable[CheckSpec]) -> Manifest:
    """The manifest of the questions that `specs` belong to, worth what these checks are worth."""
    points: dict[str, float] = {}
    for spec in specs:
        points[spec.question] = points.get(spec.question, 0.0) + spec.points
    questions = tuple(
        structs.replace(question, points=points[question.id])
        for question in manifest.questions
        if question.id in points
    )
    parts = tuple(
        structs.replace(part, points=sum(q.points for q in questions if q.part == part.id))
        for part in manifest.parts
        if any(q.part == part.id for q in questions)
    )
    return structs.replace(manifest, parts=parts, questions=questions)
