"""The pytest plugin: a suite of marked tests becomes checks, their outcomes become CheckResults.

    @pytest.mark.check("p1.rnn_forward", question="rnn", points=1, needs="p1.rnn_step_forward")
    def test_rnn_forward(student, stored):
        \"\"\"rnn_forward returns the hidden state of every time step\"\"\"

Marker: id, question, points; `needs` one id or several; `hidden=True` for what students see later; `slow=True`
for what takes long; `limit_s` of the check. Id and docstring may name parameters of a parametrised test:
"p1.sample_{cell}".
Fixtures: `student` (a Subject, in a fresh worker for each part), `reference` (our solution), `notebooks`, `stored`,
`policy` (a rule of the manifest), `speed` (a limit of the manifest).

A test ends with a Verdict or passes. Anything else that it raises is a fault of ours: UNGRADED. One that ends
with a WorkerError, because of something that befell the machine, is run once more before that.
"""

from __future__ import annotations

import fnmatch
import secrets
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from msgspec import structs

from grader import interrupt
from grader.checks.policy import Rulebook
from grader.checks.timing import Timer
from grader.checks.tolerance import LENIENT
from grader.errors import GraderError, ManifestError, NeedsGpu, NoGpu, SandboxUnavailable, Verdict, WorkerError
from grader.manifest import check_suite
from grader.meter import OutsideMeter
from grader.notebooks import Notebooks
from grader.placement import NEEDS_GPU, on_gpu, only_on_gpu
from grader.records import CheckResult, CheckSpec, HowToRun, Manifest, Status, Timing, Visibility
from grader.stored import Stored
from grader.subject import Subject

OUR_FAULT = "This check could not be graded, through no fault of yours; staff will run it again."
LEFT_OUT = "left out, because it is slow"
NO_CLOCKS = "speed is measured in a worker of its own only"
STOPPED = "Grading was stopped before this check was done."
OWN_DOING = 0.5  # of the whole submission's time


@dataclass
class Run:
    """One grading of one submission: what it needs, and what it has found so far."""

    manifest: Manifest
    student: Subject
    reference: Subject
    stored: Stored
    hidden: bool = True  # also run the hidden checks
    companions: bool = False  # judge `x.sizes` though `x` failed
    slow: Sequence[str] = ("*",)  # which slow checks to run, as fnmatch patterns
    notebooks: HowToRun = "run"
    clocks: bool = True  # off where somebody may be sitting at a breakpoint
    strict: bool = True  # the collected checks must add up to the manifest's points
    partly: bool = False  # the manifest is cut down to some parts
    known: Mapping[str, Status] = field(default_factory=dict)  # how checks ended that are not run now
    on_result: Callable[[Run], None] = lambda run: None
    started: float = field(default_factory=time.monotonic)
    specs: list[CheckSpec] = field(default_factory=list)
    selected: set[str] = field(default_factory=set)
    concealed: set[str] = field(default_factory=set)  # hidden checks that were asked for and are not run
    results: dict[str, CheckResult] = field(default_factory=dict)
    timings: dict[str, Timing] = field(default_factory=dict)
    fatal: GraderError | None = None
    fault: str = ""  # of ours, which ended the suite early; for staff
    part: str = ""  # whose checks the student's worker is at

    def part_of(self, spec: CheckSpec) -> str:
        """The part of the assignment that a check belongs to; "" for a question that the manifest does not know."""
        return next((question.part for question in self.manifest.questions if question.id == spec.question), "")

    def left_s(self) -> float:
        """Seconds left of the whole submission's clock, which stands still while others have the GPU."""
        return self.started + self.student.at.waited_s + self.manifest.limits.total_s - time.monotonic()

    def out_of_time(self) -> Verdict:
        """What becomes of a check for which no time is left: it counts as the submission's own doing where the
        submission's answers took most of the time."""
        total_s = self.manifest.limits.total_s
        if max(self.student.charged_s, self.student.cpu_now_s()) > OWN_DOING * total_s:
            return Verdict(Status.TIMED_OUT, f"the calls before took the {total_s:g} s that there are for everything")
        return Verdict(Status.UNGRADED, STOPPED, staff=f"the total limit of {total_s:g} s had passed")


RUN = pytest.StashKey[Run]()
SPEC = pytest.StashKey[CheckSpec]()
STARTED = pytest.StashKey["Start"]()


class Start(NamedTuple):
    """Of a check, when it began for the last time."""

    limit_s: float
    at: float  # by time.monotonic
    cpu_s: float  # that the submission's workers had used before
    again: str = ""  # why it is not the first time; for staff


def spec_of(item: pytest.Item, manifest: Manifest) -> CheckSpec:
    """The check that a test declares. Raises ManifestError when it declares none, or wrongly."""
    mark = item.get_closest_marker("check")
    if mark is None:
        raise ManifestError(f"{item.name} has no `check` marker")
    params = getattr(getattr(item, "callspec", None), "params", {})
    known = {"question", "points", "needs", "hidden", "slow", "limit_s"}
    if len(mark.args) != 1 or not {"question", "points"} <= mark.kwargs.keys() <= known:
        raise ManifestError(f"{item.name}: check(id, question=, points=[, needs=, hidden=, slow=, limit_s=]) expected")
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip().splitlines()
    if not doc:
        raise ManifestError(f"{item.name} has no docstring for the student to read")
    needs = mark.kwargs.get("needs", ())
    needs = (needs,) if isinstance(needs, str) else needs
    if not isinstance(mark.kwargs["points"], int | float):
        raise ManifestError(f"{item.name}: points must be a number, got {mark.kwargs['points']!r}")
    try:
        id_ = mark.args[0].format(**params)
        limit = next((limit for limit in manifest.speeds if limit.check == id_), None)
        if limit is None and "speed" in getattr(item, "fixturenames", ()):
            raise ManifestError(f"check {id_!r} measures speed, and the manifest has no limit for it (`$.speeds`)")
        return CheckSpec(
            id=id_,
            title=doc[0].format(**params),
            question=mark.kwargs["question"].format(**params),
            points=limit.points if limit else mark.kwargs["points"],
            visibility=manifest.hidden_visibility if mark.kwargs.get("hidden") else Visibility.VISIBLE,
            needs=tuple(need.format(**params) for need in needs),
            slow=bool(mark.kwargs.get("slow")),
        )
    except (AttributeError, LookupError, ValueError) as error:
        raise ManifestError(
            f"{item.name}: a name in braces is not among its parameters ({type(error).__name__}: {error})"
        ) from None


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Subject:
    """The submission, in a fresh worker for each part of the assignment."""
    run = request.config.stash[RUN]
    part = run.part_of(request.node.stash[SPEC])
    if part != run.part:
        run.part = part
        run.student.fresh()
    run.student.ready()  # here, so that no check's clock runs while the zygote is still importing torch
    return run.student


@pytest.fixture(scope="session")
def reference(request: pytest.FixtureRequest) -> Subject:
    """Our own solution, behind a worker of its own."""
    return request.config.stash[RUN].reference


@pytest.fixture(scope="session")
def notebooks(request: pytest.FixtureRequest) -> Notebooks:
    """The notebooks that were handed in."""
    run = request.config.stash[RUN]
    return Notebooks(run.student, Path(run.reference.submission.root), run.manifest.notebooks, run.notebooks)


@pytest.fixture
def policy(request: pytest.FixtureRequest) -> Rulebook:
    """The rule that the manifest has for this check; that it has one is seen to when the suite is collected."""
    run, id_ = request.config.stash[RUN], request.node.stash[SPEC].id
    found = next(policy for policy in run.manifest.policies if policy.check == id_)
    return Rulebook(found, run.manifest, run.student, Path(run.reference.submission.root))


@pytest.fixture
def speed(request: pytest.FixtureRequest, student: Subject) -> Timer:
    """Measures against what the manifest allows this check. Raises a Verdict where the submission shares a process with
    the grader, and so would with the reference."""
    run, spec = request.config.stash[RUN], request.node.stash[SPEC]
    if not run.clocks:
        raise Verdict(Status.SKIPPED, NO_CLOCKS)
    return Timer(
        next(limit for limit in run.manifest.speeds if limit.check == spec.id),
        student,
        student.rival(run.reference.submission),
        OutsideMeter(),
        said=lambda timing: run.timings.update({spec.id: timing}),
        idle=Status.UNGRADED if spec.points else Status.SKIPPED,
        seed=secrets.randbits(64),  # the inputs are not to be known, and worked on, beforehand
    )


@pytest.fixture(scope="session")
def stored(request: pytest.FixtureRequest) -> Stored:
    """Published and generated values."""
    return request.config.stash[RUN].stored


class Grading:
    """The hooks, around one Run. The fixtures above come with this module, which is a plugin of its own."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[RUN] = self.run

    # --- collection -------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None]:
        try:
            if self.run.fatal:
                raise self.run.fatal
            files = {path: i for i, path in enumerate(dict.fromkeys(item.path for item in items))}
            parts = {part.id: i for i, part in enumerate(self.run.manifest.parts)}
            policies = {policy.check for policy in self.run.manifest.policies}
            for item in items:
                item.stash[SPEC] = spec_of(item, self.run.manifest)
                id_ = item.stash[SPEC].id
                if "policy" in getattr(item, "fixturenames", ()) and id_ not in policies:
                    what = "judges a policy, and the manifest has none for it (`$.policies`)"
                    raise ManifestError(f"check {id_!r} {what}")
                item.extra_keyword_matches.add(id_)  # for -k
            self.run.specs = [item.stash[SPEC] for item in items]

            def place(item: pytest.Item) -> tuple[int, bool, int]:
                """Part by part, since each has a worker. What its module has seen of hidden inputs must not come out
                in the message of a visible check, so these come first."""
                spec = item.stash[SPEC]
                part = parts.get(self.run.part_of(spec), len(parts))
                return part, spec.visibility is not Visibility.VISIBLE, files[item.path]

            items.sort(key=place)
            if self.run.strict:
                check_suite(self.run.manifest, self.run.specs, partly=self.run.partly)
                check_order([item.stash[SPEC] for item in items])
        except GraderError as error:
            self.run.fatal = error
            items.clear()
        yield  # -k and the like choose among all
        if not self.run.hidden:
            hidden = [item for item in items if item.stash[SPEC].visibility is not Visibility.VISIBLE]
            self.run.concealed = {item.stash[SPEC].id for item in hidden}
            items[:] = [item for item in items if item not in hidden]
            config.hook.pytest_deselected(items=hidden)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.run.selected = {item.stash[SPEC].id for item in session.items}
        self.run.on_result(self.run)  # nothing yet, but a report from the start

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            last = report.longreprtext.strip().splitlines()[-1].removeprefix("E").strip()
            self.run.fatal = ManifestError(f"the suite cannot be collected: {report.nodeid}: {last}")

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.run.fault = f"{excinfo.typename}: {excinfo.value}"

    # --- running ----------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Whoever computes on the GPU does so alone, until his check is over."""
        try:
            return (yield)
        finally:
            self.run.student.at.leave_gpu()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        interrupt.check()
        if STARTED in item.stash:  # by another submission
            del item.stash[STARTED]
        if verdict := self.unjudged(item.stash[SPEC]):
            raise verdict
        if self.run.left_s() <= 0:
            raise self.run.out_of_time()
        self.run.student.move(on_gpu(self.run.manifest, item.stash[SPEC].id))

    def unjudged(self, spec: CheckSpec) -> Verdict | None:
        """Why a check is not to be judged at all, as far as the manifest and the checks before it say."""
        run = self.run
        if spec.slow and not any(fnmatch.fnmatchcase(spec.id, pattern) for pattern in run.slow):
            return Verdict(Status.SKIPPED, LEFT_OUT)
        if only_on_gpu(run.manifest, spec.id) and run.student.at.gpu is None:
            return NoGpu(Status.SKIPPED, NEEDS_GPU)
        for need in spec.needs:
            if run.companions and spec.id.startswith(f"{need}."):
                continue
            status = run.results[need].status if need in run.results else run.known.get(need, Status.PASSED)
            if status is Status.UNGRADED:
                return Verdict(status, f"not judged, because it builds on {need}, which could not be graded")
            if status is not Status.PASSED:
                return Verdict(Status.SKIPPED, f"not judged, because it builds on {need}, which did not pass")
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Runs a check once more, from the start and in fresh workers, that met a fault of the machine, or the first
        one that asks for a GPU where it has none."""
        self._begin(item)
        try:
            return (yield)
        except NeedsGpu:
            if not (provided := self.run.student.provide_cuda()):
                raise
            again = f"run a second time: {provided}"
        except Exception as error:
            if not of_machine(error):
                raise
            again = f"run a second time, after this: {error}"
        self.run.student.fresh()
        self.run.reference.fresh()
        self._begin(item, again)
        item.runtest()

    def _begin(self, item: pytest.Item, again: str = "") -> None:
        mark, run = item.get_closest_marker("check"), self.run
        limit_s = mark.kwargs.get("limit_s", run.manifest.limits.check_s) if mark else 0
        for subject in (run.student, run.reference):
            subject.let_go()
        if run.clocks:
            run.student.begin_check(min(limit_s, run.left_s()))
        LENIENT.set(run.student.at.on_gpu)
        item.stash[STARTED] = Start(limit_s, time.monotonic(), run.student.cpu_now_s(), again)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """Takes pytest's place: its own report would show source lines and values of the suite."""
        result = None
        if call.when == "call" or call.excinfo is not None:
            result = self._judged(item, call)
            self.run.results[result.id] = result
            self.run.on_result(self.run)
            if self.run.fatal:
                pytest.exit(str(self.run.fatal), returncode=2)
        longrepr: Any = None
        outcome: Literal["passed", "failed", "skipped"] = "passed"
        if result is not None and result.status is Status.SKIPPED:
            outcome, longrepr = "skipped", (item.location[0], item.location[1] or 0, result.message)
        elif result is not None and result.status is not Status.PASSED:
            outcome, longrepr = "failed", result.message
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome=outcome,
            longrepr=longrepr,
            when=call.when,  # type: ignore[arg-type]
            duration=call.duration,
            start=call.start,
            stop=call.stop,
        )

    def _judged(self, item: pytest.Item, call: pytest.CallInfo[None]) -> CheckResult:
        spec, run = item.stash[SPEC], self.run
        now, cpu_s = time.monotonic(), run.student.cpu_now_s()
        start = item.stash.get(STARTED, None) or Start(0.0, now - call.duration, cpu_s)
        seconds = now - start.at
        result = self.result(spec, call.excinfo.value if call.excinfo else None)
        if result.status is Status.TIMED_OUT and run.left_s() <= 0 and seconds < start.limit_s:
            result = self.result(spec, run.out_of_time())
        log = run.student.log()[-2000:] if call.excinfo and result.status is not Status.SKIPPED else ""
        remarks, run.student.remarks = tuple(run.student.remarks), []
        return structs.replace(
            result,
            remarks=remarks,
            staff="\n".join(text for text in (result.staff or log, start.again) if text),
            seconds=round(seconds, 6),
            cpu_s=round(max(0.0, cpu_s - start.cpu_s), 6),
            timing=run.timings.get(spec.id),
        )

    def result(self, spec: CheckSpec, error: BaseException | None) -> CheckResult:
        device = "" if isinstance(error, NoGpu) else self.run.student.at.device
        if error is None:
            return CheckResult(id=spec.id, status=Status.PASSED, device=device)
        if isinstance(error, Verdict):
            hidden = spec.visibility is not Visibility.VISIBLE
            message = error.hidden_text if hidden else error.text
            told_staff = error.text if error.text != message else ""
            staff = "\n".join(part for part in (told_staff, error.staff) if part)
            return CheckResult(
                id=spec.id,
                status=error.status,
                message=message,
                staff=staff,
                cause=error.cause,
                returned=error.returned,
                files=error.files,
                device=device,
            )
        if isinstance(error, SandboxUnavailable | ManifestError):
            self.run.fatal = error
        staff = "".join(traceback.format_exception(error, limit=-6))
        return CheckResult(id=spec.id, status=Status.UNGRADED, message=OUR_FAULT, staff=staff, device=device)


def of_machine(error: BaseException) -> bool:
    """Whether this befell a worker, and may be over at the next try."""
    return isinstance(error, WorkerError) and not isinstance(error, SandboxUnavailable)


def check_order(specs: Sequence[CheckSpec]) -> None:
    """Raises ManifestError when a check comes before one that it builds on: its result would not be known."""
    seen: set[str] = set()
    known = {spec.id for spec in specs}
    for spec in specs:
        if late := known.intersection(spec.needs) - seen:
            raise ManifestError(f"check {spec.id!r} needs {', '.join(sorted(late))}, which must come before it")
        seen.add(spec.id)


def not_run(
    specs: Iterable[CheckSpec], results: dict[str, CheckResult], why: str, staff: str = ""
) -> dict[str, CheckResult]:
    """`results` completed with an UNGRADED one for every check that has none."""
    missing = {
        spec.id: CheckResult(id=spec.id, status=Status.UNGRADED, message=why, staff=staff)
        for spec in specs
        if spec.id not in results
    }
    return {**results, **missing}
